"""Worlds with pictures for observations, made in the step that moves the world."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box
from jaxdl.render.caster import render
from jaxdl.render.look import Look
from jaxdl.render.scene import Scene, default_look


class SeenTask(NamedTuple):
    """Holds a task and how its world looks, a pair that domain randomization draws.

    Attributes:
      world: the task of the env that is seen.
      look: Look.
    """

    world: Any
    look: Look


class SeenState(NamedTuple):
    """Holds a world's state and its last pictures.

    Attributes:
      world: the state of the env that is seen.
      frames: [H, W, 3 * frame_stack] uint8, the newest last.
      obs: what the world itself observes, where the pictures are drawn of that; () of a camera.
    """

    world: Any
    frames: jax.Array
    obs: Any = ()


def pixels(
    env: Env,
    scene: Scene,
    *,
    poses: Callable[[Any, Any], Any],
    sample_look: Callable[[jax.Array, Any], Look] | None = None,
    frame_stack: int = 3,
    action_repeat: int = 1,
) -> Env:
    """Observes the same worlds by a camera.

    Observations are [H, W, 3 * frame_stack] uint8. An action is repeated until the episode ends, at
    most `action_repeat` times; rewards are summed, one picture is made at the end, and `info` is
    that of the last step taken. An episode begins with copies of its first picture. The settings
    are CURL's (Laskin et al. 2020, table 5: three frames, the repeat by task).

    Args:
      env: whose observations are replaced. Its own time limit counts its own steps.
      scene: what is drawn, and how large.
      poses: state, task of `env` -> what `render` takes, as `jaxdl.envs.mjx.cartpole_poses`.
      sample_look: key, task of `env` -> the look of an episode; by default the MJCF's own.
      frame_stack: pictures in an observation.
      action_repeat: steps of `env` in a step.
    """

    def sample_task(key):
        world_key, look_key = jax.random.split(key)
        world = env.sample_task(world_key)
        look = sample_look(look_key, world) if sample_look else default_look(scene)
        return SeenTask(world, look)

    def picture(key, world, task):
        sensor_key = key if sample_look else None  # the MJCF's own sensor is ideal
        return render(scene, task.look, poses(world, task.world), sensor_key)

    def reset(key, task):
        world_key, sensor_key = jax.random.split(key)
        world, _ = env.reset(world_key, task.world)
        frames = jnp.tile(picture(sensor_key, world, task), frame_stack)
        return SeenState(world, frames), frames

    def step(key, state, action, task):
        world_key, sensor_key = jax.random.split(key)
        keys = jax.random.split(world_key, action_repeat)
        world, out = _repeat(env, keys, state.world, action, task.world)
        newest = picture(sensor_key, world, task)
        frames = jnp.concatenate([state.frames[:, :, 3:], newest], -1)
        return SeenState(world, frames), out._replace(obs=frames)

    shape = scene.height, scene.width, 3 * frame_stack
    obs_space = Box(shape, 0, 255, jnp.uint8)
    return Env(sample_task, reset, step, obs_space, env.action_space)


class Repeat(NamedTuple):
    """Holds what some steps with one action have come to.

    Attributes:
      world: the state of the env that is seen.
      reward: float32, discounted and summed until the episode ended.
      discount: float32, the product of the steps' discounts.
      terminated: bool.
      truncated: bool.
    """

    world: Any
    reward: jax.Array
    discount: jax.Array
    terminated: jax.Array
    truncated: jax.Array


def _repeat(
    env: Env, keys: jax.Array, world: Any, action: jax.Array, task: Any
) -> tuple[Any, Step]:
    """Steps with one action until the episode ends, to the last state and a Step without obs."""

    def step_once(repeat, key):
        live = ~(repeat.terminated | repeat.truncated)
        moved, out = env.step(key, repeat.world, action, task)
        after = Repeat(
            world=jax.tree.map(lambda new, old: jnp.where(live, new, old), moved, repeat.world),
            reward=repeat.reward + jnp.where(live, repeat.discount * out.reward, 0.0),
            discount=jnp.where(live, repeat.discount * out.discount, repeat.discount),
            terminated=repeat.terminated | (live & out.terminated),
            truncated=repeat.truncated | (live & out.truncated),
        )
        return after, (live, out.info)

    never = jnp.bool_(False)
    start = Repeat(world, jnp.float32(0), jnp.float32(1), never, never)
    end, (live, infos) = jax.lax.scan(step_once, start, keys)
    last = jnp.sum(live) - 1
    info = jax.tree.map(lambda values: values[last], infos)
    return end.world, Step(None, end.reward, end.terminated, end.truncated, info, end.discount)
