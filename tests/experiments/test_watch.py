import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from experiments import ppo, rl2, simclr, watch
from jaxdl.core import fit
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.launch import configure
from jaxdl.rl.evaluation import play

ROOT = Path(__file__).parents[2]
SMALL = {"num_envs": 8, "unroll": 8, "epochs": 1, "minibatches": 1, "hidden": (8,), "devices": 1}
SMALL |= {"microbatches": 1, "eval_envs": 8, "eval_steps": 5, "steps": 2, "steps_per_call": 2}
BANDIT = {"batch": 40, "hidden": 8, "epochs": 1, "minibatches": 1, "eval_tasks": 64, "devices": 1}
RUNS = {
    "pendulum": (ppo, SMALL | {"env": "pendulum", "num_seeds": 2}),
    "cartpole": (ppo, SMALL | {"recurrent": "lstm"}),
    "bandit": (rl2, BANDIT | {"arms": (3,), "pulls": (5,), "steps": 2}),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Name -> (workdir, its Config, the final state), trained when it is first asked for."""
    folder, done = tmp_path_factory.mktemp("runs"), {}

    def train(name):
        if name not in done:
            module, settings = RUNS[name]
            workdir = folder / name
            system = module.__name__.removeprefix("experiments.")
            settings = settings | {"workdir": str(workdir)}
            config = configure(system, module.PRESETS, "smoke", settings)
            state, _ = fit(module.deploy(config)[0], (), config.run)
            done[name] = workdir, config, jax.device_get(state)
        return done[name]

    return train


def opened(path):
    """Pictures [F, H, W, 3] and milliseconds [F] of a GIF."""
    pictures, shown = [], []
    with Image.open(path) as gif:
        assert gif.info["loop"] == 0
        for i in range(gif.n_frames):
            gif.seek(i)
            pictures.append(np.asarray(gif.convert("RGB")))
            shown.append(gif.info["duration"])
    return np.stack(pictures), shown


def test_an_episode_as_a_gif_and_a_sheet(trained, capsys):
    """Of the pendulum, whose episodes have 200 steps of 0.05 s: 201 states."""
    workdir = trained("pendulum")[0]
    path = watch.main(watch.Config(workdir=str(workdir), which=1))
    assert path == workdir / "figures" / "policy.gif"
    pictures, shown = opened(path)
    assert pictures.shape == (201, 280, 256, 3)
    assert shown == [50] * 200 + [1000]
    with Image.open(workdir / "figures" / "policy.png") as sheet:
        assert sheet.size == (4 * 256 + 3 * 4, 2 * 280 + 4)
    assert path.stat().st_size < 3_000_000
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "pendulum, the policy of step 2" and len(said) == 4
    report = (workdir / "report.html").read_text()
    assert report.count("data:image/gif;base64,") == 1 and "data:image/png" in report


def test_it_is_the_policys_return(trained, capsys):
    """That of the learner's own evaluation of the same worlds, for a net with memory."""
    workdir, config, state = trained("cartpole")
    watch.main(
        watch.Config(workdir=str(workdir), grid="4x4", seed=5, frames=5, height=48, width=48)
    )
    env = make("cartpole")
    net = ppo.network(config, env)
    measured = play(jax.random.key(5), env, net, state.params, lambda obs: obs, 16, 1000)
    said = capsys.readouterr().out.splitlines()[1]
    assert said.startswith(f"16 episodes: return {float(measured['episode_return']):.5g} ±")
    assert f"{float(measured['episode_length']):.5g} steps" in said


def test_a_grid_shows_its_worlds_side_by_side(trained, tmp_path):
    """Each as it would be alone, but for the number in its corner."""
    workdir, out = trained("pendulum")[0], tmp_path / "new" / "folder"
    settings = {"workdir": str(workdir), "height": 96, "width": 120, "max_steps": 12}
    four = watch.main(watch.Config(**settings, grid="2x2", out=str(out)))
    pictures, _ = opened(four)
    assert pictures.shape[0] == 13 and pictures.shape[2] == 2 * 120 + 4
    tiles = [pictures[:, y : y + 96, x : x + 120] for y in (0, 100) for x in (0, 124)]
    below = [tile[:, 20:].astype(int) for tile in tiles]
    for i in range(3):
        assert np.abs(below[i][-1] - below[i + 1][-1]).mean() > 1  # other worlds
    one, _ = opened(watch.main(watch.Config(**settings, episodes=4, out=str(tmp_path))))
    assert len(one) == 4 * 13  # one after the other
    for i in range(4):
        alone = one[13 * i : 13 * (i + 1), 20:96].astype(int)
        assert np.abs(alone - below[i]).mean() < 2


def test_a_trial_of_a_bandit_has_a_picture_for_each_pull(trained):
    workdir = trained("bandit")[0]
    path = watch.main(watch.Config(workdir=str(workdir), episodes=2))
    pictures, shown = opened(path)
    assert len(pictures) == 2 * 6 and shown == ([600] * 5 + [1000]) * 2
    means = [pictures[i, 34:188] for i in (0, 6)]
    assert np.abs(means[0].astype(int) - means[1]).mean() > 0.5  # another bandit
    assert (workdir / "report.html").exists()


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(trained, tmp_path):
    workdir, bytes_of = trained("bandit")[0], []
    for i, seed in enumerate((1, 1, 2)):
        path = watch.main(watch.Config(workdir=str(workdir), out=str(tmp_path / str(i)), seed=seed))
        bytes_of.append(path.read_bytes())
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]


def test_the_run_is_left_as_it_was(trained, tmp_path):
    """But for its figures and its report; and with --out for nothing at all."""
    workdir = trained("bandit")[0]
    before = {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}
    watch.main(watch.Config(workdir=str(workdir), out=str(tmp_path)))
    assert before == {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}
    watch.main(watch.Config(workdir=str(workdir)))
    after = {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}
    changed = {str(p.relative_to(workdir)) for p in after if after[p] != before.get(p)}
    assert changed == {"figures/policy.gif", "figures/policy.png", "report.html"}


@pytest.mark.parametrize(
    "length, seconds, fps, most, frames, shown",
    [
        (4, 0.05, 25, 99, [0, 1, 2, 3, 4], [50] * 4 + [1000]),
        (5, 0.02, 25, 99, [0, 2, 4, 5], [40, 40, 20, 1000]),
        (9, 0.05, 25, 4, [0, 3, 6, 9], [150] * 3 + [1000]),
        (5, 0.015, 50, 99, [0, 1, 2, 3, 4, 5], [20, 20, 20, 20, 20, 1000]),
        (3, None, 25, 99, [0, 1, 2, 3], [600] * 3 + [1000]),
        (1000, None, 25, 101, [*range(0, 1001, 10)], [50] * 100 + [1000]),
        (0, 0.1, 25, 9, [0], [1000]),
    ],
)
def test_which_states_are_shown_for_how_long(length, seconds, fps, most, frames, shown):
    assert watch.chosen(length, seconds, fps, most) == (frames, shown)


def test_a_gif_that_is_too_large_loses_pictures_but_no_time(trained, tmp_path, monkeypatch):
    workdir = trained("pendulum")[0]
    monkeypatch.setattr(watch, "MOST_BYTES", 20_000)
    settings = {"workdir": str(workdir), "max_steps": 64, "height": 96, "width": 96}
    path = watch.main(watch.Config(**settings, out=str(tmp_path)))
    pictures, shown = opened(path)
    assert len(pictures) < 65 and sum(shown) == 64 * 50 + 1000


BAD = {
    "--workdir is missing": {},
    "is not a folder": {"workdir": "nowhere"},
    "--grid=4 should be rows x columns": {"grid": "4"},
    "--grid=0x4 should be": {"grid": "0x4"},
    "more than 100 worlds": {"grid": "11x10"},
    "--height=20 should be 48 to 1024": {"height": 20},
    "--width=5000 should be": {"width": 5000},
    "--episodes must not be negative": {"episodes": -1},
    "--max_steps should be": {"max_steps": 0},
    "1000000 steps in all": {"episodes": 2000},
    "too much memory": {"grid": "10x10", "height": 1024, "width": 1024},
    "--fps": {"fps": 0.0},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_flags_are_told_in_a_line(message):
    with pytest.raises(BadInput, match=message) as told:
        watch.main(watch.Config(**BAD[message]))
    assert "\n" not in str(told.value)


def test_a_run_that_cannot_be_watched_is_told_in_a_line(trained, tmp_path):
    workdir = shutil.copytree(trained("bandit")[0], tmp_path / "run")
    settings = json.loads((workdir / "config.json").read_text())
    with pytest.raises(BadInput, match="--which=1, but the run has 1 seeds"):
        watch.main(watch.Config(workdir=str(workdir), which=1))
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written to"):
        watch.main(watch.Config(workdir=str(workdir), out=str(tmp_path / "file" / "x")))
    shutil.rmtree(workdir / "checkpoints")
    with pytest.raises(BadInput, match="holds no checkpoint that can be used"):
        watch.main(watch.Config(workdir=str(workdir)))
    config = simclr.PRESETS["smoke"]
    values = {"system": "simclr", "preset": "smoke", "data": config.data}
    (workdir / "config.json").write_text(json.dumps(values))
    with pytest.raises(BadInput, match=f"simclr learns no policy; .* {workdir}/figures"):
        watch.main(watch.Config(workdir=str(workdir)))
    (workdir / "config.json").write_text(json.dumps(settings | {"system": "tour"}))
    with pytest.raises(BadInput, match="trains nothing to watch"):
        watch.main(watch.Config(workdir=str(workdir)))


@pytest.mark.slow
def test_as_a_command(trained, tmp_path):
    workdir = trained("bandit")[0]
    command = [sys.executable, "-m", "experiments", "watch", f"--out={tmp_path}"]
    done = subprocess.run([*command, f"--workdir={workdir}", "--grid=2x3"], cwd=ROOT, timeout=120)
    assert done.returncode == 0 and len(opened(tmp_path / "policy.gif")[0]) == 6
    done = subprocess.run([*command, "--grid=2"], cwd=ROOT, capture_output=True, timeout=120)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
