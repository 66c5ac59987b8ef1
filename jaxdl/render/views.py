"""How each world is looked at, by what is kept of its states and drawn of that."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxdl.envs.names import home_of, parse_name
from jaxdl.render import drawings
from jaxdl.render.pixels import SeenState

Pictures = list[np.ndarray]


class Play(NamedTuple):
    """An episode of T steps, as NumPy arrays.

    Attributes:
      kept: leaves [T + 1, ...], of the state before each step and of the last one.
      action: [T, ...].
      reward: [T].
    """

    kept: Any
    action: np.ndarray
    reward: np.ndarray


class View(NamedTuple):
    """How a world is looked at.

    Attributes:
      keep: state, task, obs -> what pictures need of them; for one world, under jit and vmap.
      paint: play, frames, height, width -> pictures [H, W, 3] uint8 of its states of these numbers.
      seconds: that a step takes in the world; None where steps have no duration.
      unit: what a step is called there.
      legend: what the pictures show, where they do not say it themselves.
    """

    keep: Callable[[Any, Any, Any], Any]
    paint: Callable[[Play, Sequence[int], int, int], Pictures]
    seconds: float | None = None
    unit: str = "step"
    legend: str = ""


def view_of(name: str) -> View:
    """Returns how the world of that name is looked at, settings in it included.

    A world that has neither a drawing of its own nor a MuJoCo model shows its observations. Of one
    that its policy sees by a camera, by `jaxdl.render.pixels`, the world behind it is looked at.

    Raises:
      BadInput: the camera cannot draw its model.
    """
    view = _view_of(name)

    def keep(state, task, obs):
        if isinstance(state, SeenState):
            own = obs if isinstance(state.obs, tuple) else state.obs
            return view.keep(state.world, task.world, own)
        return view.keep(state, task, obs)

    return view._replace(keep=keep)


def _view_of(name: str) -> View:
    world, settings = parse_name(name)
    if world.startswith("pixels/"):
        return _pixels(world.removeprefix("pixels/"), settings)
    if world.startswith("brax/"):
        return _brax(world.removeprefix("brax/"))
    if game := minatar_game(world):
        return _minatar(game)
    if world.startswith("pgx/"):
        return _pgx(world)
    if world in CONTROL_CAMERAS:
        task = [settings["task"]] if "task" in settings else []
        return _control(world, task)
    if world == "grid_goal" and "size" in settings:
        return _grid_goal(int(settings["size"]))
    if world == "bandit" and settings.get("kind") in STRUCTURED:
        return STRUCTURED[settings["kind"]]()
    return VIEWS[world]() if world in VIEWS else _observations()


def _pixels(name: str, settings: dict[str, str]) -> View:
    """How the world is looked at that pictures are observations of."""
    from jaxdl.render.by_name import inner_name
    from jaxdl.render.seen import usual_repeat

    inner = inner_name(name, settings.get("task", ""))
    view = _view_of(inner)
    repeat = int(settings.get("action_repeat", 0)) or usual_repeat(inner)
    return view if view.seconds is None else view._replace(seconds=repeat * view.seconds)


def _drawn(draw: Callable[..., np.ndarray]) -> Callable[..., Pictures]:
    """Makes a painter out of `draw`, a function of play, time and size."""

    def paint(play, frames, height, width):
        return [draw(play, int(i), {"height": height, "width": width}) for i in frames]

    return paint


def _next(play: Play, time: int) -> Any:
    """The action that comes, or at the end the last one."""
    return play.action[min(time, len(play.action) - 1)]


def _cartpole() -> View:
    from jaxdl.envs.cartpole import MAX_ANGLE, MAX_POSITION, TIME_STEP

    def keep(state, task, obs):
        return state.position, state.angle, 2 * task.half_length

    return View(keep, _cart(MAX_POSITION, float(MAX_ANGLE)), TIME_STEP)


def _gymnax_cartpole() -> View:
    return View(lambda state, task, obs: (state.x, state.theta, 1.0), _cart(2.4, np.pi / 15), 0.02)


def _cart(max_position: float, max_angle: float) -> Callable[..., Pictures]:
    def draw(play, time, size):
        position, angle, length = (float(x[time]) for x in play.kept)
        push = 2 * int(_next(play, time)) - 1
        limits = (max_position, max_angle)
        return drawings.cartpole(position, angle, push, length=length, limits=limits, **size)

    return _drawn(draw)


def _pendulum() -> View:
    from jaxdl.envs.pendulum import MAX_TORQUE, TIME_STEP

    return View(lambda state, task, obs: (state.angle, task.length), _rod(MAX_TORQUE), TIME_STEP)


def _gymnax_pendulum() -> View:
    return View(lambda state, task, obs: (state.theta, 1.0), _rod(2.0), 0.05)


def _rod(max_torque: float) -> Callable[..., Pictures]:
    def draw(play, time, size):
        angle, length = (float(x[time]) for x in play.kept)
        torque = float(np.clip(_next(play, time)[0] / max_torque, -1, 1))
        return drawings.pendulum(angle, torque, length=length, **size)

    return _drawn(draw)


def _bandit() -> View:
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
    return View(lambda state, task, obs: task, _drawn(draw), unit="pull", legend=legend)


def _informative() -> View:
    from jaxdl.render.sessions import informative

    def draw(play, time, size):
        pulled = (play.action[:time].tolist(), play.reward[:time].tolist())
        return informative(play.kept[time], *pulled, pulls=len(play.reward), **size)

    legend = (
        "Each bar is what an arm pays; those that were pulled are filled, and numbered by when. "
        "The last arm, orange, pays little and tells which one pays most."
    )
    return View(lambda state, task, obs: task, _drawn(draw), unit="pull", legend=legend)


def _restless() -> View:
    from jaxdl.render.sessions import session

    def keep(state, task, obs):
        return getattr(state, "env", state).better  # of a trial, the state of its episode

    def draw(play, time, size):
        pulled = (play.action[:time], play.reward[:time])
        return session(play.kept[:time], *pulled, parts=len(play.reward), **size)

    legend = (
        "A column is a pull, the upper cell one arm and the lower the other; the one that pays "
        "more at the time is green. A dot is the arm that was pulled: filled where it paid."
    )
    return View(keep, _drawn(draw), unit="pull", legend=legend)


def _two_step() -> View:
    from jaxdl.render.sessions import session

    def keep(state, task, obs):
        inner = getattr(state, "env", state)
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
    return View(keep, _drawn(draw), legend=legend)


def _decision_process() -> View:
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
    return View(keep, _drawn(draw), legend=f"{legend}.")


def _hungry_thirsty() -> View:
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
    return View(keep, _drawn(draw), legend=legend)


def _boxes() -> View:
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
    return View(keep, _drawn(draw), legend=legend)


def _dark_maze() -> View:
    from jaxdl.render.houses import maze

    def keep(state, task, obs):
        return task.free, state.place, state.heading, task.goal

    def draw(play, time, size):
        free, place, heading, goal = (x[time] for x in play.kept)
        return maze(free, place, int(heading), goal, **size)

    legend = "The walker feels only which of the cells before and beside it are walls."
    return View(keep, _drawn(draw), legend=legend)


def _movement_bandit() -> View:
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
    return View(keep, _drawn(draw), legend=f"{legend}.")


def _four_rooms() -> View:
    from jaxdl.envs.four_rooms import CELLS, FREE
    from jaxdl.render.rooms import path_in_rooms

    def draw(play, time, size):
        cells, goals = (np.asarray(x) for x in play.kept)
        goal = tuple(map(int, CELLS[goals[time]]))
        return path_in_rooms(FREE, CELLS[cells[: time + 1]], goal, **size)

    legend = "The blue line is the way so far to the green goal, which the policy does not see."
    keep = lambda state, task, obs: (state.cell, task)  # noqa: E731
    return View(keep, _drawn(draw), legend=legend)


def _point_nav() -> View:
    from jaxdl.render.goals import plane

    def draw(play, time, size):
        goals, places, times = play.kept
        began = time - int(times[time])  # of an episode of a trial
        return plane(places[began : time + 1], goals[time], _next(play, time), **size)

    legend = (
        "The star is the goal, which the policy does not see; goals lie within the gray square."
    )
    return View(_keep_place, _drawn(draw), legend=legend)


def _grid_goal(size: int = 5) -> View:
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
    return View(_keep_place, _drawn(draw), legend=legend)


def _keep_place(state: Any, task: Any, obs: Any) -> Any:
    """Keeps a hidden goal, where the player is, and the steps of the episode, also of a trial."""
    state = getattr(state, "env", state)
    return task, state.place, state.time


def minatar_game(world: str) -> str | None:
    """Finds the game in names like gymnax/SpaceInvaders-MinAtar and pgx/minatar-space_invaders."""
    prefix, _, name = world.partition("/")
    own = {"gymnax": name.removesuffix("-MinAtar"), "pgx": name.removeprefix("minatar-")}
    plain = own.get(prefix, "").lower().replace("_", "")
    games = {game.replace("_", ""): game for game in drawings.MINATAR}
    return games.get(plain) if "minatar" in name.lower() else None


def _minatar(game: str) -> View:
    marks = drawings.MINATAR[game]

    def draw(play, time, size):
        return drawings.minatar(play.kept[time], marks, **size)

    looks = {mark.name: f"{drawings.NAMES[mark.color]} {mark.shape}" for mark in marks if mark.name}
    legend = ", ".join(f"{name} ({look})" for name, look in looks.items())
    return View(lambda state, task, obs: obs, _drawn(draw), legend=f"{legend.capitalize()}.")


def _mjx_cartpole() -> View:
    from jaxdl.envs import mjx
    from jaxdl.envs.mujoco import OnDevice, place, put_on_device, read_asset
    from jaxdl.render.camera import Poses
    from jaxdl.render.studio import photographer

    compiled = read_asset(mjx.XML)
    physics, blank = put_on_device(compiled)

    def keep(state, task, obs):
        model = mjx.physics(physics, task)
        data = place(OnDevice(model, blank), state.qpos)
        poses = Poses(data.geom_xpos, data.geom_xmat, data.cam_xpos, data.cam_xmat)
        return poses, model.geom_size

    paint = photographer(compiled, camera=FRONT, floor=0.0)
    return View(keep, paint, round(float(physics.opt.timestep), 6))


def _corridor() -> View:
    from jaxdl.envs.corridor.flight import SECONDS
    from jaxdl.render.corridors import flight_frame

    def keep(state, task, obs):
        layout = task.layout
        return layout.low, layout.high, state.position, state.heading, obs

    def draw(play, time, size):
        low, high, position, heading, seen = play.kept
        so_far = position[: time + 1]
        return flight_frame(seen[time], low[time], high[time], so_far, float(heading[time]), **size)

    legend = (
        "Above what the drone sees, below the corridor: gray reaches from floor to ceiling or "
        "nearly, brown may be flown over, and blue under."
    )
    return View(keep, _drawn(draw), SECONDS, legend=legend)


def _maze() -> View:
    from jaxdl.render.mazes import maze_frame, split_ways

    def keep(state, task, obs):
        here = getattr(state, "env", state)  # of the episode that is under way, within a trial
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
    return View(keep, _drawn(draw), legend=legend)


FRONT = (0.0, 0.0, 1.1), 4.0, 90.0, -9.0  # of a cartpole, from where its rail is seen as a whole


def _swingup() -> View:
    from jaxdl.envs import mjx, swingup
    from jaxdl.envs.mujoco import read_asset
    from jaxdl.render.camera import Poses
    from jaxdl.render.studio import photographer

    compiled = read_asset(mjx.XML)
    find = swingup.poses()
    standard = jnp.asarray(compiled.geom_size, jnp.float32)

    def keep(state, task, obs):
        sizes = standard.at[mjx.POLE_GEOM, 1].set(task.pole_length / 2)
        return Poses(*find(state, task)), sizes

    return View(keep, photographer(compiled, camera=FRONT, floor=0.0), swingup.SECONDS)


def _control(world: str, task: list[str]) -> View:
    """How a world of `jaxdl.envs.control` is looked at.

    Args:
      world: its name.
      task: the setting of that name, if there is one.
    """
    from jaxdl.envs.control.episodes import poses
    from jaxdl.render.camera import Poses
    from jaxdl.render.studio import photographer

    module = importlib.import_module(home_of(world)[0])
    design = module.design(*task)
    find = poses(design)

    def keep(state, task, obs):
        data = find(state, task)
        sizes = design.show(design.mechanism.model, task.goal).geom_size
        return Poses(data.geom_xpos, data.geom_xmat, data.cam_xpos, data.cam_xmat), sizes

    paint = photographer(design.mechanism.compiled, camera=CONTROL_CAMERAS[world])
    legend = "The string is not drawn." if world == "mjx/ball_in_cup" else ""
    return View(keep, paint, module.SECONDS, legend=legend)


# Of the MJCFs of `jaxdl.envs.control`.
CONTROL_CAMERAS = {
    "mjx/reacher": "above",
    "mjx/cheetah": "side",
    "mjx/walker": "side",
    "mjx/finger": "side",
    "mjx/ball_in_cup": "side",
}


def _brax(name: str) -> View:
    from jaxdl.envs import brax
    from jaxdl.render.camera import Poses
    from jaxdl.render.studio import photographer

    robot = brax.load(name)

    def keep(state, task, obs):
        data = state.robot.pipeline_state
        return Poses(data.geom_xpos, data.geom_xmat, data.cam_xpos, data.cam_xmat), ()

    model = robot.sys.mj_model
    seconds = round(float(robot.dt), 6)
    if model.ncam:  # it follows the robot; from farther away and above more is seen
        return View(keep, photographer(model, camera=0, back=(0, 0.9, 1.0, -0.2)), seconds)
    camera, floor = CAMERAS.get(name, ("free", None))
    return View(keep, photographer(model, camera=camera, floor=floor), seconds)


# For brax's robots without a camera: lookat, distance, azimuth, elevation; the height of a floor.
CAMERAS: dict[str, Any] = {
    "inverted_pendulum": (((0.0, 0.0, 0.2), 2.9, 90.0, -12.0), -0.6),
    "inverted_double_pendulum": (((0.0, 0.0, 0.4), 4.6, 90.0, -10.0), None),
    "pusher": (((0.25, -0.2, -0.15), 2.6, 150.0, -35.0), None),
    "reacher": (((0.0, 0.0, 0.0), 0.8, 90.0, -65.0), None),
}


def _pgx(world: str) -> View:
    from jaxdl.envs import Game, make

    game = make(world)
    if not isinstance(game, Game):
        return _observations()
    if game.board is None:  # pieces of many kinds: the planes that the player sees
        view = _observations()
        return view._replace(keep=lambda state, task, obs: obs["obs"])

    def draw(play, time, size):
        stones = play.kept[time]
        placed = np.argwhere((play.kept[max(time - 1, 0)] == 0) & (stones != 0))
        last = tuple(map(int, placed[0])) if len(placed) == 1 else None
        return drawings.board(stones, last, **size)

    legend = "Blue has begun; the dot marks the last stone. The first moves are drawn at random."
    keep = lambda state, task, obs: game.board(state)  # noqa: E731
    return View(keep, _drawn(draw), unit="move", legend=legend)


def _observations() -> View:
    def draw(play, time, size):
        return drawings.numbers(play.kept[time], **size)

    legend = "What the policy observes: this world has no picture of its own."
    return View(lambda state, task, obs: obs, _drawn(draw), legend=legend)


STRUCTURED = {"informative": _informative, "restless": _restless}  # kinds of bandit
VIEWS: dict[str, Callable[[], View]] = {
    "cartpole": _cartpole,
    "pendulum": _pendulum,
    "bandit": _bandit,
    "tabular_mdp": _decision_process,
    "tiny_bamdp": _decision_process,
    "boxes": _boxes,
    "dark_maze": _dark_maze,
    "hungry_thirsty": _hungry_thirsty,
    "movement_bandit": _movement_bandit,
    "four_rooms": _four_rooms,
    "point_nav": _point_nav,
    "grid_goal": _grid_goal,
    "two_step": _two_step,
    "mjx/cartpole": _mjx_cartpole,
    "swingup": _swingup,
    "corridor": _corridor,
    "maze": _maze,
    "gymnax/CartPole-v1": _gymnax_cartpole,
    "gymnax/Pendulum-v1": _gymnax_pendulum,
}
