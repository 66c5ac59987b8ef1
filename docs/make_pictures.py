"""Makes the README's moving pictures: policies before and after training, side by side.

python docs/make_pictures.py [name ...]     trains for minutes on two cores, then writes docs/*.gif

A run that was made already is not trained again; its folder is runs/pictures/<name>.
"""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageSequence

from jaxdl.render.film import captioned, write_gif

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "runs" / "pictures"
FPS = 12.5
MOST_BYTES = 2_000_000
UNTRAINED = ("--steps=1", "--steps_per_call=1", "--lr=1e-12", "--eval_envs=1", "--eval_steps=1")


class Picture(NamedTuple):
    """A world and how its policy is trained.

    Attributes:
      env: the world.
      flags: of `./run ppo`.
      seconds: of the world's time that are shown.
      size: height and width of each half, in pixels.
    """

    env: str
    flags: Sequence[str]
    seconds: float
    size: tuple[int, int]


PICTURES = {
    "swingup": Picture(
        "mjx/cartpole:task=swingup",
        (
            "--num_envs=128",
            "--unroll=64",
            "--steps=200",
            "--steps_per_call=20",
            "--epochs=10",
            "--lr=1e-3",
            "--entropy_coef=0.003",
            "--normalize_observations",
        ),
        seconds=10.0,
        size=(200, 320),
    ),
    "hopper": Picture(
        "brax/hopper",
        (
            "--unroll=64",
            "--steps=320",
            "--steps_per_call=16",
            "--epochs=8",
            "--minibatches=16",
            "--lr=6e-4",
            "--normalize_observations",
            "--eval_envs=16",
            "--save_every=80",
        ),
        seconds=5.0,
        size=(240, 320),
    ),
    "cheetah": Picture(
        "mjx/cheetah",
        (
            "--num_envs=128",
            "--unroll=64",
            "--steps=320",
            "--steps_per_call=20",
            "--epochs=10",
            "--lr=1e-3",
            "--entropy_coef=0.003",
            "--normalize_observations",
            "--eval_envs=16",
            "--save_every=80",
        ),
        seconds=5.0,
        size=(200, 320),
    ),
}


def main(names: Sequence[str]) -> None:
    """Makes the pictures named, or all."""
    for name in names or PICTURES:
        picture = PICTURES[name]
        halves = [
            film(picture, train(picture, f"{name}_untrained", UNTRAINED)),
            film(picture, train(picture, name)),
        ]
        path = ROOT / "docs" / f"{name}.gif"
        frames = list(side_by_side(halves, picture))
        write_gif(path, frames, [round(1000 / FPS)] * len(frames))
        print(f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(frames)} pictures")
        if path.stat().st_size > MOST_BYTES:
            sys.exit(f"{path} is larger than {MOST_BYTES / 1e6:g} MB: show less of it, or smaller")


def train(picture: Picture, name: str, more: Sequence[str] = ()) -> Path:
    """Returns the folder of a run, which is trained unless it has been."""
    workdir = RUNS / name
    house("ppo", f"--env={picture.env}", *picture.flags, *more, f"--workdir={workdir}")
    return workdir


def film(picture: Picture, workdir: Path) -> Path:
    """Returns a GIF of the run's policy at work."""
    height, width = picture.size
    house("watch", f"--workdir={workdir}", f"--height={height}", f"--width={width}", f"--fps={FPS}")
    return workdir / "figures" / "policy.gif"


def house(*arguments: str) -> None:
    """Runs a command of this clone."""
    subprocess.run([sys.executable, "-m", "experiments", *arguments], cwd=ROOT, check=True)


def side_by_side(halves: Sequence[Path], picture: Picture) -> Iterator[np.ndarray]:
    """Yields pictures [H, W, 3] of both films at the same time; one that has ended stands still."""
    films = [read_frames(path) for path in halves]
    for i in range(round(picture.seconds * FPS)):
        shown = [frames[min(i, len(frames) - 1)] for frames in films]
        titles = ("before training", "after training")
        yield np.concatenate(
            [captioned(image, title) for image, title in zip(shown, titles, strict=True)], axis=1
        )


def read_frames(path: Path) -> list[np.ndarray]:
    """Returns the pictures of a GIF, one for each 1 / FPS seconds."""
    frames = []
    with Image.open(path) as film_:
        for frame in ImageSequence.Iterator(film_):
            times = max(round(frame.info["duration"] * FPS / 1000), 1)
            frames += [np.asarray(frame.convert("RGB"))] * times
    return frames


if __name__ == "__main__":
    main(sys.argv[1:])
