"""The simulator against ngspice, hand-worked circuits, NumPy, and finite differences."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.science import circuits
from jaxdl.science.circuits import mna
from jaxdl.science.circuits.devices import THERMAL, drain_current
from jaxdl.science.circuits.netlist import CARD, Card
from jaxdl.science.circuits.opamp import response_measures

# Written by ngspice 39.3 for 20 sizings drawn evenly: `judge` of the amplifier with all its nodes,
# as the test below that asks ngspice itself.
GOLDEN = Path(__file__).parent / "golden/opamp_ngspice.npz"


@pytest.fixture(autouse=True)
def in_float64():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def simulated(golden):
    """Operating points, responses, and the gradient of log gain, of all golden sizings at once."""
    with jax.enable_x64(True):

        def simulate(point):
            sizes = dict(zip(circuits.SIZES, point, strict=True))
            rest, response = circuits.simulate_opamp(sizes)
            told = circuits.measure_opamp(rest, response)
            score = sum(jnp.log(jnp.abs(x) + 1e-3 * (i == 2)) for i, x in enumerate(told))
            return score, (rest, response, told)

        program = jax.jit(jax.vmap(jax.value_and_grad(simulate, has_aux=True)))
        return program, program(jnp.asarray(golden["sizes"]))


def test_operating_points_are_ngspices(golden, simulated):
    rest = simulated[1][0][1][0]
    found = np.stack([rest.voltages[node] for node in circuits.OPAMP.nodes], axis=1)
    np.testing.assert_allclose(found, golden["voltages"], rtol=1e-6)
    np.testing.assert_allclose(rest.currents["vdd"], golden["current"], rtol=1e-6)
    assert np.all(rest.valid)


def test_responses_are_ngspices(golden, simulated):
    response = simulated[1][0][1][1]
    error = np.abs(response - golden["response"]) / np.abs(golden["response"])
    assert error.max() < 1e-6


def test_gradients_are_those_of_finite_differences(golden, simulated):
    """Of all four values, through Newton's method and the response."""
    program, ((_, (_, _, told)), slopes) = simulated
    whole = np.asarray(told.bandwidth) > 0
    assert whole.sum() >= 15
    for place in range(7):
        step = 1e-5 * golden["sizes"][:, place]
        ends = []
        for sign in (1, -1):
            moved = golden["sizes"].copy()
            moved[:, place] += sign * step
            ends.append(np.asarray(program(jnp.asarray(moved))[0][0]))
        numeric = (ends[0] - ends[1]) / (2 * step)
        scale = np.abs(slopes * golden["sizes"]).max(axis=1) / golden["sizes"][:, place]
        error = np.abs(numeric - slopes[:, place]) / scale
        assert np.median(error[whole]) < 1e-6
        assert np.quantile(error[whole], 0.8) < 1e-5  # corners of regions lie within some steps


def test_a_divider_worked_by_hand():
    text = "divider\n.param r=1k\nv1 in 0 2 ac 1\nr1 in out {r}\nr2 out 0 3k\nc1 out 0 1n\n"
    netlist = circuits.read_netlist(text)

    def out(r):
        point = circuits.operating_point(netlist, {"r": r})
        return point.voltages["out"], point

    program = jax.jit(jax.value_and_grad(out, has_aux=True))
    (voltage, point), slope = program(jnp.float64(1000.0))
    assert voltage == pytest.approx(1.5, rel=1e-9)
    assert slope == pytest.approx(-2 * 3000 / 4000**2, rel=1e-9)
    assert point.currents["v1"] == pytest.approx(-0.5e-3, rel=1e-9)  # it supplies power
    hertz = jnp.array([1.0, 1e6])
    response = circuits.ac(netlist, point, hertz)["out"]
    expected = 0.75 / (1 + 2j * np.pi * np.asarray(hertz) * 750e-9)
    np.testing.assert_allclose(response, expected, rtol=1e-9)
    density = circuits.noise(netlist, point, hertz, "out")  # of 750 Ohm, behind the same pole
    heat = 4 * 1.380649e-23 * 300.15 * 750 * np.abs(expected / 0.75) ** 2
    np.testing.assert_allclose(density, heat, rtol=1e-9)


def test_sources_between_nodes_tie_them():
    """A source in the middle of a ladder: no unknown, and its current is told."""
    text = "ladder\ni1 0 a 1m\nv1 b a 3\nr1 a 0 1k\nr2 b 0 1k\nv2 c b 1\nr3 c 0 2k\n"
    point = circuits.operating_point(circuits.read_netlist(text))
    a, b, c = (point.voltages[node] for node in "abc")
    assert a / 1e3 + b / 1e3 + c / 2e3 == pytest.approx(1e-3)
    assert (b - a, c - b) == (pytest.approx(3), pytest.approx(1))
    assert point.currents["v2"] == pytest.approx(-c / 2e3)
    assert point.currents["v1"] == pytest.approx(-(b / 1e3 + c / 2e3))
    with pytest.raises(BadInput, match="loop"):
        circuits.operating_point(circuits.read_netlist("t\nv1 a 0 1\nv2 a 0 1\nr1 a 0 1\n"))


def test_elimination_is_numpys():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(6, 6)) + 1j * rng.normal(size=(6, 6)) + 5 * np.eye(6)
    matrix[0, 3] = matrix[4, 1] = 0
    right = rng.normal(size=6) + 0j
    rows = [[0 if x == 0 else jnp.asarray(x) for x in row] for row in matrix]
    np.testing.assert_allclose(
        mna.eliminate(rows, list(right)), np.linalg.solve(matrix, right), rtol=1e-12
    )


@pytest.mark.parametrize("floats", [False, True])
def test_dead_and_floating_circuits_are_flagged_without_nan(floats):
    text = "t\n.param r=1k\nv1 in 0 1\nr1 in a {r}\nr2 a 0 1k\nc1 a b 1p\n"
    text += "c2 b 0 1p\n" if floats else "r3 b 0 1k\n"
    netlist = circuits.read_netlist(text)

    def of(r):
        point = circuits.operating_point(netlist, {"r": r})
        response = circuits.ac(netlist, point, jnp.array([1e3]), {"r": r})
        return jnp.sum(jnp.abs(response["a"])) + point.voltages["b"], point.valid

    (value, valid), slope = jax.jit(jax.value_and_grad(of, has_aux=True))(jnp.float64(1e3))
    assert bool(valid) is not floats
    assert np.isfinite(value) and np.isfinite(slope)


def test_what_newton_cannot_solve_is_flagged_without_nan():
    """A current that no channel can carry off drives a node away."""
    card = ".model n nmos vto=0.5 kp=100u\n"
    text = f"t\n.param i=1m\n{card}i1 0 d {{i}}\nvg g 0 0.1\nm1 d g 0 0 n w=1u l=1u\n"
    netlist = circuits.read_netlist(text)

    def of(i):
        point = circuits.operating_point(netlist, {"i": i})
        return point.voltages["d"], point.valid

    (value, valid), slope = jax.jit(jax.value_and_grad(of, has_aux=True))(jnp.float64(1e-3))
    assert not valid and np.isfinite(value) and np.isfinite(slope)


def test_the_smooth_model_has_the_limits_of_its_paper():
    """Weak inversion is exponential, strong is quadratic, and both ends may be swapped."""
    card = Card(1, 260, CARD | {"vto": 0.4, "kp": 1e-4, "slope": 1.3})

    def current(gate, drain=1.0, source=0.0):
        ends = (jnp.float64(drain), jnp.float64(gate), jnp.float64(source), jnp.float64(0.0))
        return float(drain_current(card, jnp.float64(10.0), jnp.float64(1.0), ends))

    assert np.log(current(0.0) / current(-0.1)) == pytest.approx(0.1 / (1.3 * THERMAL), rel=1e-3)
    assert current(2.0, 3.0) == pytest.approx(1e-3 / (2 * 1.3) * 1.6**2, rel=1e-3)
    assert current(1.0, 0.3, 0.7) == pytest.approx(-current(1.0, 0.7, 0.3), rel=1e-9)
    p_channel = card._replace(polarity=-1, parameters=card.parameters | {"vto": -0.4})
    ends = tuple(jnp.float64(v) for v in (-1.0, -0.8, 0.0, 0.0))
    mirrored = drain_current(p_channel, jnp.float64(10.0), jnp.float64(1.0), ends)
    assert float(mirrored) == pytest.approx(-current(0.8), rel=1e-9)


def test_measures_of_two_poles_worked_by_hand():
    """100 / ((1 + jf/1e3)(1 + jf/1e6)): 98.4 kHz or so, and the phase by its formula."""
    hertz = jnp.asarray(10.0 ** np.linspace(0, 8, 801))
    response = 100 / ((1 + 1j * hertz / 1e3) * (1 + 1j * hertz / 1e6))
    measure = jax.jit(response_measures)
    gain, bandwidth, margin = measure(-response, hertz)
    assert gain == pytest.approx(100, rel=1e-4)
    size = lambda f: 100 / np.hypot(1, f / 1e3) / np.hypot(1, f / 1e6)  # noqa: E731
    assert size(float(bandwidth)) == pytest.approx(1, rel=1e-3)
    angle = np.degrees(np.arctan(float(bandwidth) / 1e3) + np.arctan(float(bandwidth) / 1e6))
    assert margin == pytest.approx(180 - angle, abs=0.1)
    low = measure(0.001 * response, hertz)
    assert low[1] == 0 and low[2] == 0


@pytest.mark.skipif(not circuits.find_ngspice(), reason="ngspice is not installed")
def test_ngspice_itself_writes_the_golden_values(golden):
    designs = [dict(zip(circuits.SIZES, row.tolist(), strict=True)) for row in golden["sizes"][:3]]
    nodes = circuits.OPAMP.nodes
    judged = circuits.judge(
        circuits.OPAMP_TEXT, designs, nodes=nodes, sources=["vdd"], output="out"
    )
    found = np.stack([judged.voltages[node] for node in nodes], axis=1)
    np.testing.assert_allclose(found, golden["voltages"][:3], rtol=1e-9)
    np.testing.assert_allclose(judged.response, golden["response"][:3], rtol=1e-9)
    np.testing.assert_allclose(judged.frequencies, circuits.FREQUENCIES, rtol=1e-9)
