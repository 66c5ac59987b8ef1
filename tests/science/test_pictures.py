import numpy as np
import pytest

from jaxdl.science import figures, films
from jaxdl.science.pictures import (
    BANDS,
    CUT,
    PIECES,
    RADIUS,
    TRUE,
    Strand,
    confidence_colors,
    frame,
    superposed,
    tube,
)

N = 8


def helix(length=N):
    """CA atoms [N, 3] of an ideal helix: 1.5 A and 100 degrees a residue, radius 2.3 A."""
    turn = np.deg2rad(100) * np.arange(length)
    return np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(length)], -1)


def test_a_tube_passes_through_all_atoms_and_nowhere_else():
    x = helix()
    capsules = tube(Strand(x, np.ones(N, bool), TRUE))
    assert len(capsules.radius) == PIECES * (N - 1)
    np.testing.assert_allclose(capsules.start[::PIECES], x[:-1], atol=1e-5)
    np.testing.assert_allclose(capsules.end[PIECES - 1 :: PIECES], x[1:], atol=1e-5)
    joined = np.arange(PIECES * (N - 1) - 1)
    np.testing.assert_allclose(capsules.end[joined], capsules.start[joined + 1], atol=1e-5)
    inner = capsules.start[PIECES:-PIECES, :2]  # at the ends a spline knows one neighbor alone
    away = np.linalg.norm(inner, axis=-1)  # from the helix's axis
    assert (abs(away - 2.3) < 0.45).all()


def test_a_tube_is_cut_where_the_chain_is():
    """Before the gap in space and about an atom that is not known; a lone atom is a ball."""
    x = helix()
    x[5:] += CUT
    known = np.array([1, 1, 0, 1, 1, 1, 1, 1], bool)
    capsules = tube(Strand(x, known, TRUE))
    assert len(capsules.radius) == PIECES * 4  # 0-1, 3-4, 5-6, 6-7
    lone = tube(Strand(x, np.arange(N) == 2, TRUE))
    np.testing.assert_allclose(lone.start, x[2:3], atol=1e-6)
    np.testing.assert_array_equal(lone.start, lone.end)
    assert lone.radius == np.float32(RADIUS)


def test_colors_are_those_of_the_bands():
    """At 90 and above the first, below 50 the last."""
    plddt = np.array([99.0, 90.0, 89.9, 70.0, 69.0, 50.0, 49.9, 0.0])
    found = np.round(255 * confidence_colors(plddt)).astype(int)
    hexes = ["#" + "".join(f"{channel:02x}" for channel in rgb) for rgb in found]
    names = [color for _, color in BANDS]
    assert hexes == [names[i] for i in (0, 0, 1, 1, 2, 2, 3, 3)]


def test_the_camera_holds_the_whole_chain_upright():
    x = helix(20) @ np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0] + 30
    framing = frame(Strand(x, np.ones(20, bool), TRUE))
    away = np.linalg.norm(x - framing.center, axis=-1)
    assert away.max() < framing.reach < away.max() + 1.5
    along = np.abs((x[-1] - x[0]) @ framing.axes)
    assert along.argmax() == 0  # the helix lies along the picture's width
    assert np.linalg.det(framing.axes) == pytest.approx(1, abs=1e-5)


def test_superposed_undoes_a_motion_without_the_masked_atom():
    x = helix()
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn[:, 0] *= np.linalg.det(turn)
    weights = np.ones(N)
    weights[3] = 0
    broken = x.copy()
    broken[3] = np.nan  # is not known, and does not matter
    found = superposed((x @ turn + 5)[None], broken, weights)
    np.testing.assert_allclose(found[0], x, atol=1e-3)


def test_figures_have_what_they_are_given():
    x = helix()
    known = np.arange(N) != 2
    distances = figures.distances_of(x, known)
    assert np.isnan(distances[2]).all() and distances[0, 1] == pytest.approx(3.83, abs=0.02)
    maps = figures.distance_maps({"one": distances, "two": distances})
    assert [len(axis.images) for axis in maps.axes[:2]] == [1, 1]
    contacts = figures.contact_map(np.full((N, N), 0.25), distances)
    shown = contacts.axes[0].images[0].get_array()
    assert shown[0, 7] == 0.25 and shown[3, 1] == 1 and shown[7, 0] == 0 and shown[4, 2] == 0
    lddt = np.where(known, 60.0, np.nan)
    along = figures.confidence_along(np.full(N, 80.0), lddt)
    np.testing.assert_array_equal(along.axes[0].lines[1].get_ydata(), lddt)
    assert len(figures.aligned_error(np.ones((N, N))).axes[0].images) == 1
    scatter = figures.confidence_scatter({"a": (np.arange(9.0), np.arange(9.0)[::-1])})
    assert "\u22121.00" in scatter.axes[0].get_title()


def test_a_film_ends_at_the_last_stage_and_begins_at_the_first():
    x = helix()
    stages = np.stack([np.zeros_like(x), x])
    folding = films.Folding(
        stages, np.ones(N, bool), np.full((2, N), [[20.0], [95.0]]), x, np.ones(N, bool), ("a", "b")
    )
    shots = films.film([folding, folding], titles=("one", "two"), size=48)
    assert len(shots) == films.FRAMES + 1
    assert {milliseconds for _, milliseconds in shots[:-1]} == {films.PACE}
    assert shots[-1][1] == films.HOLD
    picture = shots[-1][0]
    assert picture.shape[1] == 2 * 48 + 4 and picture.dtype == np.uint8
    blue = picture.astype(int)[:48, :48]
    assert (blue[..., 2] > blue[..., 0] + 60).any()  # confident, at last
    first = shots[0][0].astype(int)[:48, :48]
    assert (first[..., 0] > first[..., 2] + 60).any()  # not at first
    assert films.stills(folding, count=2, size=48).shape[1] == 2 * 48 + 4
