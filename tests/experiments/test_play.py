"""A person plays a trained net in the terminal."""

import dataclasses
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments import export, play, watch
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from tests.experiments.launch_files import train, write

pytest.importorskip("pgx")
pytest.importorskip("mctx")
ROOT = Path(__file__).parents[2]
SMALL = {
    "env": "pgx/connect_four", "steps": 1, "steps_per_call": 1, "num_games": 8, "eval_games": 2,
    "plain_factor": 1, "channels": 4, "blocks": 0, "simulations": 2, "moves": 4, "window": 64,
    "updates": 1, "batch_size": 8, "devices": 1,
}  # fmt: skip


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """The workdir of a net that has hardly learned connect four."""
    from experiments._systems import find

    folder = tmp_path_factory.mktemp("runs") / "game"
    train(find("alphazero").path, folder, **SMALL)
    return folder


def test_a_scripted_game_is_shown_move_by_move(workdir, capsys):
    config = play.Config(workdir=str(workdir), moves="4,4", seed=3)
    assert play.main(config) == "unfinished"
    out = capsys.readouterr().out
    assert out.startswith("pgx/connect_four: you are x, the net is o")
    boards = [part for part in out.split("\n\n") if ". . . . . . ." in part]
    assert len(boards) == 3 and out.count("the net plays ") == 2
    stones = [board.count("x") for board in boards]
    assert stones[-1] - stones[0] >= 1 and "1 2 3 4 5 6 7" in boards[-1]
    play.main(dataclasses.replace(config, moves="4", first="net"))
    assert "you are o, the net is x" in capsys.readouterr().out


def test_a_person_is_asked_again_until_a_move_can_be_played(workdir, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("9\nfour\n4\n"))
    assert play.main(play.Config(workdir=str(workdir))) == "unfinished"
    out = capsys.readouterr().out
    assert "'9' is no move; there are 1, 2, 3, 4, 5, 6, 7" in out
    assert "'four' is no move" in out and out.count("the net plays") == 1


def test_moves_are_written_as_people_write_them():
    connect_four, othello = make("pgx/connect_four"), make("pgx/othello")
    assert play.move_text(connect_four, 3) == "4"
    assert [play.move_text(othello, move) for move in (0, 19, 63, 64)] == ["a1", "d3", "h8", "pass"]
    legal = np.zeros(65, bool)
    legal[[19, 64]] = True
    assert play.read_move(othello, legal, " D3 ") == 19
    with pytest.raises(BadInput, match="a1 cannot be played now; there are d3, pass"):
        play.read_move(othello, legal, "a1")
    assert play.draw(othello, othello.start()).splitlines()[5] == " 4 . . . o x . . ."


def test_what_cannot_be_played_is_one_line(workdir, tmp_path):
    with pytest.raises(BadInput, match="--moves: '8' is no move; there are 1, 2, 3, 4, 5, 6, 7"):
        play.main(play.Config(workdir=str(workdir), moves="4,8"))
    with pytest.raises(BadInput, match="--workdir=.*nowhere is not a folder"):
        play.Config(workdir=str(tmp_path / "nowhere"))
    systems = write(tmp_path / "own")
    train(systems / "linear.py", tmp_path / "pendulum")
    with pytest.raises(BadInput, match="learns no game of two players"):
        play.main(play.Config(workdir=str(tmp_path / "pendulum")))


def test_a_game_as_a_gif_and_the_net_as_an_export(workdir, tmp_path, capsys):
    copy = shutil.copytree(workdir, tmp_path / "copy")
    path = watch.main(watch.Config(workdir=str(copy), height=64, width=64))
    assert path.exists() and "the policy of step 1" in capsys.readouterr().out
    folder = export.main(export.Config(workdir=str(copy)))
    about = json.loads((folder / "export.json").read_text())
    assert set(about["inputs"]) == {"obs", "legal"}
    assert set(about["outputs"]) == {"action", "policy", "value"}


@pytest.mark.slow
def test_on_the_command_line(workdir):
    command = [sys.executable, "-m", "experiments", "play", f"--workdir={workdir}"]
    done = subprocess.run(
        [*command, "--moves=4,4"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "the net plays" in done.stdout
    done = subprocess.run(
        [*command, "--moves=0"], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2 and done.stderr.count("\n") == 1
