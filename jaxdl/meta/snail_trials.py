"""SNAIL in trials (Mishra et al. 2018, section 5.2): what RL^2 remembers, it looks up.

The slow learner, the trial and the yardsticks are those of `jaxdl.meta.rl2`; the net is another. Of
its choices nothing is hidden in a carry: how much each step looks at each step of the past can be
drawn, and is returned by the evaluation.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.learner import Learner
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, make
from jaxdl.envs.spaces import flatten
from jaxdl.launch.system import System
from jaxdl.meta.evaluation import Evaluation, is_bandit
from jaxdl.meta.mdp_evaluation import is_tabular, mdp_sizes
from jaxdl.meta.rl2 import rl2
from jaxdl.meta.setup import Settings, trial_system
from jaxdl.meta.snail_figures import looks_exhibit
from jaxdl.meta.trial import trial
from jaxdl.nn import ActorCritic, actor_critic, fast_dense
from jaxdl.nn.snail import Attention, Block, Temporal, snail_layer, unroll_snail
from jaxdl.rl.rollout import likeliest_policy, record, start_rollout

SHOWN = 256  # trials whose attention is averaged


class SnailPolicy(NamedTuple):
    """A policy whose memory is SNAIL's.

    Attributes:
      net: policy and value for trials.
      look: params, obs [T, E, O] of whole trials -> [E, T, T], how much each step looks at each, as
        a mean over the attention blocks.
      length: L, steps that it looks back over, the present one included.
    """

    net: ActorCritic
    look: Callable[[Any, jax.Array], jax.Array]
    length: int


def snail_policy(world: Env, blocks: Sequence[Block], *, width: int, length: int) -> SnailPolicy:
    """Makes the policy and value of a world of trials.

    Args:
      world: of trials, whose observations are vectors.
      blocks: of the layer between a dense one for each step and the heads.
      width: H, of that dense layer and of what the heads read.
      length: L, steps of the longest trial.
    """
    net = actor_critic(
        world.obs_space,
        world.action_space,
        hidden=(width,),
        recurrent=snail_layer(blocks, length=length),
        affine=fast_dense,
    )

    def look(params, obs):
        steps, trials = obs.shape[:2]
        first = jnp.zeros((steps, trials), bool)
        past = net.initial_carry(trials)
        _, _, looks = unroll_snail(blocks, params["cell"], past, obs, first)
        return jnp.mean(jnp.stack(looks), axis=0)[..., -steps:]

    return SnailPolicy(net, look, length)


def trial_blocks(*, filters: int, temporal: int = 2) -> list[Block]:
    """Returns TC blocks and an attention block behind them, said to be the paper's for trials.

    Args:
      filters: F, of a dense block, and numbers of a key and of a value.
      temporal: how many TC blocks.
    """
    return [*[Temporal(filters)] * temporal, Attention(filters, filters)]


def trial_steps(name: str, *, episodes: int) -> int | None:
    """Returns how many steps a trial of that world has, or None where it depends on what is done.

    Args:
      name: of the world, with its settings.
      episodes: n, of a trial.
    """
    if is_bandit(name):
        return episodes
    if is_tabular(name):
        return episodes * mdp_sizes(name, make(name), episodes=episodes).horizon
    return None


def memory_length(name: str, *, episodes: int, unroll: int, memory: int) -> int:
    """Returns over how many steps a policy of that world has to look back.

    Args:
      name: of the world, with its settings.
      episodes: n, of a trial.
      unroll: T, steps between two updates.
      memory: L, if it is asked for; 0 for a whole trial, or for T where its length is not known.

    Raises:
      BadInput: a trial is longer than the memory, or is cut by an update.
    """
    steps = trial_steps(name, episodes=episodes)
    if steps is None:
        return memory or unroll
    if 0 < memory < steps:
        raise BadInput(
            f"--memory={memory} should be at least {steps}, the steps of a trial of {name} with "
            f"--episodes={episodes}: what is older is not seen"
        )
    if unroll % steps:
        raise BadInput(
            f"--unroll={unroll} should be a multiple of {steps}, the steps of a trial of {name} "
            f"with --episodes={episodes}: gradients reach through whole trials"
        )
    return memory or steps


def snail_trial_system(
    make_slow: Callable[..., Learner],
    config: Settings,
    blocks: Sequence[Block],
    *,
    width: int,
    memory: int,
) -> System:
    """Builds SNAIL in trials, with a picture of what it looks at where trials are equally long.

    Args:
      make_slow: makes the slow learner of options, as `jaxdl.rl.plain_ppo.make_ppo` does.
      config: its options.
      blocks: of the net.
      width: H, of the net.
      memory: L, steps that it looks back over; 0 for a whole trial.

    Raises:
      BadInput: a trial is longer than the memory, or is cut by an update.
    """
    name, episodes = config.worlds.env, config.episodes
    length = memory_length(name, episodes=episodes, unroll=config.update.unroll, memory=memory)
    world = trial(make(name), episodes)
    policy = snail_policy(world, blocks, width=width, length=length)
    steps = trial_steps(name, episodes=episodes)

    def learn(*parts, episodes, evaluate):
        if steps:
            evaluate = with_looks(evaluate, world, policy, steps)
        return rl2(*parts, episodes=episodes, evaluate=evaluate)

    system = trial_system(
        learn, make_slow, config, net_for=lambda world: policy.net, player="SNAIL"
    )
    scores = system.figures
    return system._replace(figures=lambda outcome: [*scores(outcome), *looks_exhibit(outcome)])


def with_looks(evaluate: Evaluation, world: Env, policy: SnailPolicy, steps: int) -> Evaluation:
    """Adds to an evaluation what the policy looks at.

    Args:
      evaluate: key, net, params -> metrics and arrays.
      world: of trials.
      policy: of that world.
      steps: T, of a trial that are played for the picture; at most L.

    Returns:
      The same with these arrays: `attention/mean` [T, T], over 256 trials; and of one of them
      `attention/one` [T, T], `attention/action` [T, A] and `attention/reward` [T].
    """

    def evaluate_and_look(key, net, params):
        looks = _look_back(jax.random.fold_in(key, 1), world, policy, params, steps)
        return evaluate(key, net, params) | looks

    return evaluate_and_look


def _look_back(
    key: jax.Array, world: Env, policy: SnailPolicy, params: Any, steps: int
) -> dict[str, jax.Array]:
    """Plays fresh trials with the likeliest actions, and returns what is looked at in them."""
    net = policy.net
    act = likeliest_policy(net, params, lambda obs: obs)
    start = start_rollout(key, world, net.initial_carry(SHOWN), episodes=SHOWN)

    def keep(moment):
        return moment.step.obs, flatten(world.action_space, moment.action), moment.step.reward

    _, (obs, action, reward) = record(start, world, act, keep, steps=steps)
    read = jnp.concatenate([start.obs[None], obs[:-1]])
    looks = policy.look(params, read)
    return {
        "attention/mean": jnp.mean(looks, axis=0),
        "attention/one": looks[0],
        "attention/action": action[:, 0],
        "attention/reward": reward[:, 0],
    }
