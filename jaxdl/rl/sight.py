"""The pieces of learners from pictures: their worlds, what is kept of them, and what they show."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxdl.core.learner import Learner
from jaxdl.core.run import Run
from jaxdl.deploy import Deployment
from jaxdl.envs import Env, make
from jaxdl.envs.repeat import repeat_actions
from jaxdl.envs.spaces import Box, abstract
from jaxdl.launch.options import OffPolicy, Optimizer
from jaxdl.nn import squashed_actor, stacked_critics, unit_to_env
from jaxdl.nn.pixel_encoder import pixel_encoder, state_encoder
from jaxdl.pages.exhibit import Exhibit, Outcome
from jaxdl.render.film import captioned, mosaic
from jaxdl.render.seen import has_camera, seen, usual_repeat
from jaxdl.render.views import Play, view_of
from jaxdl.rl import setup
from jaxdl.rl.continuous import Nets, check_actions
from jaxdl.rl.crops import cropped_space
from jaxdl.rl.curl import PixelNets, Views, crop_views, judge, policy_of, whole_views
from jaxdl.rl.deployment import deployed_policy
from jaxdl.rl.frames import Frames, push_frame, read_frames, stacked_space, start_frames
from jaxdl.rl.rollout import Policy, fold, start_rollout

SHOTS = 4  # moments of an episode that are shown
SIDE = 168  # pixels of a picture in the report


class Sight(NamedTuple):
    """How a world is observed.

    Attributes:
      env: its observations are single frames, or the world's own numbers.
      frames: how frames become stacks.
      views: how stacks become what the encoder reads.
      space: of what the encoder reads.
      side: of the crops, pixels; 0 where there are no pictures.
    """

    env: Env
    frames: Frames
    views: Views
    space: Any
    side: int


def make_sight(
    name: str,
    *,
    picture: int,
    side: int,
    stack: int = 3,
    action_repeat: int = 0,
    random_crops: bool = True,
    states: bool = False,
) -> Sight:
    """Makes a world's pictures and their crops.

    Worlds without a camera are always observed by their numbers.

    Args:
      name: of the world.
      picture: side of the camera's pictures, pixels.
      side: of the crops, pixels.
      stack: frames that are read at once.
      action_repeat: steps of an action; 0 is what CURL has for the task.
      random_crops: in training; otherwise the middle is always read.
      states: observe the world's numbers, one step at a time.

    Raises:
      BadInput: the name or a setting is unknown, or crops are larger than the pictures.
    """
    repeat = action_repeat or usual_repeat(name)
    if states or not has_camera(name):
        env = repeat_actions(make(name), repeat if has_camera(name) else 1)
        return Sight(env, Frames(1), whole_views(), env.obs_space, 0)
    env = seen(name, side=picture, action_repeat=repeat)
    space = cropped_space(stacked_space(env.obs_space, stack), side)
    views = crop_views(side, random=random_crops)
    return Sight(env, Frames(stack, "copies"), views, space, side)


class Settings(Protocol):
    """The options of the nets, and of how they are trained."""

    run: Run
    optimizer: Optimizer
    replay: OffPolicy
    channels: int
    convolutions: int
    latent: int
    hidden: tuple[int, ...]
    alpha_rate: float


def make_nets(sight: Sight, config: Settings) -> PixelNets:
    """Builds encoder, actor and two critics, and their optimizers.

    Args:
      sight: how the world is observed; numbers need no encoder.
      config: the options.

    Raises:
      BadInput: the world's actions are not real or not bounded.
    """
    size = check_actions(sight.env)
    encoder = state_encoder(sight.space)
    if sight.side:
        encoder = pixel_encoder(
            sight.space,
            channels=config.channels,
            num_layers=config.convolutions,
            size=config.latent,
        )
    codes = Box((encoder.size,))
    steps = config.run.horizon * config.replay.updates
    tx = setup.make_tx(config.optimizer, steps=steps)
    slower = config.optimizer.learning_rate * config.alpha_rate
    alpha_tx = setup.make_tx(replace(config.optimizer, learning_rate=slower), steps=steps)
    actor = squashed_actor(codes, size, hidden=config.hidden)
    critics = stacked_critics(codes, size, hidden=config.hidden)
    return PixelNets(encoder, Nets(actor, critics, tx, tx), contrast_tx=tx, alpha_tx=alpha_tx)


def deployment(nets: PixelNets, sight: Sight, *, text: str) -> Deployment:
    """Describes a policy and its critics for `./run export` and `./run watch`.

    Args:
      nets: encoder, actor and critics.
      sight: how the world is observed.
      text: what the policy is for.

    Returns:
      A Deployment with the input `obs`, a single frame, and for stacks `first` and `carry`; with
      the outputs `action`, `value`, `mean`, `log_std` and the next `carry`.
    """
    env, (stack, before) = sight.env, sight.frames
    to_env = unit_to_env(env.action_space)
    inputs: dict[str, Any] = {"obs": abstract(env.obs_space)}
    if stack > 1:
        frames = jax.eval_shape(lambda: start_frames(env.obs_space, 1, stack))
        carry = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), frames)
        inputs |= {"first": jax.ShapeDtypeStruct((), jnp.bool_), "carry": carry}

    def apply(params, inputs):
        obs = inputs["obs"]
        carry = push_frame(inputs["carry"], obs, inputs["first"], before) if stack > 1 else ()
        shown = sight.views.fixed(read_frames(carry, obs))
        features = nets.encoder.features(params["encoder"], shown)
        policy = policy_of(nets, params["actor"], features)
        unit = jnp.tanh(policy.mean)
        value = jnp.mean(judge(nets, params["encoder"], params["critics"], features, unit), axis=0)
        outputs = {"action": to_env(unit), "value": value} | policy._asdict()
        return outputs | ({"carry": carry} if stack > 1 else {})

    def weights(state):
        return {name: getattr(state.params, name) for name in ("encoder", "actor", "critics")}

    return Deployment(text + _TEXT + (_FRAMES if stack > 1 else ""), weights, apply, inputs)


_TEXT = """

`action` is the one that is taken without exploring, as the world takes it; `value` is the
discounted return that the critics expect of it, their mean. `mean` and `log_std` are the parameters
of the normal distribution of what tanh then squashes to the bounds."""
_FRAMES = """

`carry` holds the last frames, the newest last: hand back what comes out. Set `first` where an
episode begins, and copies of `obs` take their place, so that zeros will do for the first."""


class Film(NamedTuple):
    """What is kept of evaluation: returns of N episodes, and moments of the first.

    Attributes:
      episode_return: [N].
      episode_length: [N] int32.
      frames: [SHOTS, K, H, W, 3] uint8, what the policy has last seen.
      robot: leaves [SHOTS, ...], what a view keeps of the world.
    """

    episode_return: jax.Array
    episode_length: jax.Array
    frames: jax.Array
    robot: Any


def with_film(
    learner: Learner, sight: Sight, deployed: Deployment, name: str, *, episodes: int, steps: int
) -> Learner:
    """Adds pictures to a learner's evaluation: what the policy sees, and where the robot is.

    Args:
      learner: that is scored by fresh episodes.
      sight: of pictures; others leave the learner as it is.
      deployed: its policy.
      name: of the world.
      episodes: N.
      steps: the longest episode.
    """
    if not sight.side:
        return learner
    env, stack = sight.env, sight.frames.stack
    keep = view_of(name).keep
    times = np.linspace(0, steps - 1, SHOTS).astype(np.int32)
    places = jnp.asarray(np.maximum(times[:, None] - np.arange(stack)[::-1], 0))  # [SHOTS, K]

    def evaluate(key, state):
        policy = deployed_policy(partial(deployed.apply, deployed.weights(state)))
        carry = start_frames(env.obs_space, episodes, stack)
        return film(key, env, policy, carry, keep, places, episodes=episodes, steps=steps)

    return learner._replace(evaluate=evaluate)


def film(
    key: jax.Array,
    env: Env,
    policy: Policy,
    carry: Any,
    keep: Callable[[Any, Any, Any], Any],
    places: jax.Array,
    *,
    episodes: int,
    steps: int,
) -> dict[str, jax.Array]:
    """Scores fresh episodes, and keeps moments of the first one.

    Args:
      key: of all chance in them.
      env: of single frames.
      policy: that acts.
      carry: leaves [N, ...], its memory.
      keep: state, task, obs -> what is kept of a world.
      places: [SHOTS, K] int32, the steps whose frames are kept.
      episodes: N.
      steps: the longest episode.
    """

    def look(state, task):
        """Returns the frame of the first world, and what is kept of it."""
        state, task = jax.tree.map(lambda x: x[0], (state, task))
        return state.frames, keep(state, task, state.frames)

    def update(kept, moment):
        time, shown = kept
        frame, robot = look(moment.before, moment.task)
        is_place = places == time  # [SHOTS, K]
        is_last = is_place[:, -1]
        pick = lambda mask, new, old: jnp.where(  # noqa: E731
            mask.reshape(mask.shape + (1,) * (old.ndim - mask.ndim)), new, old
        )
        return time + 1, Film(
            shown.episode_return + moment.step.reward,
            shown.episode_length + moment.is_alive,
            pick(is_place, frame, shown.frames),
            jax.tree.map(partial(pick, is_last), robot, shown.robot),
        )

    rollout = start_rollout(key, env, carry, episodes=episodes)
    frame, robot = look(rollout.env_state, rollout.task)
    blank = Film(
        jnp.zeros(episodes),
        jnp.zeros(episodes, jnp.int32),
        jnp.broadcast_to(frame, (*places.shape, *frame.shape)),
        jax.tree.map(lambda x: jnp.broadcast_to(x, (places.shape[0], *x.shape)), robot),
    )
    _, (_, shown) = fold(rollout, env, policy, update, (jnp.int32(0), blank), max_steps=steps)
    leaves = jax.tree.leaves(shown.robot)
    return {
        "episode_return": jnp.mean(shown.episode_return),
        "episode_length": jnp.mean(shown.episode_length),
        "frames": shown.frames,
    } | {f"robot_{i}": leaf for i, leaf in enumerate(leaves)}


def sight_exhibits(sight: Sight, name: str, outcome: Outcome) -> Sequence[Exhibit]:
    """Draws the robot beside what the policy sees of it, at moments of one episode.

    Args:
      sight: how the world is observed.
      name: of the world.
      outcome: of a run whose learner was given `with_film`.
    """
    if "frames" not in outcome.arrays:
        return ()
    arrays = outcome.arrays
    if outcome.num_seeds > 1:
        arrays = {name: array[0] for name, array in arrays.items()}
    view = view_of(name)
    leaves = [arrays[f"robot_{i}"] for i in range(len(arrays) - 1)]
    robots = view.paint(
        Play(_like_kept(sight.env, view.keep, leaves), np.zeros(0), np.zeros(0)),
        range(len(arrays["frames"])),
        SIDE,
        SIDE,
    )
    rows = []
    for robot, frames in zip(robots, arrays["frames"], strict=True):
        views = np.asarray(sight.views.fixed(frames))  # [K, side, side, 3]
        rows += [captioned(robot, "the robot")]
        rows += [
            captioned(_enlarge(view), _age(len(views) - 1 - k)) for k, view in enumerate(views)
        ]
    sheet = Image.fromarray(mosaic(rows, 1 + sight.frames.stack))
    caption = (
        "The robot at four moments of an episode, evenly spaced, and what the policy sees of it: "
        f"the {sight.side} x {sight.side} pixels in the middle of its last frames."
    )
    return [Exhibit("what_the_policy_sees", sheet, caption)]


def _like_kept(env: Env, keep: Callable[[Any, Any, Any], Any], leaves: list[Any]) -> Any:
    """Returns arrays in the structure of what is kept of a world."""

    def kept(key):
        task = env.sample_task(key)
        state, obs = env.reset(key, task)
        return keep(state, task, obs)

    return jax.tree.structure(jax.eval_shape(kept, jax.random.key(0))).unflatten(leaves)


def _enlarge(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    return np.asarray(image)


def _age(steps: int) -> str:
    return "seen now" if not steps else f"{steps} step{'s' * (steps > 1)} ago"
