"""System identification: records, gradients, searches, and what can and cannot be told."""

import json
import re

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from experiments.sim2real import _machines
from experiments.sim2real import identification as launched
from jaxdl.core import Run, fit
from jaxdl.core.learner import DeviceData
from jaxdl.core.run import BadInput
from jaxdl.launch import configure, train
from jaxdl.launch.system import Outcome
from jaxdl.sim2real import (
    evolution_search,
    gauss_newton_search,
    gradient_search,
    identification,
    identified_exhibits,
    open_machine,
    random_search,
    records,
)
from jaxdl.sim2real.identified import condition_number
from jaxdl.sim2real.identified_exhibits import eigen, faint_text
from jaxdl.sim2real.machines import ROUGH, all_factors
from jaxdl.sim2real.prediction import (
    fisher_information,
    residuals,
    residuals_and_jacobian,
    value_and_gradient,
)
from jaxdl.sim2real.records import Record, Windows, record, windows
from tests.envs.test_mjx import compiled

KEY = jax.random.key(0)
MACHINE = open_machine("swingup")
NAMES = ("cart_mass", "pole_mass", "pole_length", "cart_damping", "pole_damping")
SMALL = {"steps": 4, "steps_per_call": 2, "devices": 1}
FACTORS = np.array([[1.4, 0.7, 0.8, 1.5, 0.6, 1.0, 1.0], [0.6, 1.3, 1.2, 0.8, 1.9, 1.0, 1.0]])


def recorded(factors=FACTORS, machine=MACHINE, **settings):
    return record(machine, factors, **({"episodes": 6, "steps": 60, "seed": 1} | settings))


def one_machine(parts, number=0):
    return Windows(*(jnp.asarray(part[:, number]) for part in parts))


def error_of(parts, names=NAMES, machine=MACHINE):
    return lambda x: residuals(machine, all_factors(machine, names, x), parts)


def fitted(search, parts, *, names=NAMES, machine=MACHINE, steps=30, start=None):
    """Estimates [H, P] after so many steps on all windows."""
    start = np.zeros((parts.ctrl.shape[1], len(names))) if start is None else start
    learner = identification(machine, search, names=names, start=start)
    data = DeviceData(parts, len(parts.ctrl))
    state, _ = fit(learner, data, Run(steps=steps, steps_per_call=steps, devices=1))
    return np.exp(state.params["log_factors"])


def test_hidden_machines_are_compiled_as_mujoco_compiles_their_mjcf():
    from jaxdl.envs.mjx import Task

    model = MACHINE.build_model(FACTORS[0])
    values = dict(zip(MACHINE.constants, MACHINE.nominal * FACTORS[0], strict=True))
    theirs = compiled(Task(**values))
    fields = "body_mass body_inertia body_ipos dof_damping dof_invweight0 body_subtreemass"
    for field in (fields + " actuator_gear geom_pos geom_size").split():
        expected = getattr(theirs, field)
        np.testing.assert_allclose(getattr(model, field), expected, rtol=2e-5, err_msg=field)
    assert MACHINE.nominal[MACHINE.constants.index("cart_damping")] == ROUGH["cart_damping"]
    reacher = open_machine("mjx/reacher")
    usual, heavy = (
        reacher.build_model(np.array([mass, 1.0, 1.0, 1.0, 1.0])) for mass in (1.0, 2.0)
    )
    np.testing.assert_allclose(heavy.body_subtreemass, 2 * usual.body_subtreemass)


def test_a_record_is_what_mujoco_does_and_windows_are_its_parts():
    found = recorded()
    model = MACHINE.build_model(FACTORS[1])
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = found.qpos[1, 3, 0], found.qvel[1, 3, 0]
    for t in range(60):
        data.ctrl[:] = found.ctrl[1, 3, t]
        mujoco.mj_step(model, data)
        np.testing.assert_allclose(data.qpos, found.qpos[1, 3, t + 1], atol=1e-12)
    parts = windows(found, 25)  # two of an episode, and ten steps that are left
    assert parts.qpos.shape == (12, 2, 26, 2) and parts.ctrl.shape == (12, 2, 25, 1)
    np.testing.assert_allclose(parts.qpos[7, 1], found.qpos[1, 3, 25:51], rtol=1e-6)
    np.testing.assert_allclose(parts.ctrl[7, 1], found.ctrl[1, 3, 25:50], rtol=1e-6)
    assert np.abs(found.ctrl).max() <= 1
    held = found.ctrl[0, 0, :, 0].reshape(6, 10)  # random ones stay for 0.1 s, swept ones do not
    assert (held == held[:, :1]).all() and len(np.unique(held)) == 6
    assert len(np.unique(found.ctrl[0, 1, :, 0])) == 60
    same, other = recorded(), recorded(seed=2)
    np.testing.assert_array_equal(same.qpos, found.qpos)
    assert np.abs(other.ctrl - found.ctrl).max() > 0.1


def test_the_cart_stays_away_from_the_ends_of_the_rail():
    assert np.abs(recorded(episodes=20, steps=100).qpos[..., 0]).max() < 1.62
    with pytest.raises(BadInput, match="reached a joint's end; record shorter ones"):
        recorded(steps=1500, episodes=1)


def test_noise_is_that_of_the_sensors_and_is_of_the_size_asked_for():
    clean, noisy = recorded(), recorded(noise=0.1)
    np.testing.assert_array_equal(noisy.ctrl, clean.ctrl)
    share = (noisy.qpos - clean.qpos) / clean.qpos.std(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(share.std(axis=(1, 2)), 0.1, rtol=0.15)


def test_the_true_constants_leave_no_residual():
    found = one_machine(windows(recorded(), 20))
    missed = jax.jit(lambda factors: residuals(MACHINE, factors, found))
    assert np.abs(missed(jnp.asarray(FACTORS[0], jnp.float32))).max() < 1e-4
    assert np.abs(missed(jnp.ones(7))).mean() > 1e-2


@pytest.mark.parametrize("derivative", ["forward", pytest.param("reverse", marks=pytest.mark.slow)])
def test_gradients_are_those_of_finite_differences(derivative):
    """In double precision, where central differences are exact to nine digits."""
    with jax.enable_x64(True):
        parts = Windows(*(part.astype(np.float64) for part in one_machine(windows(recorded(), 12))))
        error = error_of(parts)
        loss = jax.jit(lambda x: jnp.mean(error(x) ** 2))
        x = jnp.array([0.3, -0.2, 0.1, 0.4, -0.5])
        value, gradient = jax.jit(lambda x: value_and_gradient(error, x, derivative))(x)
        np.testing.assert_allclose(value, loss(x))
        step = 1e-5 * np.eye(5)
        differences = [(loss(x + each) - loss(x - each)) / 2e-5 for each in step]
        np.testing.assert_allclose(gradient, differences, rtol=1e-6, atol=1e-11)
        r, jacobian = residuals_and_jacobian(error, x)
        np.testing.assert_allclose(2 * r @ jacobian / len(r), gradient, rtol=1e-9)


def test_what_scales_all_forces_and_masses_alike_cannot_be_told():
    """The motion of a machine k times as heavy, rough and strong is the same: no information."""
    parts = one_machine(windows(recorded(), 20))
    constants = MACHINE.constants
    together = jnp.array([name not in ("pole_length", "gravity") for name in constants])
    error = error_of(parts, constants)
    missed = jax.jit(error)(jnp.zeros(7)), jax.jit(error)(0.7 * together)
    np.testing.assert_allclose(*missed, atol=2e-4)
    fisher = np.asarray(jax.jit(lambda x: fisher_information(error, x))(jnp.zeros(7)))
    direction = together / np.linalg.norm(together)
    assert direction @ fisher @ direction < 1e-6 * np.linalg.norm(fisher)
    text = faint_text(fisher, constants)
    told = dict(re.findall(r"(\w+ \w+|force)\^([\d.]+)", text))
    np.testing.assert_allclose([float(power) for power in told.values()], 1.0, atol=0.05)
    assert len(told) == 5 and "length" not in text and "gravity" not in text
    places = [constants.index(name) for name in NAMES]
    sizes = (
        condition_number(jnp.stack([fisher]))[0],
        condition_number(jnp.stack([fisher[np.ix_(places, places)]]))[0],
    )
    assert sizes[0] > 100 * sizes[1]


SEARCHES = {
    "gauss_newton": (gauss_newton_search(), 15, 2e-3),
    "cma_es": (evolution_search(5), 120, 2e-2),
}


@pytest.mark.parametrize("method", SEARCHES)
def test_hidden_constants_are_found(method):
    search, steps, tolerance = SEARCHES[method]
    found = fitted(search, windows(recorded(), 15), steps=steps)
    np.testing.assert_allclose(found, FACTORS[:, :5], rtol=tolerance)


def test_gradients_lead_to_the_hidden_constants_and_chance_less_so():
    import optax

    parts = windows(recorded(), 15)
    names = ("cart_mass", "pole_length")
    factors = np.ones_like(FACTORS)
    factors[:, [0, 2]] = FACTORS[:, [0, 2]]
    parts = windows(recorded(factors), 15)
    led = fitted(
        gradient_search(optax.adam(optax.cosine_decay_schedule(0.05, 100))),
        parts,
        names=names,
        steps=100,
    )
    np.testing.assert_allclose(led, factors[:, [0, 2]], rtol=1e-2)
    drawn = fitted(random_search(reach=np.log(2)), parts, names=names, steps=20)
    assert (
        np.abs(drawn / factors[:, [0, 2]] - 1).mean() > np.abs(led / factors[:, [0, 2]] - 1).mean()
    )


def test_negative_control_shuffled_controls_teach_nothing():
    """A record whose controls belong to other windows leads to no better predictions."""
    found = recorded(episodes=12)
    parts, held_out = windows(found, 15), windows(recorded(episodes=12, seed=9), 15)
    order = np.random.default_rng(0).permutation(len(parts.ctrl))
    wrong = parts._replace(ctrl=parts.ctrl[order])
    errors = {}
    for name, lesson in {"right": parts, "wrong": wrong}.items():
        factors = np.ones((2, 7))
        factors[:, :5] = fitted(gauss_newton_search(), lesson, steps=20)
        errors[name] = [
            float(jnp.sqrt(jnp.mean(residuals(MACHINE, f, one_machine(held_out, h)) ** 2)))
            for h, f in enumerate(jnp.asarray(factors, jnp.float32))
        ]
    nominal = [
        float(jnp.sqrt(jnp.mean(residuals(MACHINE, jnp.ones(7), one_machine(held_out, h)) ** 2)))
        for h in range(2)
    ]
    assert np.mean(errors["wrong"]) > 0.7 * np.mean(nominal)
    assert np.mean(errors["right"]) < 0.01 * np.mean(nominal)


def test_a_gauss_newton_step_by_hand_and_one_that_is_refused():
    search = gauss_newton_search(damping=0.0, factor=4.0)
    target = jnp.array([1.0, -2.0])
    matrix = jnp.array([[2.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    linear = lambda x: matrix @ (x - target)  # noqa: E731
    x, memory, metrics = search.improve(KEY, jnp.zeros(2), search.begin(jnp.zeros(2)), linear)
    np.testing.assert_allclose(x, target, atol=1e-5)  # least squares in one step
    np.testing.assert_allclose(metrics["loss"], np.mean(np.square(matrix @ target)), rtol=1e-6)
    steep = lambda x: jnp.where(x[:1] == 0, 1.0 + 3 * x, jnp.nan)  # noqa: E731
    x, memory, _ = search.improve(KEY, jnp.zeros(1), jnp.float32(0.1), steep)
    np.testing.assert_allclose([float(x[0]), float(memory)], [0.0, 0.4], rtol=1e-6)


def test_simulations_of_a_step_are_counted():
    import optax

    count = lambda search: search.simulations(5)  # noqa: E731
    assert count(gradient_search(optax.sgd(1.0))) == 6
    assert count(gradient_search(optax.sgd(1.0), derivative="reverse")) == 4
    assert count(gauss_newton_search()) == 7 and count(evolution_search(5)) == 8
    assert count(random_search(reach=1.0, candidates=8)) == 9


def configured(**settings):
    return configure("identification", launched.PRESETS, "smoke", SMALL | settings)


@pytest.mark.parametrize("method", ["gradient", "gauss_newton", "cma_es", "random"])
def test_every_method_is_built_and_counts_what_it_simulates(method):
    system = launched.build(configured(method=method))
    state = jax.eval_shape(system.learner.init, KEY)
    parts = Windows(
        *(jax.ShapeDtypeStruct(s, jnp.float32) for s in ((16, 2, 6, 2),) * 2 + ((16, 2, 5, 1),))
    )
    after, metrics = jax.eval_shape(system.learner.step, KEY, state, parts)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert {"loss", "estimate/cart_mass"} <= metrics.keys()
    runs = {"gradient": 6, "gauss_newton": 7, "cma_es": 8, "random": 9}[method]
    assert system.samples_per_step == 2 * 16 * 5 * runs


def test_the_report_shows_predictions_estimates_and_information(tmp_path):
    config = configured(method="gauss_newton", steps=6, workdir=str(tmp_path / "run"))
    _, result = train(launched.build, config, launched.ABOUT)
    assert result["metrics"]["eval/times_better"]["mean"] > 10
    figures = {path.stem for path in (tmp_path / "run/figures").iterdir()}
    assert {"predictions", "estimates", "constants", "information"} <= figures
    captions = json.loads((tmp_path / "run/figures/captions.json").read_text())
    assert any("cart mass^1 pole mass^1 cart damping^1" in text for text in captions.values())
    arrays = dict(np.load(tmp_path / "run/evaluation.npz"))
    np.testing.assert_allclose(arrays["truth"].shape, (2, 5))
    np.testing.assert_allclose(arrays["true_errors"], 0, atol=1e-4)
    found = arrays["recorded"][:, :, :2], arrays["predicted_nominal"][:, :, :2]
    assert np.abs(found[0] - found[1]).max() > 1e-2


def test_an_information_matrix_is_told_in_words():
    fisher = np.diag([4.0, 0.0, 1.0])
    sizes, directions = eigen(fisher)
    np.testing.assert_allclose(sizes, [4, 1, 0])
    np.testing.assert_allclose(directions, np.eye(3)[[0, 2, 1]])
    assert faint_text(fisher, ("a", "b_c", "d")) == "b c^1"
    assert faint_text(np.eye(2), ("a", "b")) == "here there is none"
    assert identified_exhibits(Outcome({}, {}, [], 1), machine=MACHINE, names=NAMES) == []


@pytest.mark.slow
def test_files_of_ones_own_are_learned_from(tmp_path):
    found = recorded(FACTORS[:1], episodes=3, steps=90)
    path = tmp_path / "mine.npz"
    np.savez(path, **{name: part[0] for name, part in found._asdict().items()})
    settings = {"record": str(path), "machines": 2, "method": "gauss_newton", "steps": 20}
    state, result = train(launched.build, configured(**settings), launched.ABOUT)
    np.testing.assert_allclose(np.exp(state.params["log_factors"]), FACTORS[[0, 0], :5], rtol=1e-2)
    assert "eval/parameter_error" not in result["metrics"]  # nobody knows the truth
    assert result["metrics"]["eval/times_better"]["mean"] > 10


def test_dm_controls_cartpole_is_read_and_its_constants_are_its_own(real_data):
    path = str(real_data / "mjcf/dmc_traj.npz")
    found = records.read_record(MACHINE, path, 3)
    assert found.qpos.shape == (3, 1, 61, 2) and records.is_of_dm_control(path)
    learned, held_out = records.split_record(found)
    np.testing.assert_array_equal(learned.qpos[:, :, -1], held_out.qpos[:, :, 0])
    assert learned.ctrl.shape[2] == 40 and held_out.ctrl.shape[2] == 20
    task = _machines.open_task(configured(record=path).recording, ("cart_mass", "pole_damping"), 10)
    true = dict(zip(MACHINE.constants, np.exp(task.truth().log_factors[0]), strict=True))
    np.testing.assert_allclose([true["cart_mass"], true["pole_damping"]], [1, 2e-6 / 0.02])


BAD = [
    ({"fit": ("cart_mas",)}, "no constant 'cart_mas'; it has .*; did you mean 'cart_mass'"),
    ({"fit": ("force", "force")}, "names a constant twice"),
    ({"nominal": ("pole_mas=1",)}, "no constant 'pole_mas'"),
    ({"nominal": ("pole_mass",)}, "should be written as name=value"),
    ({"nominal": ("pole_mass=-1",)}, "must be above 0"),
    ({"env": "pendulum"}, "pendulum has no record of MuJoCo's"),
    ({"env": "swingupp"}, "did you mean 'swingup'"),
    ({"env": "swingup:randomize=0.1"}, "swingup has no setting 'randomize'"),
    ({"env": "mjx/cheetah", "derivative": "reverse"}, "take --derivative=forward"),
    ({"window": 41}, "a window of 41 steps is longer than the record's 40"),
    ({"batch_size": 33}, "--batch_size=33: the record has 32 windows"),
    ({"record": "none.npz"}, "--record=none.npz is no file"),
    ({"hidden": 1.0}, "--hidden must be above 1"),
    ({"method": "annealing"}, "--method='annealing'"),
]


@pytest.mark.parametrize(("settings", "text"), BAD)
def test_what_cannot_be_identified_is_refused(settings, text):
    with pytest.raises(BadInput, match=text):
        launched.build(configured(**settings)).data()


def test_records_of_other_worlds_are_refused(tmp_path):
    path = tmp_path / "other.npz"
    arrays = {
        "qpos": np.zeros((2, 31, 3)),
        "qvel": np.zeros((2, 31, 3)),
        "ctrl": np.zeros((2, 30, 1)),
    }
    for change, text in (
        ({}, r"of another world than swingup: qpos is \[2, 31, 3\], should be \[2, 31, 2\]"),
        ({"ctrl": np.zeros((2, 31, 1))}, r"should be \[2, 32, 2\]"),
        ({"qpos": np.full((2, 31, 2), np.nan), "qvel": np.zeros((2, 31, 2))}, "not finite"),
    ):
        np.savez(path, **(arrays | change))
        with pytest.raises(BadInput, match=text):
            launched.build(configured(record=str(path))).data()
    np.savez(path, other=np.zeros(3))
    with pytest.raises(BadInput, match="holds no record of swingup"):
        launched.build(configured(record=str(path))).data()
    broken = Record(*(np.zeros(1),) * 3)
    assert broken.qpos.shape == (1,)


@pytest.mark.slow
def test_masses_and_damping_are_found_through_mjx_and_agree_with_mujocos_in_c():
    """The reacher in MJX; its gradient by both modes, and constants that C MuJoCo hid."""
    machine = open_machine("mjx/reacher")
    factors = np.array([[1.5, 0.7, 1.0, 1.0, 1.0]])
    parts = windows(recorded(factors, machine, episodes=4, steps=30), 5)
    error = error_of(one_machine(parts), ("mass", "damping"), machine)
    x = jnp.array([0.1, -0.1])
    both = [
        jax.jit(lambda x, d=d: value_and_gradient(error, x, d)[1])(x)
        for d in ("forward", "reverse")
    ]
    np.testing.assert_allclose(*both, rtol=1e-3, atol=1e-6)
    found = fitted(
        gauss_newton_search(), parts, names=("mass", "damping"), machine=machine, steps=12
    )
    np.testing.assert_allclose(found, factors[:, :2], rtol=1e-2)
