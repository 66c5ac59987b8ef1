"""How worlds are looked at whose task is hidden from the policy: those of learning to learn."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdl.render import drawings
from jaxdl.render.view import View, drawn, next_action


def bandit_view() -> View:
    """Shows what the pulls lead to expect of each arm."""

    def draw(play, time, size):
        means = play.kept[time]
        pulled = (play.action[:time], play.reward[:time])
        return drawings.bandit(means, *pulled, pulls=len(play.reward), **size)

    legend = (
        "Each bar is an arm: its height is the mean that the pulls lead to expect, blue once the "
        "arm has been pulled and gray before; the line through its top is one standard deviation. "
        "Dashes mark the true mean, which the policy does not see. The numbers below an arm are "
        "paid / pulled, and the triangle points at the arm of the last pull. The dots are the "
        "pulls in turn: filled where they paid, hollow where they did not, gray where they are "
        "still to come."
    )
    return View(lambda state, task, obs: task, drawn(draw), unit="pull", legend=legend)


def informative_view() -> View:
    """Shows what each arm pays, and which were pulled when."""
    from jaxdl.render.sessions import informative

    def draw(play, time, size):
        pulled = (play.action[:time].tolist(), play.reward[:time].tolist())
        return informative(play.kept[time], *pulled, pulls=len(play.reward), **size)

    legend = (
        "Each bar is what an arm pays; those that were pulled are filled, and numbered by when. "
        "The last arm, orange, pays little and tells which one pays most."
    )
    return View(lambda state, task, obs: task, drawn(draw), unit="pull", legend=legend)


def restless_view() -> View:
    """Shows pull by pull which arm is better."""
    from jaxdl.render.sessions import session

    def keep(state, task, obs):
        return _of_episode(state).better

    def draw(play, time, size):
        pulled = (play.action[:time], play.reward[:time])
        return session(play.kept[:time], *pulled, parts=len(play.reward), **size)

    legend = (
        "A column is a pull, the upper cell one arm and the lower the other; the one that pays "
        "more at the time is green. A dot is the arm that was pulled: filled where it paid."
    )
    return View(keep, drawn(draw), unit="pull", legend=legend)


def two_step_view() -> View:
    """Shows round by round where choices led."""
    from jaxdl.render.sessions import session

    def keep(state, task, obs):
        inner = _of_episode(state)
        return inner.place, inner.good

    def draw(play, time, size):
        places, good = (np.asarray(x) for x in play.kept)
        over = time // 2  # rounds, of a choice and a payment each
        there = places[1 : 2 * over : 2] - 1
        rare = there != play.action[0 : 2 * over : 2]
        paid = play.reward[1 : 2 * over : 2]
        parts = -(-len(play.reward) // 2)
        return session(good[0 : 2 * over : 2] - 1, there, paid, rare, parts=parts, **size)

    legend = (
        "A column is a round, its cells the two places; the one that pays more at the time is "
        "green. A dot is the place that the choice has led to: filled where it paid, and orange "
        "after the rare transition, so that the choice was for the other place."
    )
    return View(keep, drawn(draw), legend=legend)


def decision_process_view() -> View:
    """Shows the table of states and actions."""
    from jaxdl.render.tables import decision_process

    def keep(state, task, obs):
        states, _ = task.reward.shape
        is_trial = obs.ndim > 0  # which shows the state one-hot first, and last whether one ended
        place = jnp.argmax(obs[:states]) if is_trial else obs
        return task.reward, place, obs[-1] > 0 if is_trial else jnp.bool_(False)

    def draw(play, time, size):
        means, places, begins = (np.asarray(x) for x in play.kept)
        visits = np.zeros(means.shape[1:])
        np.add.at(visits, (places[:time], play.action[:time]), 1)
        number = np.cumsum(begins[:time])  # of the episode that each step was part of
        returns = np.bincount(number, play.reward[:time]) if time else np.zeros(0)
        action = int(play.action[time]) if time < len(play.action) else None
        return decision_process(
            means[time], visits, int(places[time]), action, list(returns), **size
        )

    legend = (
        "A column is a state, a row an action. A cell is the greener the more the action pays "
        "there on average, the redder the less, which the policy does not see; a dot's area is how "
        "often it was taken. The frame is the state of the policy, the blue cell its action, and "
        "the bars are the returns of the episodes so far"
    )
    return View(keep, drawn(draw), legend=f"{legend}.")


def hungry_thirsty_view() -> View:
    """Shows the animal between food and water."""
    from jaxdl.render.houses import FOOD, WATER, house

    def keep(state, task, obs):
        return state.place, state.hungry, state.thirsty, task

    def draw(play, time, size):
        place, hungry, thirsty, task = play.kept
        things = [(int(task.first[time]), FOOD), (int(task.second[time]), WATER)]
        needs = bool(hungry[time]), bool(thirsty[time])
        return house(int(place[time]), needs[0], things, thirsty=needs[1], **size)

    legend = (
        "The animal is red while it is hungry and green while it is not, with a blue ring while it "
        "is thirsty; food is orange and water blue."
    )
    return View(keep, drawn(draw), legend=legend)


def boxes_view() -> View:
    """Shows the animal between its boxes."""
    from jaxdl.render.houses import BOX, house

    def keep(state, task, obs):
        return state.place, state.hungry, state.lids, task

    def draw(play, time, size):
        place, hungry, lids, task = play.kept
        things = [(int(task.first[time]), BOX), (int(task.second[time]), BOX)]
        both = int(lids[time][0]), int(lids[time][1])
        return house(int(place[time]), bool(hungry[time]), things, both, **size)

    legend = (
        "The animal is red while it is hungry and green while it is not. A box is filled while it "
        "is closed, orange in the step in which it has food, and empty while it is open."
    )
    return View(keep, drawn(draw), legend=legend)


def dark_maze_view() -> View:
    """Shows the maze that is only felt."""
    from jaxdl.render.houses import maze

    def keep(state, task, obs):
        return task.free, state.place, state.heading, task.goal

    def draw(play, time, size):
        free, place, heading, goal = (x[time] for x in play.kept)
        return maze(free, place, int(heading), goal, **size)

    legend = "The walker feels only which of the cells before and beside it are walls."
    return View(keep, drawn(draw), legend=legend)


def movement_bandit_view() -> View:
    """Shows the way among the marks."""
    from jaxdl.envs.movement_bandit import DISTANCE, RADIUS, STRIDE
    from jaxdl.render.rooms import path_among_marks

    def keep(state, task, obs):
        return STRIDE * state.strides, state.marks, task

    def draw(play, time, size):
        places, marks, paying = (np.asarray(x) for x in play.kept)
        path, now = places[: time + 1] / DISTANCE, marks[time] / DISTANCE
        return path_among_marks(path, now, int(paying[time]), RADIUS / DISTANCE, **size)

    legend = (
        "The blue line is the way so far of a point that begins in the middle. To be within the "
        "green disc pays 1 a step; the policy sees both marks, and not which of them pays"
    )
    return View(keep, drawn(draw), legend=f"{legend}.")


def four_rooms_view() -> View:
    """Shows the way through the rooms."""
    from jaxdl.envs.four_rooms import CELLS, FREE
    from jaxdl.render.rooms import path_in_rooms

    def draw(play, time, size):
        cells, goals = (np.asarray(x) for x in play.kept)
        goal = tuple(map(int, CELLS[goals[time]]))
        return path_in_rooms(FREE, CELLS[cells[: time + 1]], goal, **size)

    legend = "The blue line is the way so far to the green goal, which the policy does not see."
    keep = lambda state, task, obs: (state.cell, task)  # noqa: E731
    return View(keep, drawn(draw), legend=legend)


def point_nav_view() -> View:
    """Shows the way to the hidden goal."""
    from jaxdl.render.goals import plane

    def draw(play, time, size):
        goals, places, times = play.kept
        began = time - int(times[time])  # of an episode of a trial
        return plane(places[began : time + 1], goals[time], next_action(play, time), **size)

    legend = (
        "The star is the goal, which the policy does not see; goals lie within the gray square."
    )
    return View(_keep_place, drawn(draw), legend=legend)


def grid_goal_view(size: int = 5) -> View:
    """Shows which cells were visited."""
    from jaxdl.render.goals import grid

    def draw(play, time, shape):
        goals, places, _ = play.kept
        visited = np.zeros(size**2, bool)
        visited[places[: time + 1]] = True
        return grid(visited.reshape(size, size), int(places[time]), int(goals[time]), **shape)

    legend = (
        "The star is the goal, which the policy does not see; "
        "blue cells are those that it has been to."
    )
    return View(_keep_place, drawn(draw), legend=legend)


def _keep_place(state: Any, task: Any, obs: Any) -> Any:
    """Keeps a hidden goal, where the player is, and the steps of the episode, also of a trial."""
    state = _of_episode(state)
    return task, state.place, state.time


def maze_view() -> View:
    """Shows what is seen, and the map."""
    from jaxdl.render.mazes import maze_frame, split_ways

    def keep(state, task, obs):
        here = _of_episode(state)
        number = getattr(state, "episodes", jnp.int32(0))
        place = jnp.stack([here.row, here.column])
        seen = obs["seen"] if isinstance(obs, dict) else obs
        return seen, tuple(task.maze), task.target, place, here.heading, number

    def draw(play, time, size):
        seen, walls, target, places, headings, numbers = play.kept
        ways = split_ways(places[: time + 1], numbers[: time + 1], play.reward[:time], target[0])
        if len(ways) > 1 and time == len(play.reward):  # what would begin now is not played
            ways, time = ways[:-1], time - 1
        words = tuple(line[0] for line in walls)
        return maze_frame(seen[time], words, target[0], ways, int(headings[time]), **size)

    legend = (
        "What the policy sees, and beside it a map of the maze that it does not see: red is the "
        "target, blue the way of this episode, light blue that of the one before it in the same "
        "maze."
    )
    return View(keep, drawn(draw), legend=legend)


def _of_episode(state: Any) -> Any:
    """Returns the state of the episode that is under way, of a world or of a trial in it."""
    return getattr(state, "env", state)


STRUCTURED = {"informative": informative_view, "restless": restless_view}  # kinds of bandit
TASK_VIEWS: dict[str, Callable[[], View]] = {
    "bandit": bandit_view,
    "tabular_mdp": decision_process_view,
    "tiny_bamdp": decision_process_view,
    "boxes": boxes_view,
    "dark_maze": dark_maze_view,
    "hungry_thirsty": hungry_thirsty_view,
    "movement_bandit": movement_bandit_view,
    "four_rooms": four_rooms_view,
    "point_nav": point_nav_view,
    "grid_goal": grid_goal_view,
    "two_step": two_step_view,
    "maze": maze_view,
}
