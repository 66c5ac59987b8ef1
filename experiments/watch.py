"""Shows a trained policy in its world, as a GIF and a sheet of pictures.

Takes the newest good checkpoint of a run, plays fresh episodes without noise, and writes
figures/policy.gif and figures/policy.png, which the run's report shows from then on. Of a system
that plays in no world but has something else that moves, such as a protein that folds, it writes
figures/film.gif.

    ./run watch --workdir=latest
    ./run watch --workdir=runs/ppo/cpu-20260101-120000 --grid=4x4 --seed=7
    ./run watch --workdir=runs/rl2/gpu-20260101-120000 --episodes=3 --out=pictures
"""

import math
import re
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from experiments._film import MOST_BYTES, shoot
from experiments._finished import check_folders, find_run, newest_state, state_of_seed
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool

CHUNK = 100  # steps between two looks at whether all episodes are over
SHEET = (2, 4)  # rows and columns of pictures of an episode
MOST_PIXELS = 500_000_000  # of all frames together: 3 GB of memory
LEAST, MOST = 48, 1024  # pixels of a side


def shape(grid: str) -> tuple[int, int]:
    """Returns the rows and columns of a grid that is written like 4x4."""
    rows, columns = grid.split("x")
    return int(rows), int(columns)


def sizes(config: "Config") -> tuple[int, int]:
    """Returns height and width of the picture of a world; a grid is about 512 pixels large."""
    standard = 256 if config.grid == "1x1" else max(512 // max(shape(config.grid)), LEAST)
    return config.height or standard, config.width or standard


@dataclass(frozen=True)
class Config:
    """Which run, what of it, and how large."""

    workdir: str = option("", "the folder of the run, or latest")
    out: str = option("", "where the pictures go (default: figures/ in that folder)")
    stage: str = option("", "which stage of a run that has several (default: the last one)")
    which: int = option(0, "which of the run's seeds, counted from 0", at_least=0)
    seed: int = option(0, "of the worlds that are played", at_least=0)
    episodes: int = option(
        0, "how many, one after the other (0: as many as the grid shows at once)", at_least=0
    )
    grid: str = option("1x1", "worlds that are shown at once: rows x columns")
    height: int = option(
        0, f"of a world's picture, {LEAST} to {MOST} pixels (0: 256; in a grid less)", at_least=0
    )
    width: int = option(
        0, f"of a world's picture, {LEAST} to {MOST} pixels (0: 256; in a grid less)", at_least=0
    )
    max_steps: int = option(1000, "longest episode", at_least=1)
    fps: float = option(
        25.0, "pictures in a second of the world's time, at most", at_least=1, at_most=50
    )
    frames: int = option(
        300,
        "pictures in the GIF, at most; of longer episodes some are left out",
        at_least=2,
        at_most=5000,
    )

    def __post_init__(self):
        if not re.fullmatch(r"[1-9]\d?x[1-9]\d?", self.grid):
            raise BadInput(f"--grid={self.grid} should be rows x columns, like 4x4")
        worlds = math.prod(shape(self.grid))
        if worlds > 100:
            raise BadInput(f"--grid={self.grid} holds more than 100 worlds")
        for name in ("height", "width"):
            if getattr(self, name) and not LEAST <= getattr(self, name) <= MOST:
                raise BadInput(f"--{name}={getattr(self, name)} should be {LEAST} to {MOST}")
        if self.max_steps > 1_000_000 // max(self.episodes, worlds):
            raise BadInput("--max_steps: 1000000 steps in all at most")
        if self.frames * worlds * math.prod(sizes(self)) > MOST_PIXELS:
            raise BadInput(
                f"--frames={self.frames} of {worlds} worlds of {sizes(self)} pixels take too much "
                "memory: fewer or smaller ones"
            )
        check_folders(self.workdir, self.out)


PRESETS = {"cpu": Config()}


def main(config: Config) -> Path:
    """Plays, draws and writes; returns the GIF's path.

    Raises:
      BadInput: the run has no policy or no checkpoint, or its world cannot be drawn.
    """
    import jax

    from jaxdl.core import report
    from jaxdl.pages import print_text
    from jaxdl.render.views import view_of

    began = time.monotonic()
    run = find_run(config.workdir, config.stage, config.which, "watch")
    with jax.default_device(jax.devices("cpu")[0]):
        system = run.file.module.build(run.config)
        if system.film is not None:
            return shoot(run, system.film, config.which, config.out)
        if system.world is None or system.deployment is None:
            figures = run.folder / "figures"
            raise BadInput(f"{run.file.name} learns no policy; its pictures are in {figures}")
        step, state = newest_state(run, system.learner)
        state = state_of_seed(run, state, config.which)
        player = partial(system.deployment.apply, system.deployment.weights(state))
        name, env = system.world
        view = view_of(name)
        if view.seconds:
            view = view._replace(seconds=view.seconds * system.action_repeat)
        print_text(f"{name}, the policy of step {step}")
        plays = record_episodes(config, env, player, view, system.deployment.inputs)
        print_summary(plays, view, began)
        size = sizes(config)
        shots = [
            shot for page in split_pages(config, plays) for shot in draw(config, view, page, size)
        ]
        sheet = contact_sheet(view, plays[0], size)
    path = write_pictures(Path(config.out) if config.out else run.folder / "figures", shots, sheet)
    if not config.out:
        report.save_captions(run.folder, captions(config, name, step, view))
    if not config.out and (run.folder / "result.json").exists():
        report.write(run.folder)
    print_text(f"{path.stat().st_size / 1e6:.2f} MB, {time.monotonic() - began:.1f} s in all")
    return path


def captions(config: Config, name: str, step: int, view: Any) -> dict[str, str]:
    """Says in sentences what the pictures show, by the names of their files."""
    rows, columns = shape(config.grid)
    count = max(config.episodes, rows * columns)
    policy = f"The policy of step {step}, without exploring, in {name}"
    episodes = f"{count} fresh episodes" if count > 1 else "a fresh episode"
    legend = f" {view.legend.rstrip('.')}." if view.legend else ""
    return {
        "policy.gif": f"{policy}: {episodes}.{legend}",
        "policy.png": f"{policy}: pictures of one episode, evenly spaced in time.{legend}",
    }


def record_episodes(config: Config, env: Any, player: Any, view: Any, inputs: Any) -> list[Any]:
    """Plays the episodes with a deployed policy; returns a list of `Play`."""
    import jax
    import numpy as np

    from jaxdl.render.view import Play
    from jaxdl.rl.deployment import deployed_policy, initial_carry
    from jaxdl.rl.rollout import record, start_rollout

    rows, columns = shape(config.grid)
    number = config.episodes or rows * columns
    steps = min(CHUNK, config.max_steps)

    def begin(key):
        rollout = start_rollout(key, env, initial_carry(inputs, number), episodes=number)
        return rollout, jax.vmap(view.keep)(rollout.env_state, rollout.task, rollout.obs)

    def keep(moment):
        states = jax.vmap(view.keep)(moment.after, moment.task, moment.step.obs)
        return Play(states, moment.action, moment.step.reward), moment.is_alive

    policy = deployed_policy(player)
    proceed = jax.jit(partial(record, env=env, policy=policy, keep=keep, steps=steps))
    rollout, first = jax.jit(begin)(jax.random.key(config.seed))
    parts = []
    while len(parts) * steps < config.max_steps and not np.all(rollout.is_over):
        rollout, part = proceed(rollout)
        parts.append(jax.device_get(part))
    plays, is_alive = jax.tree.map(lambda *x: np.concatenate(x)[: config.max_steps], *parts)
    states = jax.tree.map(
        lambda x, y: np.concatenate([x[None], y]), jax.device_get(first), plays.kept
    )

    def pick_episode(i):
        length = int(is_alive[:, i].sum())
        kept = jax.tree.map(lambda x: x[: length + 1, i], states)
        action = jax.tree.map(lambda x: x[:length, i], plays.action)
        return Play(kept, action, plays.reward[:length, i])

    return [pick_episode(i) for i in range(number)]


def print_summary(plays: list[Any], view: Any, began: float) -> None:
    """Prints what the episodes were worth."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import print_text, show

    total = interval([sum(play.reward) for play in plays])
    steps = interval([len(play.reward) for play in plays])
    lasting = f"{steps['mean']:.5g} {view.unit}s"
    if view.seconds:
        lasting += f" = {steps['mean'] * view.seconds:.4g} s of the world's time"
    number = f"{len(plays)} episodes" if len(plays) > 1 else "an episode"
    spent = time.monotonic() - began
    print_text(f"{number}: return {show(total)}, {lasting}; played after {spent:.1f} s")


def split_pages(config: Config, plays: list[Any]) -> list[list[Any]]:
    """Splits the episodes by how many are shown at once."""
    rows, columns = shape(config.grid)
    count = rows * columns
    return [plays[i : i + count] for i in range(0, len(plays), count)]


def choose_frames(length: int, seconds: float | None, fps: float, most: int) -> tuple[list, list]:
    """Chooses which states of an episode are shown, and for how many milliseconds each.

    Args:
      length: T steps; there are T + 1 states.
      seconds: of a step, or None.
      fps: pictures in a second, at most.
      most: pictures, at most.
    """
    from jaxdl.render.film import HOLD

    stride = max(-(-length // (most - 1)), 1)
    if seconds:
        stride = max(stride, round(1 / (fps * seconds)), 1)
    frames = [*range(0, length, stride), length]
    if not seconds:
        pace = min(max(6000 // len(frames) // 10 * 10, 40), 600)
        return frames, [pace] * (len(frames) - 1) + [HOLD]
    ticks = [round(frame * seconds * 100) for frame in frames]
    shown = [10 * max(b - a, 2) for a, b in zip(ticks, ticks[1:], strict=False)]
    return frames, [*shown, HOLD]


def draw(config: Config, view: Any, plays: list[Any], size: tuple[int, int]) -> list[tuple]:
    """Draws the GIF's part that shows these episodes at once, as pictures and milliseconds."""
    from jaxdl.render import film

    rows, columns = shape(config.grid)
    length = max(len(p.reward) for p in plays)
    share = max(config.frames * rows * columns // max(config.episodes, rows * columns), 2)
    frames, shown = choose_frames(length, view.seconds, config.fps, share)
    tiles = [view.paint(p, [min(f, len(p.reward)) for f in frames], *size) for p in plays]
    shots = []
    for i, frame in enumerate(frames):
        right = when(view, frame)
        if rows * columns == 1:
            left = f"return {worth(plays[0], frame)}"
            shots.append((film.captioned(tiles[0][i], left, right), shown[i]))
            continue
        pictures = [
            film.labeled(tile[i], worth(p, frame), over=frame >= len(p.reward) and frame < length)
            for tile, p in zip(tiles, plays, strict=True)
        ]
        blank = [pictures[0] * 0 + 252] * (rows * columns - len(pictures))
        mean = sum(p.reward[:frame].sum() for p in plays) / len(plays)
        whole = film.mosaic([*pictures, *blank], columns)
        shots.append((film.captioned(whole, f"mean return {mean:.1f}", right), shown[i]))
    return shots


def when(view: Any, frame: int) -> str:
    """Writes the time of a state in words."""
    return f"t = {frame * view.seconds:.2f} s" if view.seconds else f"{view.unit} {frame}"


def worth(play: Any, frame: int) -> str:
    """Writes the return up to a state, always with as many digits."""
    whole = (play.reward == play.reward.round()).all()
    digits = 0 if whole else 1 if abs(play.reward.sum()) >= 100 else 2
    return f"{play.reward[:frame].sum():.{digits}f}"


def contact_sheet(view: Any, play: Any, size: tuple[int, int]) -> Any:
    """Draws pictures of an episode, evenly spaced in time, with captions."""
    import numpy as np

    from jaxdl.render import film

    rows, columns = SHEET
    count = min(rows * columns, len(play.reward) + 1)
    frames = np.linspace(0, len(play.reward), count).round().astype(int)
    pictures = [
        film.captioned(image, f"return {worth(play, frame)}", when(view, frame))
        for image, frame in zip(view.paint(play, frames, *size), frames, strict=True)
    ]
    sheet = film.mosaic(pictures, columns)
    return film.footnoted(sheet, view.legend) if view.legend else sheet


def write_pictures(folder: Path, shots: list[tuple], sheet: Any) -> Path:
    """Writes policy.gif and policy.png, and a GIF that is too large with half its frames."""
    from PIL import Image

    from jaxdl.pages import print_text
    from jaxdl.render import film

    path = folder / "policy.gif"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(sheet).save(folder / "policy.png")
        shots = film.write_small_gif(path, shots, MOST_BYTES)
    except OSError as error:
        raise BadInput(f"{folder} cannot be written to: {error.strerror or error}") from None
    print_text(f"{path}: {len(shots)} pictures; {folder / 'policy.png'}")
    return path


if __name__ == "__main__":
    launch_tool(main, PRESETS)
