"""A finger that shall spin a body, or turn it to a target, as in dm_control's finger."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.envs.control.episodes import Design, Moment, check_task, episodes
from jaxdl.envs.control.physics import draw_joints, first_clear, mechanism
from jaxdl.envs.env import Env
from jaxdl.envs.mujoco import read_asset
from jaxdl.envs.spaces import Box

NAME = "mjx/finger"
SECONDS = 0.02
SPIN_DAMPING = 0.03  # N m s/rad of the spinner's hinge; in the turning tasks it is the MJCF's
SPEED = 15.0  # rad/s, above which spinning is rewarded
RADII = {"turn_easy": 0.07, "turn_hard": 0.03}  # of the target, m


class Goal(NamedTuple):
    """Holds where the spinner's mark shall be.

    Attributes:
      place: [2] of the target from the hinge, m.
      radius: m.
    """

    place: jax.Array
    radius: jax.Array | float


def finger(
    *, task: Literal["spin", "turn_easy", "turn_hard"] = "spin", randomize: float = 0.0
) -> Env:
    """Pushes a body around its hinge with a finger of two links, by two motors within -1 .. 1 [2].

    The observation [9] is (two angles, the mark's place, three speeds, log(1 + force) of two touch
    sensors); to turn, [12], the target's place and how far the mark is outside of it follow. The
    reward is 1, else 0, while the body spins at 15 rad/s or more, or while its mark is within the
    target (Tassa et al. 2018, finger). Never terminates, but truncates after 1000 steps of 0.02 s.
    There is no gravity.

    Args:
      task: to spin the body, or to turn its mark into a large or a small target.
      randomize: r; each physics constant is its standard value times a factor from U[1 - r, 1 + r].

    Raises:
      BadInput: an unknown task, or `randomize` outside [0, 1).
    """
    return episodes(NAME, design(task), randomize=randomize)


def design(task: str = "spin") -> Design:
    """Describes the finger's tasks.

    Raises:
      BadInput: an unknown task.
    """
    check_task(NAME, task, ("spin", *RADII))
    spins = task == "spin"
    compiled = read_asset("finger.xml")
    target = compiled.geom("target").id
    if spins:
        compiled.dof_damping[compiled.joint("spinner").dofadr] = SPIN_DAMPING
        compiled.geom_rgba[target, 3] = 0.0  # nobody sees it
    else:
        compiled.geom_size[target, 0] = RADII[task]
    moved = mechanism(compiled, SECONDS)
    arm = compiled.geom("mark").pos[2]
    hinge = compiled.body("spinner").pos[[0, 2]]

    def draw_goal(key):
        if spins:
            return ()
        angle = jax.random.uniform(key, minval=-jnp.pi, maxval=jnp.pi)
        place = arm * jnp.stack([jnp.sin(angle), jnp.cos(angle)])
        return Goal(place, jnp.float32(RADII[task]))

    def start(key, model):
        return first_clear(key, moved, lambda key: draw_joints(key, compiled)), jnp.zeros(3)

    def mark(moment: Moment) -> jax.Array:
        turned = moment.qpos[2]
        return arm * jnp.stack([-jnp.sin(turned), jnp.cos(turned)])

    def outside(moment: Moment, goal: Goal) -> jax.Array:
        return jnp.linalg.norm(goal.place - mark(moment)) - goal.radius

    def observe(moment, goal):
        touch = jnp.log1p(moment.sensors)
        seen = [moment.qpos[:2], mark(moment), moment.qvel, touch]
        if not spins:
            seen += [goal.place, outside(moment, goal)[None]]
        return jnp.concatenate(seen)

    def reward(moment, goal):
        if spins:
            return jnp.float32(moment.qvel[2] <= -SPEED)
        return jnp.float32(outside(moment, goal) <= 0)

    def show(model, goal):
        if spins:
            return model
        return model.replace(
            geom_pos=model.geom_pos.at[target, jnp.array([0, 2])].set(hinge + goal.place),
            geom_size=model.geom_size.at[target, 0].set(goal.radius),
        )

    low = jnp.full(9 if spins else 12, -jnp.inf).at[7:9].set(0.0)  # forces push
    return Design(moved, draw_goal, start, observe, reward, Box(low.shape, low), show)
