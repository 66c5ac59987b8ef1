"""How the distance of our worlds to dm_control is measured, and that it stays as small."""

import numpy as np
import pytest

from experiments import _distance, envs
from jaxdl.core.run import BadInput


def line(*values):
    return np.array(values, float)[:, None]


def test_distances_by_hand():
    # A point that moves by its control; ours moves a tenth too far.
    recording = _distance.Recording(
        qpos=line(0, 1, 3),
        qvel=line(0, 1, 2),
        act=line(1, 2),
        rew=np.zeros(2),
        obs=line(1, 3),
        target=None,
    )

    def move(qpos, qvel, act):
        after = qpos + 1.1 * act
        return after, act, after, np.array([0.0, 0.5])[: len(act)]

    row = _distance.compare("ours", "fast", recording, move)
    # From the recorded states 0.1 and 0.2 are too much; from the first state 0.1, then 0.3.
    np.testing.assert_allclose(row[2:], [0.2, 0, 0.2, 0.5, 0.3, 0], atol=1e-12)
    (cells,) = _distance.cells([row])
    assert cells == ["ours", "fast", "2e-01", "0", "2e-01", "5e-01", "3e-01", "0"]
    assert "| ours | fast | 2e-01 | 0 |" in _distance.page([row])


def test_bad_files_and_flags(tmp_path):
    with pytest.raises(BadInput, match="is no file"):
        _distance.load(str(tmp_path / "none.npz"), "walker-walk")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(BadInput, match="no recorded walker-walk"):
        _distance.load(str(tmp_path / "other.npz"), "walker-walk")
    with pytest.raises(BadInput, match="--page is of --distance"):
        envs.Config(page="worlds.md")
    with pytest.raises(BadInput, match="leave out --env"):
        envs.Config(env="bandit", distance="dmc_traj.npz")
