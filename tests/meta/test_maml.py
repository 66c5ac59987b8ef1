"""MAML beside NumPy: gradients of both orders, Reptile, learned rates, tasks, what is refused."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.meta import maml as launch_file
from jaxdl import meta
from jaxdl.core.run import BadInput
from jaxdl.data import drawn_characters
from jaxdl.data.few_shot import FewShot
from jaxdl.data.omniglot import Runs
from jaxdl.launch import configure
from jaxdl.launch.system import Outcome
from jaxdl.losses import softmax_cross_entropy
from jaxdl.meta.adaptation_exhibits import adaptation_exhibits
from jaxdl.meta.maml import CHUNK, descend
from jaxdl.nn import CharacterNet, Regressor

RATE = 0.1
RNG = np.random.default_rng(0)


def linear_tasks(dtype=np.float32):
    """3 tasks of 5 and 4 points of 2 numbers each, and a net that is linear in 2 parameters."""
    shapes = [(3, 5, 2), (3, 5, 1), (3, 4, 2), (3, 4, 1)]
    return FewShot(*(np.random.default_rng(1).normal(size=s).astype(dtype) for s in shapes))


LINEAR = nn.Dense(1, use_bias=False)
FAMILY = meta.sinusoids(shots=5, queries=4)._replace(x=jax.ShapeDtypeStruct((2,), jnp.float32))


def change(learner, batch, params=None):
    """What a step takes away from the parameters; the gradient, if the optimizer is sgd(1)."""
    state = learner.init(jax.random.key(0))
    state = state if params is None else state._replace(params=params)
    after, metrics = jax.jit(learner.step)(jax.random.key(0), state, batch)
    return state, jax.tree.map(lambda x, y: x - y, state.params, after.params), metrics


def slope_and_hessian(x, y, w):
    """Of the mean square of x w - y."""
    return 2 * x.T @ (x @ w - y) / len(x), 2 * x.T @ x / len(x)


def test_the_orders_differ_by_the_hessian_term_on_a_quadratic():
    batch = linear_tasks()
    learn = partial(meta.maml, LINEAR, optax.sgd(1.0), FAMILY, inner_lr=RATE, inner_steps=1)
    state, second, metrics = change(learn(order=2), batch)
    _, first, _ = change(learn(order=1), batch)
    w = np.asarray(state.params.net["kernel"], np.float64)
    losses, one, two = [], [], []
    for x, y, query_x, query_y in zip(*batch, strict=True):
        slope, hessian = slope_and_hessian(x, y, w)
        fast = w - RATE * slope
        losses.append(np.mean((query_x @ fast - query_y) ** 2))
        at_end, _ = slope_and_hessian(query_x, query_y, fast)
        one.append(at_end)
        two.append(at_end - RATE * hessian @ at_end)  # the theorem: (I - alpha H) g
    assert float(metrics["loss"]) == pytest.approx(np.mean(losses), rel=1e-5)
    np.testing.assert_allclose(first.net["kernel"], np.mean(one, 0), rtol=1e-4)
    np.testing.assert_allclose(second.net["kernel"], np.mean(two, 0), rtol=1e-4)
    assert np.abs(np.mean(one, 0) - np.mean(two, 0)).max() > 0.1  # so that the test can fail


def test_a_learned_rate_has_the_gradient_by_hand():
    batch = linear_tasks()
    learner = meta.maml(
        LINEAR, optax.sgd(1.0), FAMILY, inner_lr=RATE, inner_steps=1, learn_rates=True
    )
    state, gradient, _ = change(learner, batch)
    w = np.asarray(state.params.net["kernel"], np.float64)
    assert float(state.params.rates["kernel"]) == pytest.approx(RATE)
    by_hand = []
    for x, y, query_x, query_y in zip(*batch, strict=True):
        slope, _ = slope_and_hessian(x, y, w)
        at_end, _ = slope_and_hessian(query_x, query_y, w - RATE * slope)
        by_hand.append(-np.sum(slope * at_end))
    assert float(gradient.rates["kernel"]) == pytest.approx(np.mean(by_hand), rel=1e-4)


def test_a_step_of_reptile_by_hand():
    batch = linear_tasks()
    learner = meta.reptile(LINEAR, optax.sgd(0.3), FAMILY, inner_lr=RATE, inner_steps=3)
    state, moved, _ = change(learner, batch)
    w = np.asarray(state.params.net["kernel"], np.float64)
    ends = []
    for x, y, query_x, query_y in zip(*batch, strict=True):
        fast = w
        for _ in range(3):
            fast = (
                fast
                - RATE
                * slope_and_hessian(
                    np.concatenate([x, query_x]), np.concatenate([y, query_y]), fast
                )[0]
            )
        ends.append(fast)
    np.testing.assert_allclose(moved.net["kernel"], -0.3 * (np.mean(ends, 0) - w), rtol=1e-4)


def mlp(params, x):
    """The net with one hidden layer, in NumPy: its outputs, and what its gradient needs."""
    (w1, b1), (w2, b2) = params
    before = x @ w1 + b1
    hidden = np.maximum(before, 0)
    return hidden @ w2 + b2, hidden, before


def meta_loss(params, batch, steps):
    """Eq. 1's objective in NumPy, with the gradients within a task by hand."""
    losses = []
    for x, y, query_x, query_y in zip(*batch, strict=True):
        fast = params
        for _ in range(steps):
            outputs, hidden, before = mlp(fast, x)
            d = 2 * (outputs - y) / len(x)
            back = (d @ fast[1][0].T) * (before > 0)
            slopes = (x.T @ back, back.sum(0)), (hidden.T @ d, d.sum(0))
            fast = [
                [p - RATE * g for p, g in zip(*pair, strict=True)]
                for pair in zip(fast, slopes, strict=True)
            ]
        losses.append(np.mean((mlp(fast, query_x)[0] - query_y) ** 2))
    return np.mean(losses)


def test_the_second_order_gradient_is_that_of_finite_differences_in_float64():
    batch = linear_tasks(np.float64)
    rng = np.random.default_rng(2)
    flat = rng.normal(size=2 * 4 + 4 + 4 + 1)

    def layers(flat):
        w1, b1, w2, b2 = np.split(flat, [8, 12, 16])
        return [[w1.reshape(2, 4), b1], [w2.reshape(4, 1), b2]]

    with jax.enable_x64(True):
        names = "Dense_0", "Dense_1"
        net = {
            name: {"kernel": jnp.asarray(w), "bias": jnp.asarray(b)}
            for name, (w, b) in zip(names, layers(flat), strict=True)
        }
        learner = meta.maml(Regressor((4,)), optax.sgd(1.0), FAMILY, inner_lr=RATE, inner_steps=3)
        _, gradient, metrics = change(learner, batch, meta.Initial(net, ()))
        ours = [gradient.net[name][part] for name in names for part in ("kernel", "bias")]
        ours = np.concatenate([np.ravel(x) for x in ours])
        loss = float(metrics["loss"])
    assert ours.dtype == np.float64
    assert loss == pytest.approx(meta_loss(layers(flat), batch, 3), rel=1e-12)
    eps = 1e-6
    differences = [
        (meta_loss(layers(flat + d), batch, 3) - meta_loss(layers(flat - d), batch, 3)) / (2 * eps)
        for d in eps * np.eye(len(flat))
    ]
    np.testing.assert_allclose(ours, differences, rtol=1e-6, atol=1e-8)


class PlainNet(nn.Module):
    """The same net as CharacterNet of two blocks, of flax's own layers."""

    @nn.compact
    def __call__(self, x):
        for i in range(2):
            x = nn.Conv(3, (3, 3), 2, padding=1, use_bias=False, name=f"Conv3x3_{i}")(x)
            norm = nn.BatchNorm(False, epsilon=1e-3, use_fast_variance=False, name=f"norm_{i}")
            x = nn.relu(norm(x))
        return nn.Dense(4)(x.mean((1, 2)))


@pytest.mark.slow
def test_second_derivatives_pass_through_the_convolutions_by_hand():
    """Their first derivative is written by hand; flax's own convolutions are the oracle."""
    net = CharacterNet(ways=4, filters=3, blocks=2)
    x = RNG.uniform(size=(4, 8, 8, 1)).astype(np.float32)
    labels = np.arange(4)
    params = net.init(jax.random.key(0), x)["params"]

    def plain(params, x):
        tree = {"Dense_0": params["Dense_0"]}
        for i, (channels, norm) in enumerate(((1, "BatchStatistics_0"), (3, "BatchStatistics_1"))):
            kernel = params[f"Conv3x3_{i}"]["Dense_0"]["kernel"].reshape(3, 3, channels, 3)
            tree |= {f"Conv3x3_{i}": {"kernel": kernel}, f"norm_{i}": params[norm]}
        return PlainNet().apply({"params": tree}, x, mutable=["batch_stats"])[0]

    def objective(apply, params):
        loss = lambda params, x: softmax_cross_entropy(apply(params, x), labels)  # noqa: E731
        slope = jax.grad(loss)(params, x)
        fast = jax.tree.map(lambda p, g: p - 0.4 * g, params, slope)
        return loss(fast, x[::-1])

    ours = lambda params, x: net.apply({"params": params}, x)  # noqa: E731
    value, gradient = jax.jit(jax.value_and_grad(partial(objective, ours)))(params)
    right, other = jax.jit(jax.value_and_grad(partial(objective, plain)))(params)
    assert float(value) == pytest.approx(float(right), rel=1e-5)
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradient):
        expected = other
        for step in path:
            expected = expected[step.key]
        scale = float(jnp.abs(expected).max())
        assert scale > 1e-5, path
        np.testing.assert_allclose(leaf, expected, atol=1e-3 * scale, err_msg=str(path))


SCORED = {"inner_lr": 0.02, "inner_steps": 1, "test_steps": 3, "eval_tasks": 50}
CURVES = meta.sinusoids(shots=10, queries=10)
SMALL = Regressor((32, 32))
LEARNER = meta.maml(SMALL, optax.adam(5e-3), CURVES, **SCORED)


@pytest.fixture(scope="module")
def scored():
    """A net that has learned nothing, and its evaluation."""

    @jax.jit
    def begin(key):
        state = LEARNER.init(key)
        return state, LEARNER.evaluate(jax.random.key(1), state)

    return begin(jax.random.key(0))


def test_errors_are_means_over_fresh_tasks(scored):
    """Of the nets that descent leads to, one task after the other."""
    state, result = scored
    assert float(result["error"]) == float(result["error_after_3"]) == float(result["errors"][-1])
    descent = meta.Descent(SMALL, CURVES.loss, SCORED["inner_lr"], SCORED["test_steps"])
    count = SCORED["eval_tasks"]

    @jax.jit
    def error(task):
        params, _ = descend(descent, state.params, task.support_x, task.support_y)
        return CURVES.error(SMALL.apply({"params": params}, task.query_x), task.query_y)

    errors = []
    for key in jax.random.split(jax.random.key(1), -(-count // CHUNK)):
        drawn = CURVES.test(key, CHUNK)
        errors += [float(error(jax.tree.map(lambda x: x[i], drawn))) for i in range(CHUNK)]  # noqa: B023
    errors = errors[:count]
    np.testing.assert_allclose(result["error"], np.mean(errors), rtol=1e-3)
    spread = np.std(errors) / len(errors) ** 0.5
    np.testing.assert_allclose(result["standard_error"], spread, rtol=1e-3)
    before = SMALL.apply({"params": state.params.net}, result["shown/query_x"][0])
    np.testing.assert_allclose(result["shown/outputs"][:, 0], before[None].repeat(4, 0), atol=1e-5)
    assert not np.allclose(result["shown/outputs"][:, 1], before, atol=1e-2)


@pytest.mark.slow
def test_one_step_of_descent_learns_a_curve(scored):
    sample = meta.task_data(CURVES, 16)

    @jax.jit
    def train(key, state):
        def step(state, key):
            return LEARNER.step(key, state, sample(key, 0))[0], ()

        state = jax.lax.scan(step, state, jax.random.split(key, 1500))[0]
        return LEARNER.evaluate(jax.random.key(1), state)

    result = train(jax.random.key(2), scored[0])
    assert float(result["error_after_1"]) < 0.8 * float(result["error_after_0"])
    assert float(result["error_after_1"]) < 2.9  # who always says 0 has 4.3


def test_what_is_exported_learns_a_task_and_answers(scored):
    state, result = scored
    descent = meta.Descent(SMALL, CURVES.loss, 0.02, 3)
    kept = meta.maml_deployment(descent, CURVES, support=10, queries=101, text="")
    assert {name: x.shape for name, x in kept.inputs.items()} == {
        "support_x": (10, 1),
        "support_y": (10, 1),
        "query_x": (101, 1),
    }
    inputs = {name: result[f"shown/{name}"] for name in kept.inputs}
    answers = jax.jit(kept.apply)(kept.weights(state), inputs)["outputs"]
    np.testing.assert_allclose(answers, result["shown/outputs"][:, -1], atol=1e-4)


def test_sinusoids_are_those_of_the_paper():
    tasks = meta.sinusoids(shots=10, queries=7)
    drawn = jax.jit(tasks.test, static_argnums=1)(jax.random.key(0), 4000)
    np.testing.assert_allclose(drawn.query_x[0, :, 0], np.linspace(-5, 5, 101), atol=1e-5)
    assert abs(float(jnp.min(drawn.support_x)) + 5) < 0.01
    assert abs(float(jnp.max(drawn.support_x)) - 5) < 0.01
    y = np.asarray(drawn.query_y[..., 0], np.float64)
    x = np.linspace(-5, 5, 101)
    waves = np.stack([np.sin(x), np.cos(x)], axis=1)
    (a, b), *_ = np.linalg.lstsq(waves, y.T)
    np.testing.assert_allclose(waves @ [a, b], y.T, atol=1e-5)
    amplitude, phase = np.hypot(a, b), np.arctan2(-b, a)
    assert 0.1 <= amplitude.min() < 0.2 and 4.9 < amplitude.max() <= 5.0001
    assert (
        -1e-4 < phase.min()
        and phase.max() < np.pi + 1e-4
        and phase.mean() == pytest.approx(np.pi / 2, abs=0.06)
    )
    sample = jax.eval_shape(lambda key: tasks.sample(key, 3), jax.random.key(0))
    assert (sample.support_x.shape, sample.query_y.shape) == ((3, 10, 1), (3, 7, 1))


def test_tasks_within_an_alphabet_take_each_run_once():
    runs, characters = 6, 5
    number = 10 * np.arange(runs)[:, None] + np.arange(characters)  # of a character
    labels = np.stack([RNG.permutation(characters) for _ in range(runs)])
    support = np.broadcast_to(number[..., None, None], (runs, characters, 2, 2))
    query = np.take_along_axis(support, labels[..., None, None], 1) + 100
    arrays = Runs(*(jnp.asarray(x) for x in (support, query, labels)))
    draw = jax.jit(partial(meta.run_tasks, ways=3, tasks=6))
    drawn = draw(jax.random.key(0), arrays)
    known = np.round(255 * np.asarray(drawn.support_x[:, :, 0, 0, 0])).astype(int)
    asked = np.round(255 * np.asarray(drawn.query_x[:, :, 0, 0, 0])).astype(int)
    assert sorted(known[:, 0] // 10) == list(range(6))
    assert (known // 10 == known[:, :1] // 10).all()
    assert all(len(set(row)) == 3 for row in known)
    np.testing.assert_array_equal(asked - 100, np.take_along_axis(known, drawn.query_y, 1))


@pytest.fixture(scope="module")
def few():
    return drawn_characters((6, 0, 5), samples=4, side=8)


def test_tests_draw_none_of_the_characters_that_are_learned_from(few):
    tasks = meta.characters(lambda: few, 8, ways=5, shots=1, queries=2)
    drawn = jax.jit(tasks.test, static_argnums=1)(jax.random.key(0), 3)
    images = {x.tobytes() for x in few.test.reshape(-1, 8, 8)}
    shown = np.round(255 * np.asarray(drawn.query_x[..., 0])).astype(np.uint8)
    assert all(x.tobytes() in images for x in shown.reshape(-1, 8, 8))
    sample = jax.eval_shape(lambda key: tasks.sample(key, 3), jax.random.key(0))
    assert sample.support_x.shape == (3, 5, *tasks.x.shape)
    outputs = jnp.eye(5)[jnp.array([0, 1, 2, 2, 4])]
    assert float(tasks.error(outputs, jnp.arange(5))) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"ways": 6}, "--ways=6 should be at most 5, the classes there are"),
        ({"shots": 3}, "--shots=3 and --queries=2 should be at most 4 together"),
        ({"ways": 21, "runs": tuple}, "--ways=21 should be at most 20, the characters of a run"),
        ({"shots": 2, "runs": tuple}, "--shots=2 should be 1"),
    ],
)
def test_more_than_there_is_is_refused(few, sizes, message):
    with pytest.raises(BadInput, match=message):
        tasks = meta.characters(lambda: few, 8, **{"ways": 3, "shots": 1, "queries": 2} | sizes)
        tasks.sample(jax.random.key(0), 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"split": "alphabets"}, "--split=alphabets is of --tasks=omniglot, not of sinusoid"),
        ({"mixed_tests": True}, "--mixed_tests is of --split=alphabets"),
        ({"learn_rates": True, "method": "reptile"}, "--learn_rates is of --method=maml"),
        ({"order": 3}, "--order must be at least 1 and at most 2"),
        ({"ways": 1}, "--ways must be at least 2"),
    ],
)
def test_settings_that_do_not_belong_together_are_refused(settings, message):
    with pytest.raises(BadInput, match=message):
        configure("maml", launch_file.PRESETS, "smoke", settings)


def test_a_missing_file_is_told_when_training_begins(monkeypatch):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    system = launch_file.build(launch_file.PRESETS["gpu"])
    with pytest.raises(BadInput, match="omniglot_28.npz is looked for in --data_dir"):
        system.data()(jax.random.key(0), 0)


def test_the_report_shows_curves_and_characters(scored, few):
    _, result = scored
    arrays = {name: np.asarray(x) for name, x in result.items() if np.ndim(x)}
    curves = adaptation_exhibits(Outcome({}, arrays, (), 1))
    assert [one.name for one in curves] == ["curves", "descent"]
    panel = curves[0].content.axes[0]
    assert [line.get_label() for line in panel.lines[:3]] == ["the curve", "before", "after 1 step"]
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), arrays["shown/query_y"][0, :, 0])
    x = few.test[None, None, :, 0, ..., None] / 255  # of one seed, one task of five ways
    arrays = {"shown/support_x": x, "shown/query_x": x, "errors": np.full((2, 3), 0.2)}
    arrays |= dict.fromkeys(("shown/support_y", "shown/query_y"), np.arange(5)[None, None])
    arrays["shown/outputs"] = np.eye(5)[[0, 1, 2, 2, 4]] + np.zeros((1, 1, 3, 5, 5))
    shown = adaptation_exhibits(Outcome({}, arrays, (), 2))
    assert [one.name for one in shown] == ["characters", "descent"]
    titles = [axis.title for axis in shown[0].content.axes[5:10]]
    assert [title.get_text() for title in titles] == ["0", "1", "2", "2", "4"]
    assert [title.get_color() == "tab:red" for title in titles] == [False] * 3 + [True, False]
