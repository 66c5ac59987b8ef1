"""A drone in corridors that are drawn at random (Sadeghi & Levine 2016), with a camera or without.

The picture is a function of state and task, so that learners take it where they need it.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.corridor import flight
from jaxdl.envs.corridor.camera import take_picture
from jaxdl.envs.corridor.flight import State
from jaxdl.envs.corridor.layout import SEEN, UNSEEN, Family, Layout, draw_layout
from jaxdl.envs.corridor.looks import draw_look, fixed_look, painted
from jaxdl.envs.corridor.prints import draw_printed, printed
from jaxdl.envs.env import Env, Step
from jaxdl.envs.spaces import Box, Space

MAX_STEPS = 120
SMALLEST = 8  # pixels
Layouts = Literal["seen", "unseen"]
Looks = Literal["random", "fixed", "held_out"]
Starts = Literal["entrance", "anywhere"]
FAMILIES: dict[str, Family] = {"seen": SEEN, "unseen": UNSEEN}
LOOKS = ("random", "fixed", "held_out")
STARTS = {"entrance": flight.start_at_entrance, "anywhere": flight.start_anywhere}


class Task(NamedTuple):
    """Holds a corridor.

    Attributes:
      layout: where its walls and furniture are.
      look: how it looks, a `Look` or a `Printed`.
    """

    layout: Layout
    look: Any


Observe = Callable[[State, Task], Any]  # -> what is observed


class Corridor(NamedTuple):
    """Describes a family of corridors, in which what is observed is left open.

    Attributes:
      sample_task: key -> task.
      start: key, task -> state.
      move: state, action [2], task -> state, Step without an observation.
      see: state, task -> picture [side, side, 3] uint8.
      side: pixels.
    """

    sample_task: Callable[[jax.Array], Task]
    start: Callable[[jax.Array, Task], State]
    move: Callable[[State, jax.Array, Task], tuple[State, Step]]
    see: Observe
    side: int


def corridor(
    *,
    layouts: Layouts = "seen",
    looks: Looks = "random",
    start: Starts = "entrance",
    side: int = 32,
) -> Env:
    """Flies a drone through a corridor by its camera, along its turns and past its furniture.

    The action [2] is a place in the picture, to the right and up, -1 .. 1: the drone flies towards
    it at 1 m/s for 0.3 s, and turns by 0.35 of the angle to it. It cannot turn around. The reward
    is the way gained along the corridor, m. An episode terminates where the drone, a ball of 18 cm,
    touches anything; it is truncated at the exit, or after 120 steps.

    Args:
      layouts: "seen" corridors have three segments; "unseen" ones four, and they are narrower.
      looks: "random" paints everything anew in each corridor, "fixed" never does; "held_out" shows
        photographs on all surfaces, in another light.
      start: at the entrance, or anywhere.
      side: of the picture, pixels.

    Raises:
      BadInput: a setting is unknown, or the picture is smaller than 8 x 8.
    """
    world = corridor_world(layouts=layouts, looks=looks, start=start, side=side)
    return observed(world, world.see, Box((side, side, 3), 0, 255, jnp.uint8))


def corridor_world(
    *,
    layouts: Layouts = "seen",
    looks: Looks = "random",
    start: Starts = "entrance",
    side: int = 32,
    family: Family | None = None,
) -> Corridor:
    """Describes corridors as `corridor` does, and leaves open what is observed.

    Args:
      layouts: as there.
      looks: as there.
      start: as there.
      side: as there.
      family: corridors of one's own, in the place of `layouts`.

    Raises:
      BadInput: as there; or the family has none that can be flown through.
    """
    for name, value, known in (
        ("layouts", layouts, FAMILIES),
        ("looks", looks, LOOKS),
        ("start", start, STARTS),
    ):
        if value not in known:
            raise BadInput(f"corridor: {name}={value!r} should be one of {', '.join(known)}")
    if side < SMALLEST or side % 2:
        raise BadInput(f"corridor: side={side} should be an even number of at least {SMALLEST}")
    family = FAMILIES[layouts] if family is None else family
    check_family(family)
    walls = 2 * family.segments + 2
    boxes = walls + family.segments * family.furniture
    draw, shade = {
        "random": (draw_look, painted),
        "fixed": (lambda key, *counts: fixed_look(*counts), painted),
        "held_out": (draw_printed, printed),
    }[looks]
    begin = STARTS[start]

    def sample_task(key):
        layout_key, look_key = jax.random.split(key)
        return Task(draw_layout(layout_key, family), draw(look_key, boxes, walls))

    def move(state, action, task):
        before = state.progress
        state, hit = flight.move(state, jnp.clip(action, -1.0, 1.0), task.layout)
        out = state.progress >= flight.total_length(task.layout) - 1e-3
        is_cut = ~hit & (out | (state.time >= MAX_STEPS))
        info = {"progress": state.progress}
        return state, Step((), state.progress - before, hit, is_cut, info)

    def see(state, task):
        coloring = lambda hit: shade(task.look, hit, state.time)  # noqa: E731
        return take_picture(state, task.layout, coloring, side=side)

    return Corridor(sample_task, lambda key, task: begin(key, task.layout), move, see, side)


def observed(world: Corridor, observe: Observe, space: Space) -> Env:
    """Makes an Env of a corridor by saying what is observed in it.

    Args:
      world: the corridors.
      observe: state, task -> observation.
      space: of the observations.
    """

    def reset(key, task):
        state = world.start(key, task)
        return state, observe(state, task)

    def step(key, state, action, task):
        state, out = world.move(state, action, task)
        return state, out._replace(obs=observe(state, task))

    return Env(world.sample_task, reset, step, space, Box((2,), -1.0, 1.0))


def check_family(family: Family) -> None:
    """Checks that corridors can be built, and flown through, of such measures.

    Raises:
      BadInput: a range is inverted, or there is no room for the drone or the furniture.
    """
    if family.segments < 1 or family.furniture < 0:
        raise BadInput(f"corridors of {family.segments} segments with {family.furniture} pieces "
                       "each: should be at least 1, and 0")  # fmt: skip
    for name in ("width", "length"):
        low, high = getattr(family, name)
        if not 0 < low <= high:
            raise BadInput(f"corridors of {name} {low} .. {high} m: the least should be above 0 "
                           "and at most the greatest")  # fmt: skip
    if family.width[0] < NARROWEST:
        raise BadInput(f"corridors of width {family.width[0]} m: should be at least {NARROWEST}")
    need = family.width[1] + 1.0 + ROOM * family.furniture
    if family.length[0] < need:
        raise BadInput(
            f"segments of {family.length[0]} m: should be at least {need:g} m, for corridors of "
            f"{family.width[1]} m with {family.furniture} pieces of furniture each"
        )


NARROWEST = 1.5  # m
ROOM = 0.85  # m of a segment for a piece of furniture
