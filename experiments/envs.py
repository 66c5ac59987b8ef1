"""Lists the worlds that `--env` names, with their settings and spaces.

    ./run envs                                       all of them
    ./run envs --env=mjx/cartpole:task=swingup       one, in full
    ./run envs --distance=dmc_traj.npz               how far ours are from dm_control

Settings follow the name: `--env=mjx/cartpole:task=swingup,randomize=0.2`. A world of your own is
`--env=package.module:factory`, a function that returns a `jaxdl.envs.Env`. The worlds that have a
camera, and MinAtar's games, are observed by pictures as `--env=pixels/swingup:side=48,stack=3`.
"""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from jaxdl.core.run import BadInput, option
from jaxdl.envs.names import check_name


@dataclass(frozen=True)
class Config:
    """What is listed."""

    env: str = option("", "one world, in full (empty: all of them)")
    distance: str = option(
        "", "recorded trajectories of dm_control, from which the distance of ours is measured"
    )
    page: str = option("", "where that table is written as a page (empty: nowhere)")

    def __post_init__(self):
        if self.env:
            check_name(self.env)
        if self.env and self.distance:
            raise BadInput("--distance is of all worlds; leave out --env")
        if self.page and not self.distance:
            raise BadInput("--page is of --distance")


PRESETS = {"all": Config()}


class Listing(NamedTuple):
    """Holds one table.

    Attributes:
      head: names of the columns.
      rows: cells.
      title: stands above it.
    """

    head: list[str]
    rows: list[list[str]]
    title: str


def main(config: Config) -> None:
    """Prints the tables."""
    from jaxdl.pages import print_table, print_text

    if config.distance:
        print_table(*list_distance(config))
        return
    for listing in [list_one(config.env)] if config.env else list_all():
        print_table(listing.head, listing.rows, listing.title)
        print_text("")


def list_all() -> list[Listing]:
    """Returns a table of our own worlds, and one of each other package's."""
    return [list_own(), list_brax(), list_gymnax(), list_pgx(), list_playground()]


def list_own() -> Listing:
    """Returns our own worlds, each of which is built for that."""
    from jaxdl.envs.names import OWN
    from jaxdl.envs.registry import describe

    rows = [describe(name) for name in OWN]
    cells = [[r.name, r.settings, r.observation, r.action, r.summary] for r in rows]
    return Listing(["name", "settings", "observation", "action", "what it is"], cells, "ours")


def list_brax() -> Listing:
    """Returns brax's robots and how long their episodes are."""
    from jaxdl.envs.brax import EPISODE_LENGTHS

    rows = [[f"brax/{name}", f"episode_length={n}"] for name, n in EPISODE_LENGTHS.items()]
    return Listing(["name", "settings"], rows, "brax: robots; actions are within [-1, 1]")


def list_gymnax() -> Listing:
    """Returns gymnax's worlds, or what installs them."""
    try:
        from jaxdl.envs.gymnax import NAMES
    except ModuleNotFoundError:
        return Listing(["name"], [], "gymnax: not installed; pip install 'jaxdl[gymnax]'")
    return Listing(["name"], [[f"gymnax/{name}"] for name in NAMES], "gymnax: classic and MinAtar")


def list_playground() -> Listing:
    """Returns Playground's robots, or what installs them."""
    try:
        from jaxdl.envs.playground import NAMES
    except ModuleNotFoundError:
        return Listing(["name"], [], "playground: not installed; pip install 'jaxdl[playground]'")
    return Listing(["name"], [[f"playground/{name}"] for name in NAMES], "playground: robots")


def list_distance(config: Config) -> Listing:
    """Measures and returns how far our worlds are from dm_control; writes the page."""
    from experiments import _distance

    rows = _distance.measure(config.distance)
    if config.page:
        Path(config.page).write_text(_distance.page(rows), encoding="utf-8")
    title = "absolute differences to dm_control: median and greatest over steps"
    return Listing(_distance.HEAD, _distance.cells(rows), title)


def list_pgx() -> Listing:
    """Returns pgx's worlds and games, or what installs them."""
    try:
        from jaxdl.envs.pgx import NAMES, WORLDS
    except ModuleNotFoundError:
        return Listing(["name", "for"], [], "pgx: not installed; pip install 'jaxdl[games]'")
    players = {name: "a player" if name in WORLDS else "two players" for name in NAMES}
    rows = [[f"pgx/{name}", text] for name, text in players.items()]
    return Listing(["name", "for"], rows, "pgx: MinAtar and board games")


def list_one(name: str) -> Listing:
    """Returns all that is known of one world, a line each."""
    from jaxdl.envs.registry import describe, settings_of_world
    from jaxdl.envs.settings import kind_text, value_text

    world = describe(name)
    rows = [["observation", world.observation], ["action", world.action]]
    for setting in settings_of_world(name).values():
        required = setting.default is inspect.Parameter.empty
        default = "must be set" if required else f"{value_text(setting.default)} by default"
        rows.append([setting.name, f"{kind_text(setting.kind)}; {default}"])
    return Listing(["", ""], [*rows, ["what it is", world.summary]], world.name)
