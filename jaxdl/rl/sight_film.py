"""What a policy that learns from pictures sees, beside the robot, at moments of an episode."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxdl.core.learner import Learner
from jaxdl.deploy import Deployment
from jaxdl.envs import Env
from jaxdl.pages.exhibit import Exhibit, Outcome
from jaxdl.render.film import captioned, mosaic
from jaxdl.render.view import Play
from jaxdl.render.views import view_of
from jaxdl.rl.deployment import deployed_policy
from jaxdl.rl.frames import start_frames
from jaxdl.rl.rollout import Policy, fold, start_rollout
from jaxdl.rl.sight import Sight, is_numbered

SHOTS = 4  # moments of an episode that are shown
SIDE = 168  # pixels of a picture in the report
SOON_OVER = 9  # moves of a game that the moments are of: some are lost soon after


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
    last = min(steps - 1, SOON_OVER) if is_numbered(sight) else steps - 1
    times = np.linspace(0, last, SHOTS).astype(np.int32)
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
    """Draws the robot, or the game, beside what the policy sees of it, at moments of one episode.

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
    thing = "game" if is_numbered(sight) else "robot"
    rows = []
    for robot, frames in zip(robots, arrays["frames"], strict=True):
        views = np.asarray(sight.views.fixed(frames))  # [K, side, side, 3]
        rows += [captioned(robot, f"the {thing}")]
        rows += [
            captioned(_enlarge(view), _age(len(views) - 1 - k)) for k, view in enumerate(views)
        ]
    sheet = Image.fromarray(mosaic(rows, 1 + sight.frames.stack))
    caption = (
        f"The {thing} at four moments of an episode, evenly spaced, and what the policy sees of "
        f"it: the {sight.side} x {sight.side} pixels in the middle of its last frames."
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
