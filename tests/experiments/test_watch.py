import json
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from experiments import watch
from jaxdl.core.run import BadInput
from jaxdl.launch.settings import configure
from tests.experiments.launch_files import train, write

ROOT = Path(__file__).parents[2]
BANDIT = {  # a net with memory, and a world of trials
    "env": "bandit:arms=3", "episodes": 5, "num_envs": 8, "hidden": (8,), "epochs": 1,
    "minibatches": 1, "eval_tasks": 64, "steps": 2, "devices": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def systems(tmp_path_factory):
    """A folder of one's own launch files."""
    return write(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="module")
def pendulum(systems, tmp_path_factory):
    """The workdir of a run of two seeds that plays pendulum, and its state."""
    workdir = tmp_path_factory.mktemp("runs") / "linear"
    state, _ = train(systems / "linear.py", workdir, num_seeds=2)
    return workdir, jax.device_get(state)


def configured(workdir, **settings):
    return configure("watch", watch.PRESETS, "cpu", {"workdir": str(workdir)} | settings)


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


def test_an_episode_as_a_gif_and_a_sheet(pendulum, capsys):
    """Of the pendulum, whose episodes have 200 steps of 0.05 s: 201 states."""
    workdir = pendulum[0]
    path = watch.main(configured(workdir, which=1))
    assert path == workdir / "figures" / "policy.gif"
    pictures, shown = opened(path)
    assert pictures.shape == (201, 280, 256, 3)
    assert shown == [50] * 200 + [1000]
    with Image.open(workdir / "figures" / "policy.png") as sheet:
        assert sheet.size == (4 * 256 + 3 * 4, 2 * 280 + 4)
    assert path.stat().st_size < 3_000_000
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "pendulum, the policy of step 4" and len(lines) == 4
    report = (workdir / "report.html").read_text()
    assert report.count("data:image/gif;base64,") == 1 and "data:image/png" in report
    assert "The policy of step 4, without exploring, in pendulum: a fresh episode." in report


def test_it_is_the_policys_return(pendulum, capsys):
    """That of the same weights in NumPy's tanh, in the same worlds, step by step."""
    workdir, state = pendulum
    settings = {"grid": "2x2", "seed": 5, "frames": 5, "height": 48, "width": 48, "which": 1}
    watch.main(configured(workdir, **settings))
    from jaxdl.envs import make
    from jaxdl.rl.rollout import record, start_rollout

    w = state.params["w"][1]
    policy = lambda key, carry, obs, first: (carry, 2 * jax.numpy.tanh(obs @ w))  # noqa: E731
    env = make("pendulum")
    rollout = start_rollout(jax.random.key(5), env, (), episodes=4)
    reward = record(rollout, env, policy, lambda moment: moment.step.reward, steps=200)[1]
    measured = float(reward.sum(axis=0).mean())
    said = capsys.readouterr().out.splitlines()[1]
    shown = float(said.removeprefix("4 episodes: return ").split(" ")[0])
    assert shown == pytest.approx(measured, rel=1e-4) and "200 steps = 10 s" in said


def test_a_grid_shows_its_worlds_side_by_side(pendulum, tmp_path):
    """Each as it would be alone, except for the number in its corner."""
    workdir, out = pendulum[0], tmp_path / "new" / "folder"
    settings = {"height": 96, "width": 120, "max_steps": 12}
    four = watch.main(configured(workdir, **settings, grid="2x2", out=str(out)))
    pictures, _ = opened(four)
    assert pictures.shape[0] == 13 and pictures.shape[2] == 2 * 120 + 4
    tiles = [pictures[:, y : y + 96, x : x + 120] for y in (0, 100) for x in (0, 124)]
    below = [tile[:, 20:].astype(int) for tile in tiles]
    for i in range(3):
        assert np.abs(below[i][-1] - below[i + 1][-1]).mean() > 1  # other worlds
    one, _ = opened(watch.main(configured(workdir, **settings, episodes=4, out=str(tmp_path))))
    assert len(one) == 4 * 13  # one after the other
    for i in range(4):
        alone = one[13 * i : 13 * (i + 1), 20:96].astype(int)
        assert np.abs(alone - below[i]).mean() < 2


@pytest.mark.slow
def test_a_trial_of_a_bandit_has_a_picture_for_each_pull(tmp_path):
    from experiments._systems import find

    train(find("rl2").path, tmp_path / "run", **BANDIT)
    path = watch.main(configured(tmp_path / "run", episodes=2))
    pictures, shown = opened(path)
    assert len(pictures) == 2 * 6 and shown == ([600] * 5 + [1000]) * 2
    means = [pictures[i, 34:188] for i in (0, 6)]
    assert np.abs(means[0].astype(int) - means[1]).mean() > 0.5  # another bandit


def test_the_same_seed_gives_the_same_bytes_and_another_one_does_not(pendulum, tmp_path):
    bytes_of = []
    settings = {"height": 48, "width": 48, "max_steps": 5}
    for i, seed in enumerate((1, 1, 2)):
        path = watch.main(
            configured(pendulum[0], **settings, out=str(tmp_path / str(i)), seed=seed)
        )
        bytes_of.append(path.read_bytes())
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]


def test_the_run_is_left_as_it_was(pendulum, tmp_path):
    """Except for its figures and its report; and with --out altogether."""
    workdir = pendulum[0]
    small = {"height": 48, "width": 48, "max_steps": 5}

    def times():
        return {p: p.stat().st_mtime_ns for p in workdir.rglob("*") if p.is_file()}

    before = times()
    watch.main(configured(workdir, **small, out=str(tmp_path)))
    assert before == times()
    watch.main(configured(workdir, **small))
    after = times()
    changed = {str(p.relative_to(workdir)) for p in after if after[p] != before.get(p)}
    figures = {f"figures/{name}" for name in ("policy.gif", "policy.png", "captions.json")}
    assert changed == figures | {"report.html"}


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
    assert watch.choose_frames(length, seconds, fps, most) == (frames, shown)


def test_a_gif_that_is_too_large_loses_pictures_but_no_time(pendulum, tmp_path, monkeypatch):
    monkeypatch.setattr(watch, "MOST_BYTES", 20_000)
    settings = {"max_steps": 64, "height": 96, "width": 96}
    path = watch.main(configured(pendulum[0], **settings, out=str(tmp_path)))
    pictures, shown = opened(path)
    assert len(pictures) < 65 and sum(shown) == 64 * 50 + 1000


BAD = {
    "--workdir is missing": {"workdir": ""},
    "is not a folder": {"workdir": "nowhere"},
    "--grid=4 should be rows x columns": {"grid": "4"},
    "--grid=0x4 should be": {"grid": "0x4"},
    "more than 100 worlds": {"grid": "11x10"},
    "--height=20 should be 48 to 1024": {"height": 20},
    "--width=5000 should be": {"width": 5000},
    "--episodes must be at least 0": {"episodes": -1},
    "--max_steps must be at least 1": {"max_steps": 0},
    "1000000 steps in all": {"episodes": 2000},
    "too much memory": {"grid": "10x10", "height": 1024, "width": 1024},
    "--fps must be at least 1": {"fps": 0.0},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_flags_are_told_in_a_line(message):
    with pytest.raises(BadInput, match=message) as told:
        watch.main(configured(**{"workdir": ""} | BAD[message]))
    assert "\n" not in str(told.value)


def test_a_run_that_cannot_be_watched_is_told_in_a_line(systems, pendulum, tmp_path):
    workdir = shutil.copytree(pendulum[0], tmp_path / "run")
    with pytest.raises(BadInput, match="--which=2, but the run has 2 seeds"):
        watch.main(configured(workdir, which=2))
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written to"):
        watch.main(configured(workdir, max_steps=2, out=str(tmp_path / "file" / "x")))
    settings = json.loads((workdir / "config.json").read_text())
    (workdir / "config.json").write_text(json.dumps({"seed": 0, "num_seeds": 1}))
    with pytest.raises(BadInput, match="started from Python. To watch a run"):
        watch.main(configured(workdir))
    (workdir / "config.json").write_text(json.dumps(settings))
    shutil.rmtree(workdir / "checkpoints")
    with pytest.raises(BadInput, match="holds no checkpoint that can be used"):
        watch.main(configured(workdir))
    train(systems / "nothing.py", tmp_path / "nothing")
    with pytest.raises(BadInput, match="nothing learns no policy; .*nothing/figures"):
        watch.main(configured(tmp_path / "nothing"))


def test_a_stage_of_a_run(systems, tmp_path):
    train(systems / "staged.py", tmp_path / "run")
    small = {"height": 48, "width": 48, "max_steps": 5}
    path = watch.main(configured(tmp_path / "run", **small))
    assert path == tmp_path / "run/student/figures/policy.gif"
    path = watch.main(configured(tmp_path / "run", **small, stage="teacher"))
    assert path == tmp_path / "run/teacher/figures/policy.gif"


@pytest.mark.slow
def test_as_a_command(pendulum, tmp_path):
    command = [sys.executable, "-m", "experiments", "watch", f"--out={tmp_path}", "--max_steps=5"]
    run = [*command, f"--workdir={pendulum[0]}", "--grid=2x3"]
    done = subprocess.run(run, cwd=ROOT, timeout=120)
    assert done.returncode == 0 and len(opened(tmp_path / "policy.gif")[0]) == 6
    done = subprocess.run([*command, "--grid=2"], cwd=ROOT, capture_output=True, timeout=120)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
