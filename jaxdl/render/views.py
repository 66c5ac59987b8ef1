"""How each world is looked at, by what is kept of its states and drawn of that."""

import importlib
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxdl.envs.names import home_of, parse_name
from jaxdl.render import drawings
from jaxdl.render.pixels import SeenState
from jaxdl.render.task_views import STRUCTURED, TASK_VIEWS, grid_goal_view
from jaxdl.render.view import Pictures, View, drawn, next_action


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
        return grid_goal_view(int(settings["size"]))
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
        push = 2 * int(next_action(play, time)) - 1
        limits = (max_position, max_angle)
        return drawings.cartpole(position, angle, push, length=length, limits=limits, **size)

    return drawn(draw)


def _pendulum() -> View:
    from jaxdl.envs.pendulum import MAX_TORQUE, TIME_STEP

    return View(lambda state, task, obs: (state.angle, task.length), _rod(MAX_TORQUE), TIME_STEP)


def _gymnax_pendulum() -> View:
    return View(lambda state, task, obs: (state.theta, 1.0), _rod(2.0), 0.05)


def _rod(max_torque: float) -> Callable[..., Pictures]:
    def draw(play, time, size):
        angle, length = (float(x[time]) for x in play.kept)
        torque = float(np.clip(next_action(play, time)[0] / max_torque, -1, 1))
        return drawings.pendulum(angle, torque, length=length, **size)

    return drawn(draw)


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
    return View(lambda state, task, obs: obs, drawn(draw), legend=f"{legend.capitalize()}.")


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
    return View(keep, drawn(draw), SECONDS, legend=legend)


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
    return View(keep, drawn(draw), unit="move", legend=legend)


def _observations() -> View:
    def draw(play, time, size):
        return drawings.numbers(play.kept[time], **size)

    legend = "What the policy observes: this world has no picture of its own."
    return View(lambda state, task, obs: obs, drawn(draw), legend=legend)


VIEWS: dict[str, Callable[[], View]] = TASK_VIEWS | {
    "cartpole": _cartpole,
    "pendulum": _pendulum,
    "mjx/cartpole": _mjx_cartpole,
    "swingup": _swingup,
    "corridor": _corridor,
    "gymnax/CartPole-v1": _gymnax_cartpole,
    "gymnax/Pendulum-v1": _gymnax_pendulum,
}
