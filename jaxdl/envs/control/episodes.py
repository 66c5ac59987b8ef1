"""What dm_control's tasks share: 1000 steps, physics that are the task, goals beside them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.control.physics import (
    Constants,
    Mechanism,
    advance,
    draw_constants,
    mjx,
    with_constants,
)
from jaxdl.envs.env import Env, Step
from jaxdl.envs.mujoco import OnDevice, action_box, place
from jaxdl.envs.spaces import Box

MAX_STEPS = 1000

Goal = Any  # NamedTuple of arrays, or ()


class Task(NamedTuple):
    """Holds what is to be done, and the physics.

    Attributes:
      goal: the world's own; () where there is but one.
      constants: factors of the MJCF's.
    """

    goal: Goal = ()
    constants: Constants = Constants()


class State(NamedTuple):
    """Holds what outlives a step of MJX's data. To make the rest again is cheaper.

    Attributes:
      qpos: [Q] positions of the joints, m or rad.
      qvel: [Q] their speeds.
      time: int32 steps since the episode began.
    """

    qpos: jax.Array
    qvel: jax.Array
    time: jax.Array


class Moment(NamedTuple):
    """Holds what observations and rewards are made of.

    Attributes:
      model: mjx.Model with the task's constants.
      qpos: [Q] positions of the joints, m or rad.
      qvel: [Q] their speeds.
      sensors: [S] what the MJCF's sensors said in the last physics step; zeros at the start.
    """

    model: "mjx.Model"
    qpos: jax.Array
    qvel: jax.Array
    sensors: jax.Array


class Design(NamedTuple):
    """Describes one of dm_control's tasks.

    Attributes:
      mechanism: what moves.
      draw_goal: key -> goal.
      start: key, model -> qpos [Q], qvel [Q].
      observe: Moment, goal -> obs [D].
      reward: Moment, goal -> float32 scalar, within [0, 1] in dm_control's own tasks.
      obs_space: of one world.
      show: model, goal -> the model whose geoms show the goal, for pictures.
    """

    mechanism: Mechanism
    draw_goal: Callable[[jax.Array], Goal]
    start: Callable[[jax.Array, "mjx.Model"], tuple[jax.Array, jax.Array]]
    observe: Callable[[Moment, Goal], jax.Array]
    reward: Callable[[Moment, Goal], jax.Array]
    obs_space: Box
    show: Callable[["mjx.Model", Goal], "mjx.Model"] = lambda model, goal: model


def episodes(name: str, design: Design, *, randomize: float) -> Env:
    """Makes a world of a design. It never terminates, but truncates after 1000 steps.

    Args:
      name: of the world, for messages.
      design: what is done in it.
      randomize: r; each physics constant is the MJCF's times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: `randomize` is outside [0, 1).
    """
    check_randomize(name, randomize)
    mechanism = design.mechanism
    silent = jnp.zeros(mechanism.compiled.nsensordata)

    def sample_task(key):
        goal_key, constants_key = jax.random.split(key)
        return Task(design.draw_goal(goal_key), draw_constants(constants_key, randomize))

    def reset(key, task):
        model = with_constants(mechanism.model, task.constants)
        qpos, qvel = design.start(key, model)
        obs = design.observe(Moment(model, qpos, qvel, silent), task.goal)
        return State(qpos, qvel, jnp.int32(0)), obs

    def step(key, state, action, task):
        model = with_constants(mechanism.model, task.constants)
        ctrl = jnp.clip(action, -1.0, 1.0)
        data = advance(mechanism, model, state.qpos, state.qvel, ctrl)
        moment = Moment(model, data.qpos, data.qvel, data.sensordata)
        obs = design.observe(moment, task.goal)
        reward = design.reward(moment, task.goal)
        state = State(data.qpos, data.qvel, state.time + 1)
        late = state.time >= MAX_STEPS
        return state, Step(obs, reward, jnp.bool_(False), late, {})

    return Env(sample_task, reset, step, design.obs_space, action_box(mechanism.compiled))


def poses(design: Design) -> Callable[[State, Task], "mjx.Data"]:
    """Returns a function that tells the camera in `jaxdl.render` where geoms and cameras are.

    It takes a state and a task of the design's world.
    """
    mechanism = design.mechanism

    def placed(state, task):
        model = design.show(mechanism.model, task.goal)
        return place(OnDevice(model, mechanism.blank), state.qpos)

    return placed


def check_task(name: str, task: str, known: tuple[str, ...]) -> None:
    """Checks that a world has a task.

    Raises:
      BadInput: it has not.
    """
    if task not in known:
        raise BadInput(f"{name}: task={task!r} should be one of {', '.join(known)}")


def check_randomize(name: str, randomize: float) -> None:
    """Checks by how much a world's physics may vary.

    Raises:
      BadInput: it is outside [0, 1).
    """
    if not 0 <= randomize < 1:
        raise BadInput(f"{name}: randomize={randomize} should be at least 0 and below 1")
