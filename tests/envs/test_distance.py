"""How the distance of our worlds to dm_control is measured, and that it stays as small."""

from pathlib import Path

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
    # From the recorded states 0.1 and 0.2 are too much; from the first state 0.1, then 0.3, which
    # is what all of the two steps come to.
    by_hand = [[0.1, 0.2], [0, 0], [0.1, 0.2], [0, 0.5], [0.3], [0], [0.1, 0.3], [0, 0]]
    for found, expected in zip(row[2:], by_hand, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    (cells,) = _distance.cells([row._replace(obs=None)])
    assert cells[:2] == ["ours", "fast"] and cells[3:5] == ["0, 0", "-"]
    assert cells[6:9] == ["3e-01, 3e-01", "0, 0", "2e-01, 3e-01"]  # the median before the greatest
    assert "| ours | fast | " in _distance.page([row])


def test_ten_steps_begin_at_every_recorded_state():
    """A point that a control moves on, and ours a tenth too far."""
    act = np.arange(1.0, 13.0)
    qpos = np.concatenate([[0.0], np.cumsum(act)])
    recording = _distance.Recording(line(*qpos), line(*qpos), line(*act), act, line(*act), None)
    row = _distance.compare("ours", "fast", recording, lambda q, v, u: (q + 1.1 * u, v, None, None))
    sums = [act[start : start + 10].sum() for start in range(3)]
    np.testing.assert_allclose(row.some_qpos, 0.1 * np.array(sums))
    np.testing.assert_allclose(row.some_qvel, sums)


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


def test_the_page_is_the_commands():
    page = (Path(_distance.__file__).parents[1] / "docs/worlds.md").read_text()
    assert page.startswith(_distance.ABOUT)
    rows = [row.split(" | ") for row in page.splitlines() if row.startswith("| mjx/")]
    assert [row[0][2:] for row in rows[::2]] == list(_distance.RECORDED)
    assert all(len(row) == len(_distance.HEAD) for row in rows)


@pytest.mark.slow
def test_the_six_worlds_stay_near_dm_control(real_data):
    """Bounds are some ten times what docs/worlds.md says."""
    rows = _distance.measure(str(real_data / "mjcf/dmc_traj.npz"))
    for row in rows:
        most = {name: np.max(x) for name, x in row._asdict().items() if isinstance(x, np.ndarray)}
        if row.physics == _distance.C_LABEL:
            assert max(most.values()) < 1e-9, row
        elif row.world == "mjx/cartpole":  # Euler's method
            assert max(most["qpos"], most["qvel"], most["obs"]) < 3e-3 and most["rew"] < 1e-4, row
            assert max(most["far_qpos"], most["far_qvel"]) < 2e-2, row
        else:
            assert most["qpos"] < 1e-4 and most["qvel"] < 3e-2 and most["obs"] < 3e-2, row
            assert most["rew"] < 1e-5 and most["far_qpos"] < 2e-2 and most["far_qvel"] < 0.4, row
