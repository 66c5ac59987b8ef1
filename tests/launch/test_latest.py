import json
import os

import pytest

from jaxdl.core.run import BadInput
from jaxdl.launch import latest_workdir


def begin(folder, at, **content):
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(content))
    os.utime(folder / "config.json", (at, at))


def test_the_newest_run_is_the_one_that_was_begun_or_gone_on_with_last(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="no run below runs"):
        latest_workdir()
    begin(tmp_path / "runs/ppo/cpu-2", 200)
    begin(tmp_path / "runs/ppo/cpu-1", 300)  # gone on with after the second was begun
    begin(tmp_path / "runs/rl2/cpu-3", 250)
    begin(tmp_path / "runs/rl2/cpu-3/figures", 900)  # inside of a run is no run
    assert latest_workdir() == "runs/ppo/cpu-1"
    assert latest_workdir("rl2") == "runs/rl2/cpu-3"
    with pytest.raises(BadInput, match="no run below runs/simclr"):
        latest_workdir("simclr")


def test_the_folder_of_a_run_with_stages_is_that_of_all_of_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    begin(tmp_path / "runs/student/a/teacher", 100, stage="teacher")
    begin(tmp_path / "runs/student/a/student", 200, stage="student")
    assert latest_workdir("student") == "runs/student/a"
