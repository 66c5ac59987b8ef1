"""The frame of off-policy learners: act, remember, and learn from what is drawn from the ring.

DQN, DDPG, TD3 and SAC are a `Method` each: how they act, and what one update does. Everything else
is here, once: the worlds, the ring, the ratio of updates to env steps, and the evaluation.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner, Mean, Metrics, Replay, TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import (
    Env,
    Worlds,
    WorldsState,
    episode_metrics,
    info_metrics,
    start_window,
    vectorize,
)
from jaxdl.ops.statistics import Statistics, merge, no_statistics, observation_normalizer
from jaxdl.rl.evaluation import evaluate_policy
from jaxdl.rl.frames import Frames, as_frames, push_frame, read_frames, start_frames
from jaxdl.rl.noise import Noise, forget
from jaxdl.rl.replay import (
    Steps,
    Transitions,
    add,
    check_sizes,
    make_ring,
    sample,
    set_priority,
)
from jaxdl.rl.rollout import Policy


class Extra(NamedTuple):
    """What goes along with the parameters.

    Attributes:
      target: parameters of the target networks, and what else a method keeps.
      updates: int32 scalar, gradient steps so far.
      obs_statistics: of all observations so far, which the frame counts; () unless the methods see
        them normalized.
    """

    target: Any
    updates: jax.Array
    obs_statistics: Statistics | tuple[()] = ()


class Actors(NamedTuple):
    """The worlds and what they have lived through.

    Attributes:
      worlds: WorldsState; `worlds.obs` [E, ...] is what to act upon.
      frames: the last K observations, the newest last, leaves [E, K, ...]; () if K is 1.
      replay: Replay of a Ring.
      noise: what the noise of exploration remembers, leaves [E, ...]; () without any.
    """

    worlds: WorldsState
    frames: Any
    replay: Replay
    noise: Any = ()


class Method(NamedTuple):
    """What tells one off-policy learner from another.

    Actions are as the method stores them: integers, or units within [-1, 1]. Observations are
    normalized where the regime says so.

    Attributes:
      init: key -> TrainState without actors; its `extra` is an Extra.
      explore: key, state, obs [E, ...] -> actions [E, ...], for training.
      exploit: params, obs [E, ...] -> actions [E, ...], the best ones.
      update: key, state, Transitions [B] -> state, metrics, TD errors [B]. One gradient step; the
        frame counts it.
      to_env: actions [E, ...] -> the env's.
      random: key -> one action, for the first steps.
      noise: added to unit actions in training; None is none.
    """

    init: Callable[[jax.Array], TrainState]
    explore: Callable[[jax.Array, TrainState, Any], Any]
    exploit: Callable[[Any, Any], Any]
    update: Callable[[jax.Array, TrainState, Transitions], tuple[TrainState, Metrics, jax.Array]]
    to_env: Callable[[Any], Any]
    random: Callable[[jax.Array], Any]
    noise: Noise | None = None


class Regime(NamedTuple):
    """How a learner plays, remembers, learns, and is scored.

    Attributes:
      num_envs: E, worlds side by side.
      unroll: T, steps in each world between two rounds of updates.
      updates: U, gradient steps in a round; U / (T E) of them come on each env step.
      batch_size: B of an update.
      capacity: transitions in the ring; the oldest are overwritten.
      learning_starts: env steps of random actions before the first update, which `init` takes.
      discount: gamma; the worlds' own discounts multiply it.
      n_step: n, rewards in a target.
      stack: K, the last frames that the net reads at once; or Frames.
      tau: share by which targets follow the parameters; 1 is a copy.
      normalize_observations: real ones, by mean and deviation of all so far.
      eval_envs: fresh worlds, in each of which `evaluate` plays one episode without exploring.
      eval_steps: the longest episode there.
    """

    num_envs: int
    unroll: int = 1
    updates: int = 1
    batch_size: int = 256
    capacity: int = 65_536
    learning_starts: int = 1024
    discount: float = 0.99
    n_step: int = 1
    stack: int | Frames = 1
    tau: float = 0.005
    normalize_observations: bool = False
    eval_envs: int = 128
    eval_steps: int = 1000


class Priorities(NamedTuple):
    """How steps are drawn that are not alike: Schaul et al. 2016.

    Attributes:
      exponent: alpha of eq. 1.
      importance: updates so far -> beta of section 3.4, which rises to 1.
    """

    exponent: float
    importance: Callable[[jax.Array], jax.Array]


def off_policy(
    env: Env, method: Method, regime: Regime, *, priorities: Priorities | None = None
) -> Learner:
    """Makes a learner of a method.

    Args:
      env: the family of worlds; every episode draws its task anew.
      method: how to act and to update.
      regime: how to play and to remember.
      priorities: None draws all steps alike.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: sizes that do not fit one another, or stacked frames that are to be normalized.
    """
    num_envs = regime.num_envs
    rule = as_frames(regime.stack)
    stack = rule.stack
    whole = regime.n_step + stack  # steps that make a transition
    places = check_sizes(num_envs, regime.capacity, regime.batch_size, regime.n_step, stack)
    warmup = -(-regime.learning_starts // num_envs)
    if warmup < whole:
        raise BadInput(
            f"learning_starts={regime.learning_starts} should be at least {whole * num_envs}: "
            f"{whole} steps in each of {num_envs} worlds make a whole transition"
        )
    if regime.normalize_observations and stack > 1:
        raise BadInput(f"normalize_observations=True does not go with stack={stack} frames")
    worlds = vectorize(env, num_envs)

    def start(key):
        """Fills the ring with random play; returns the Actors and what they saw [T, E, ...]."""
        reset_key, play_key = jax.random.split(key)
        world_state = worlds.reset(reset_key)
        frames = start_frames(env.obs_space, num_envs, stack)
        frames = push_frame(frames, world_state.obs, jnp.ones(num_envs, bool), rule.before)

        def act(key, obs):
            return jax.vmap(method.random)(jax.random.split(key, num_envs))

        shapes = jax.eval_shape(
            lambda: play_step(play_key, world_state, frames, worlds, method.to_env, act)[2]
        )
        ring = make_ring(shapes, places, prioritized=priorities is not None)
        memory = method.noise.start(num_envs) if method.noise else ()
        actors = Actors(world_state, frames, Replay(ring), memory)
        actors, seen, _ = collect(
            play_key,
            actors,
            worlds,
            method.to_env,
            act,
            steps=warmup,
            keep_obs=regime.normalize_observations,
            before=rule.before,
        )
        return actors, seen

    def count(extra, seen):
        """Adds observations [T, E, ...] to the statistics, where there are any."""
        if not regime.normalize_observations:
            return extra
        return extra._replace(obs_statistics=merge(extra.obs_statistics, seen))

    def init(key):
        net_key, actors_key = jax.random.split(key)
        state = method.init(net_key)
        actors, seen = start(actors_key)
        extra = state.extra
        if regime.normalize_observations:
            first = jax.tree.map(lambda x: x[0, 0], seen)
            extra = extra._replace(obs_statistics=no_statistics(first))
        return state._replace(actors=actors, extra=count(extra, seen))

    def learn(key, state, ring):
        """Takes U gradient steps."""
        normalize = observation_normalizer(state.extra.obs_statistics)

        def learn_once(carry, key):
            state, ring = carry
            sample_key, update_key = jax.random.split(key)
            importance = priorities.importance(state.extra.updates) if priorities else 0.0
            transitions, drawn = sample(
                sample_key,
                ring,
                regime.batch_size,
                n_step=regime.n_step,
                discount=regime.discount,
                stack=rule,
                importance=importance,
            )
            transitions = transitions._replace(
                obs=normalize(transitions.obs), next_obs=normalize(transitions.next_obs)
            )
            state, metrics, td_error = method.update(update_key, state, transitions)
            updates = state.extra.updates + 1
            state = state._replace(extra=state.extra._replace(updates=updates))
            if priorities:  # what has no target is not drawn again soon
                td_error = jnp.where(transitions.weight > 0, td_error, 0.0)
                ring = set_priority(ring, drawn, td_error, exponent=priorities.exponent)
            return (state, ring), metrics

        carry, metrics = jax.lax.scan(
            learn_once, (state, ring), jax.random.split(key, regime.updates)
        )
        return carry, average(metrics)

    def step(key, state, batch):
        del batch
        collect_key, learn_key = jax.random.split(key)
        normalize = observation_normalizer(state.extra.obs_statistics)
        actors, seen, metrics = collect(
            collect_key,
            state.actors,
            worlds,
            method.to_env,
            lambda key, obs: method.explore(key, state, normalize(obs)),
            steps=regime.unroll,
            noise=method.noise,
            keep_obs=regime.normalize_observations,
            before=rule.before,
        )
        learned = state._replace(actors=(), extra=count(state.extra, seen))
        (learned, ring), learn_metrics = learn(learn_key, learned, actors.replay.ring)
        actors = actors._replace(replay=Replay(ring))
        return learned._replace(actors=actors), metrics | learn_metrics

    def evaluate(key, state):
        return evaluate_policy(
            key,
            env,
            greedy_policy(method, state, before=rule.before),
            episodes=regime.eval_envs,
            max_steps=regime.eval_steps,
            initial_carry=start_frames(env.obs_space, regime.eval_envs, stack),
        )

    return Learner(init, step, evaluate)


def play_step(
    key: jax.Array,
    world_state: WorldsState,
    frames: Any,
    worlds: Worlds,
    to_env: Callable[[Any], Any],
    act: Callable[[jax.Array, Any], Any],
    before: str = "zeros",
) -> tuple[WorldsState, Any, Steps, dict[str, jax.Array]]:
    """Takes one step in every world.

    Returns:
      The worlds' state, the frames to act upon, the Steps, and what the worlds report as `info`.
    """
    act_key, world_key = jax.random.split(key)
    obs = world_state.obs
    action = act(act_key, read_frames(frames, obs))
    after, out = worlds.step(world_key, world_state, to_env(action))
    done = out.terminated | out.truncated
    steps = Steps(
        obs=obs,
        action=action,
        reward=out.reward,
        discount=jnp.where(out.terminated, 0.0, out.discount),
        done=done,
        truncated=out.truncated & ~out.terminated,
    )
    return after, push_frame(frames, after.obs, done, before), steps, out.info


def collect(
    key: jax.Array,
    actors: Actors,
    worlds: Worlds,
    to_env: Callable[[Any], Any],
    act: Callable[[jax.Array, Any], Any],
    *,
    steps: int,
    noise: Noise | None = None,
    keep_obs: bool = False,
    before: str = "zeros",
) -> tuple[Actors, Any, Metrics]:
    """Plays T steps in every world and adds them to the ring.

    Args:
      key: of actions and worlds.
      actors: where the worlds stand.
      worlds: that reset themselves.
      to_env: actions as they are stored -> the env's.
      act: key, obs [E, ...] -> actions.
      steps: T.
      noise: added to unit actions; None is none.
      keep_obs: return the observations.
      before: what stands before an episode's first frame, as `Frames` has it.

    Returns:
      The next Actors, the observations that were acted upon [T, E, ...] or (), and metrics: means
      over the episodes that ended, and of what the worlds report.
    """

    def step(actors, key):
        memory = actors.noise
        act_now = act
        if noise is not None:
            key, noise_key = jax.random.split(key)
            memory, drawn = noise.draw(noise_key, memory)
            act_now = lambda key, obs: jnp.clip(act(key, obs) + drawn, -1.0, 1.0)  # noqa: E731
        world_state, frames, happened, info = play_step(
            key, actors.worlds, actors.frames, worlds, to_env, act_now, before
        )
        if noise is not None:
            memory = forget(memory, happened.done)
        ring = add(actors.replay.ring, happened)
        after = Actors(world_state, frames, Replay(ring), memory)
        return after, (happened.obs if keep_obs else (), info_metrics(info))

    actors = actors._replace(worlds=start_window(actors.worlds))
    actors, (seen, info) = jax.lax.scan(step, actors, jax.random.split(key, steps))
    return actors, seen, episode_metrics(actors.worlds.stats) | jax.tree.map(jnp.mean, info)


def average(metrics: Metrics) -> Metrics:
    """Averages metrics [U] over updates; totals and counts of a Mean are added up."""
    return {
        name: jax.tree.map(jnp.sum, x) if isinstance(x, Mean) else jnp.mean(x)
        for name, x in metrics.items()
    }


def greedy_policy(method: Method, state: TrainState, *, before: str = "zeros") -> Policy:
    """Acts by the best action; the carry is the stack of frames."""
    normalize = observation_normalizer(state.extra.obs_statistics)

    def act(key, frames, obs, first):
        frames = push_frame(frames, obs, first, before)
        seen = normalize(read_frames(frames, obs))
        return frames, method.to_env(method.exploit(state.params, seen))

    return act
