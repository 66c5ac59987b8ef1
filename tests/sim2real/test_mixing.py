import typing

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.sim2real import mixing as launched
from experiments.sim2real import mixing_claims
from jaxdl.core import Run, fit
from jaxdl.core.learner import DeviceData, over_seeds
from jaxdl.core.run import BadInput
from jaxdl.data import load
from jaxdl.launch import Outcome, configure
from jaxdl.sim2real import (
    Column,
    Mixture,
    Repainter,
    labels_worth,
    mixed_training,
    mixing,
    mixing_exhibits,
    open_pair,
    source_only,
)
from jaxdl.sim2real.domains import BothDomains
from jaxdl.sim2real.mixing import make_recipes, mix, start_after, start_beside
from jaxdl.sim2real.mixtures import count_in_batch, count_real, place_real

KEY = jax.random.key(0)
SHAPE = (8, 8, 1)
NET = Column(10, 2, (1, 2, 2), size=6)
SHARES = (0, 20, 100)
BATCH = 8


@pytest.fixture(scope="module")
def pair():
    return open_pair("textured_digits")


def marked(rows=BATCH, shares=2):
    """Pictures that tell where they come from: simulated ones 0, those of share i of value i."""
    of_share = np.arange(1, shares + 1, dtype=np.uint8)
    real = np.broadcast_to(of_share[:, None, None, None], (rows, shares, *SHAPE))
    labels = np.broadcast_to(of_share.astype(np.int32), (rows, shares))
    return Mixture(np.zeros((rows, *SHAPE), np.uint8), np.zeros(rows, np.int32), real, labels)


@pytest.mark.parametrize(("batch", "count"), [(8, 0), (8, 8), (8, 4), (64, 16), (30, 7), (5, 1)])
def test_a_batch_has_exactly_as_many_real_rows_evenly_spaced(batch, count):
    real = place_real(batch, count)
    assert real.shape == (batch,) and real.sum() == count
    for parts in (part for part in (2, 4, 8) if batch % part == 0 and count % part == 0):
        np.testing.assert_array_equal(real.reshape(parts, -1).sum(1), count // parts)


@pytest.mark.parametrize(("share", "count"), [(50, 4), (25, 2), (100, 8), (0, 0)])
def test_every_net_sees_its_proportion_in_every_batch(share, count):
    ways = ("joint", "real", "fine_tuned", "refined")
    recipes = make_recipes(ways, SHARES, BATCH, count_in_batch(BATCH, share))
    repainted = jnp.full((BATCH, *SHAPE), 0.5)
    images, labels = mix(recipes, marked(), repainted)
    assert images.shape == (BATCH, len(recipes), *SHAPE)
    for net, recipe in enumerate(recipes):
        seen = np.round(255 * np.asarray(images[:, net])).reshape(BATCH, -1)
        assert (seen == seen[:, :1]).all()
        expected = 0 if recipe.place == 0 else count
        expected = expected if recipe.way in ("joint", "refined") or not expected else None
        if recipe.way in ("real", "fine_tuned"):
            expected = BATCH if recipe.place else 0
        is_real = seen[:, 0] == recipe.place if recipe.place else np.zeros(BATCH, bool)
        assert is_real.sum() == expected
        others = set(seen[~is_real, 0])
        assert others <= ({128.0} if recipe.way == "refined" else {0.0})
        np.testing.assert_array_equal(labels[:, net], np.where(is_real, recipe.place, 0))


def test_nets_of_real_pictures_alone_have_no_share_of_none():
    named = [(r.way, r.place) for r in make_recipes(("joint", "real"), SHARES, BATCH, 4)]
    assert named == [("joint", 0), ("joint", 1), ("joint", 2), ("real", 1), ("real", 2)]


def test_labeled_pictures_are_nested_balanced_and_reproducible(pair):
    both = pair.read()
    data = mixed_training(pair, 32, shares=(0, 5, 20, 100), seed=3)
    again = mixed_training(pair, 32, shares=(0, 5, 20, 100), seed=3)
    jax.tree.map(np.testing.assert_array_equal, data.arrays, again.arrays)
    other = mixed_training(pair, 32, shares=(0, 5, 20, 100), seed=4)
    assert (other.arrays.real_images != data.arrays.real_images).any()
    counts = count_real((0, 5, 20, 100), len(both.target.train_labels))
    assert counts == [0, 32, 130, 649]
    known = {image.tobytes(): int(y) for image, y in
             zip(both.target.train_images, both.target.train_labels, strict=True)}  # fmt: skip
    sets = []
    for place, count in enumerate(counts[1:]):
        images, labels = data.arrays.real_images[:, place], data.arrays.real_labels[:, place]
        keys = [image.tobytes() for image in images]
        assert [known[key] for key in keys] == list(labels)
        times = np.unique(keys, return_counts=True)[1]
        assert len(times) == count and times.max() - times.min() <= 1
        sets.append(set(keys))
    assert sets[0] < sets[1] < sets[2]
    assert np.bincount(data.arrays.real_labels[:32, 0], minlength=10).min() == 3


def net_batch():
    image_key, real_key, label_key = jax.random.split(KEY, 3)
    draw = lambda key, *shape: jax.random.randint(key, (*shape, *SHAPE), 0, 256).astype(jnp.uint8)  # noqa: E731
    labels = jax.random.randint(label_key, (BATCH, 3), 0, 10)
    return Mixture(draw(image_key, BATCH), labels[:, 0], draw(real_key, BATCH, 2), labels[:, 1:])


def test_each_net_takes_the_step_that_it_would_take_alone():
    """Against a plain step on the rows that a recipe names, written out by hand."""
    learner = mixing(NET, optax.sgd(1.0), image_shape=SHAPE, shares=SHARES, batch_size=BATCH)
    batch = net_batch()
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, batch)
    recipes = make_recipes(("joint", "real"), SHARES, BATCH, 4)
    losses = {}

    @jax.jit
    def alone(params, images, labels):
        def loss(params):
            logits = NET.apply({"params": params}, images / 255.0).logits
            return optax.losses.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

        return jax.value_and_grad(loss)(params)

    for net, recipe in enumerate(recipes):
        rows = np.flatnonzero(recipe.real), np.flatnonzero(~recipe.real)
        place = max(recipe.place - 1, 0)
        images = [batch.real_images[rows[0], place], batch.simulated_images[rows[1]]]
        labels = [batch.real_labels[rows[0], place], batch.simulated_labels[rows[1]]]
        params = jax.tree.map(lambda x, net=net: x[net], state.params)
        value, gradient = alone(params, jnp.concatenate(images), jnp.concatenate(labels))
        losses.setdefault(recipe.way, []).append(value)
        jax.tree.map(
            lambda x, y, g, net=net: np.testing.assert_allclose(x[net] - y[net], g, atol=2e-5),
            state.params, after.params, gradient,
        )  # fmt: skip
    np.testing.assert_allclose(metrics["loss"], np.mean(losses["joint"]), rtol=1e-4)
    np.testing.assert_allclose(metrics["real_loss"], np.mean(losses["real"]), rtol=1e-4)


def test_the_refiner_and_the_earlier_nets_are_never_trained():
    options = {"image_shape": SHAPE, "shares": SHARES, "batch_size": BATCH}
    wide = Column(10, 4, (1, 2, 2), size=32)  # of which none is dead
    learner = mixing(
        wide, optax.sgd(0.5), ways=("joint", "refined"), earlier=("fine_tuned",),
        generator=Repainter(2, 0), **options,
    )  # fmt: skip
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(KEY, state, net_batch())
    jax.tree.map(np.testing.assert_array_equal, state.extra, after.extra)
    moved = jax.tree.map(lambda x, y: bool(jnp.any(x != y)), state.params, after.params)
    assert all(jax.tree.leaves(moved)) and "refined_loss" in metrics
    # Another generator changes what "refined" nets see, and no other net.
    painted = jax.tree.map(lambda x: x + 0.3, state.extra["generator"])
    other = state._replace(extra=state.extra | {"generator": painted})
    changed, _ = jax.jit(learner.step)(KEY, other, net_batch())
    kernel = lambda s: np.asarray(s.params["head"]["kernel"])  # noqa: E731
    difference = np.abs(kernel(changed) - kernel(after)).max(axis=(1, 2))
    assert (difference[:3] == 0).all() and (difference[3:5] > 1e-6).all()


@pytest.mark.parametrize("seeds", [1, 2])
def test_fine_tuning_begins_with_the_column_that_knows_simulation(seeds):
    options = {"image_shape": SHAPE, "shares": SHARES, "batch_size": BATCH}
    learner = mixing(NET, optax.sgd(1.0), ways=("fine_tuned",), **options)
    first = source_only(NET, optax.sgd(1.0), image_shape=SHAPE)
    first = over_seeds(first, seeds) if seeds > 1 else first
    column = jax.jit(first.init)(jax.random.key(5)).params["net"]
    run = Run(num_seeds=seeds, seed=3)
    state = start_after(learner, column, run)
    for net in range(len(SHARES)):
        mine = jax.tree.map(lambda x, net=net: x[:, net] if seeds > 1 else x[net], state.params)
        jax.tree.map(np.testing.assert_array_equal, mine, column)
    last = mixing(NET, optax.sgd(1.0), earlier=("fine_tuned",), **options)
    begun = start_beside(last, {"earlier": state.params}, run)
    jax.tree.map(np.testing.assert_array_equal, begun.extra["earlier"], state.params)


def test_errors_are_counted_on_real_test_pictures():
    digits = load("digits")
    turned = digits._replace(test_images=digits.test_images[::-1])
    options = {"image_shape": SHAPE, "shares": SHARES, "batch_size": BATCH}
    learner = mixing(
        NET, optax.sgd(1.0), earlier=("fine_tuned",), generator=Repainter(2, 0),
        ways=("joint", "real", "refined"), open_domains=lambda: BothDomains(digits, turned),
        **options,
    )  # fmt: skip
    state = jax.jit(learner.init)(KEY)
    found = jax.jit(learner.evaluate)(KEY, state)
    assert {name for name in found if "error_" in name} == {
        f"{way}_error_{share}" for way in ("joint", "real", "refined", "fine_tuned")
        for share in SHARES if share or way != "real"
    }  # fmt: skip
    read = jax.jit(lambda params: NET.apply({"params": params}, turned.test_images / 255.0).logits)
    for name, tree, net in (("joint_error_20", state.params, 1), ("real_error_20", state.params, 3),
                            ("fine_tuned_error_100", state.extra["earlier"], 2)):  # fmt: skip
        guesses = np.argmax(read(jax.tree.map(lambda x, net=net: x[net], tree)), axis=1)
        np.testing.assert_allclose(found[name], np.mean(guesses != digits.test_labels), atol=1e-6)
    np.testing.assert_array_equal(found["error"], found["joint_error_20"])
    assert found["refined"].shape == found["simulated"].shape == (10, *SHAPE)


def test_labels_are_worth_where_the_curve_comes_down_to_the_error():
    counts, errors = jnp.array([0, 9, 99]), jnp.array([0.5, 0.3, 0.1])
    worth = jax.jit(lambda error: labels_worth(counts, errors, error))
    for error, expected in ((0.5, 0), (0.3, 9), (0.1, 99), (0.6, 0), (0.05, 99)):
        np.testing.assert_allclose(worth(error), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(worth(0.4), np.sqrt(10) - 1, rtol=1e-3)  # log(1 + n) halfway
    rising = labels_worth(counts, jnp.array([0.3, 0.5, 0.1]), jnp.float32(0.2))
    np.testing.assert_allclose(rising, np.sqrt(10 * 100) - 1, rtol=1e-3)


def trained(data, shares, steps=150):
    net = Column(10, 8, (2, 2, 2), 32)
    learner = mixing(
        net, optax.sgd(0.05, 0.9), image_shape=(16, 16, 3), shares=shares, batch_size=32,
        open_domains=open_pair("textured_digits").read,
    )  # fmt: skip
    _, result = fit(learner, data, Run(steps=steps, steps_per_call=50, num_seeds=2, devices=1))
    return {name: np.array(each["values"]) for name, each in result["metrics"].items()}


@pytest.mark.slow
def test_real_labels_help_and_shuffled_ones_do_not(pair):
    """Negative control: the same pictures, whose labels are permuted among them."""
    shares = (0, 100)
    data = mixed_training(pair, 32, shares=shares)
    order = np.random.default_rng(0).permutation(len(data.arrays.real_labels))
    wrong = DeviceData(data.arrays._replace(real_labels=data.arrays.real_labels[order]), 32)
    right, shuffled = (trained(each, shares) for each in (data, wrong))
    fall = right["eval/joint_error_0"] - right["eval/joint_error_100"]
    assert (fall > 0.08).all()
    assert (shuffled["eval/joint_error_0"] - shuffled["eval/joint_error_100"] < 0).all()
    assert (shuffled["eval/real_error_100"] > 0.8).all()  # chance is 0.9


def configured(**settings):
    return configure("mixing", launched.PRESETS, "smoke", settings)


@pytest.mark.slow
def test_all_stages_are_trained_and_kept(tmp_path):
    config = configured(num_seeds=2, devices=1, test_images=60, workdir=str(tmp_path / "run"))
    state, result = launched.main(config)
    stages = ["fine_tuned", "mixing", "refiner", "simulated"]
    assert sorted(p.parent.name for p in tmp_path.glob("run/*/result.json")) == stages
    assert {"errors", "refined"} <= {p.stem for p in tmp_path.glob("run/mixing/figures/*.*")}
    for name in ("joint_error_0", "real_error_10", "fine_tuned_error_100", "refined_error_0"):
        assert len(result["metrics"][f"eval/{name}"]["values"]) == 2
    assert state.params["head"]["kernel"].shape[:2] == (2, 8)
    _, again = launched.main(config)  # finished stages are loaded
    assert again["fingerprint"] == result["fingerprint"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"shares": (0, 10, 101)}, "--shares must be at least 0 and at most 100"),
        ({"shares": (-1, 10)}, "--shares must be at least 0"),
        ({"shares": (5, 10)}, "--shares=5,10: should rise from 0"),
        ({"shares": (0, 10, 10)}, "--shares=0,10,10: should rise"),
        ({"shares": (0, 0.01)}, "0.01 % of 649 real training images is none, and has no label"),
        ({"batch_share": 120.0}, "--batch_share must be at least 0 and at most 100"),
        ({"batch_share": 30.0}, "--batch_share=30: should be 0 to 100 and a whole number of"),
        ({"pretrain_steps": 20}, "--pretrain_steps=20 should be below --steps=20"),
        ({"batch_size": 2000}, "--batch_size=2000: textured_digits has 649 training images"),
        ({"pair": "mnist_n"}, "--pair='mnist_n': should be one of"),
        ({"pair": "mnist_m"}, "--data_dir is not given"),
    ],
)
def test_what_cannot_be_mixed_is_refused(settings, text):
    with pytest.raises(BadInput, match=text) as error:
        launched.build(configured(**settings)).data()
    assert "\n" not in str(error.value).partition("MNIST is looked for")[0].strip()


def outcome(num_seeds=2):
    shares = (0, 10, 100)
    metrics = {}
    for place, way in enumerate(("joint", "real", "fine_tuned")):
        for share in shares[way == "real" :]:
            mean = 0.5 - share / 400 + place / 100
            metrics[f"eval/{way}_error_{share}"] = {"mean": mean, "ci95": 0.02, "values": [mean]}
    pictures = np.random.default_rng(0).uniform(size=(num_seeds, 4, 8, 8, 3))
    arrays = {name: pictures for name in ("simulated", "refined", "real")}
    return Outcome(metrics, arrays, [], num_seeds)


def test_the_report_shows_the_curves_with_bands_and_the_pictures():
    errors, refined = mixing_exhibits(outcome(), shares=(0, 10, 100), pair="textured_digits")
    (axis,) = errors.content.axes
    lines = {line.get_label(): line for line in axis.get_lines()}
    assert len(lines) == len(axis.collections) == 3
    np.testing.assert_allclose(lines["real alone"].get_xdata(), [10, 100])
    np.testing.assert_allclose(lines["simulated and real, mixed"].get_ydata(), [50, 47.5, 25])
    band = axis.collections[1].get_paths()[0].vertices[:, 1]
    np.testing.assert_allclose([band.min(), band.max()], [23, 52])
    names = [axis.get_ylabel() for axis in refined.content.axes[::4]]
    assert names == ["simulated", "refined", "real"]
    assert mixing_exhibits(Outcome({}, {}, [], 1), shares=(0, 10), pair="") == []


def test_claims_are_of_pairs_that_can_be_asked_for():
    hints = typing.get_type_hints(launched.Domains)
    pairs = {*mixing_claims.PAIRS, *mixing_claims.LARGE}
    assert pairs <= set(typing.get_args(hints["pair"]))
    for tier in ("smoke", "cpu", "gpu"):
        for pair in pairs:
            shares = mixing_claims.settings_of(tier, pair)["shares"]
            assert {0, mixing_claims.THIRD, 100} < set(shares)
    names = {claim.name for claim in mixing_claims.CLAIMS}
    assert len(names) == 6 * len(pairs)


def test_pairs_that_are_too_large_are_not_measured_and_say_so(monkeypatch):
    monkeypatch.delenv("JAXDL_DATA", raising=False)
    for tier in ("cpu", "gpu"):
        for claim in mixing_claims.claims_of("mnist_m", ""):
            verdict = claim.measure(tier)
            assert verdict.answer == "undecided" and "not measured" in verdict.summary


def test_claims_are_decided_by_the_curves_over_seeds(monkeypatch):
    """Three seeds, whose errors are worked out by hand."""
    seeds = np.array([0.0, 0.01, -0.01])
    curves = {  # way -> errors at 0, 2, 5, 10, 33 and 100 % of the labels
        "joint": (0.4, 0.38, 0.36, 0.34, 0.2, 0.1),
        "real": (None, 0.7, 0.6, 0.5, 0.3, 0.25),
        "fine_tuned": (0.4, 0.38, 0.36, 0.34, 0.2, 0.1),
        "refined": (0.3, 0.3, 0.3, 0.3, 0.3, 0.3),
    }
    shares = mixing_claims.TIERS["cpu"][2]["shares"]
    found = {
        f"{way}_error_{share:g}": error + seeds
        for way, errors in curves.items()
        for share, error in zip(shares, errors, strict=True)
        if error is not None
    }
    found["refiner_worth"] = 20 + 100 * seeds
    monkeypatch.setattr(mixing_claims, "train_seeds", lambda tier, pair: found)
    answers = {
        claim.name.removesuffix("_textured_digits"): claim.measure("cpu")
        for claim in mixing_claims.claims_of("textured_digits", "")
    }
    assert {name: verdict.answer for name, verdict in answers.items()} == {
        "falls": "holds", "few_labels": "holds", "third": "holds", "fine_tuning": "undecided",
        "refined": "holds", "worth": "holds",
    }  # fmt: skip
    assert "mixed over real alone, textured_digits: 32" in answers["few_labels"].summary
    assert "a third with simulation over all, textured_digits: 5" in answers["third"].summary
    assert "refined over raw, textured_digits: 10" in answers["refined"].summary
    slope = np.polyfit(np.log2(shares[1:]), 100 * np.array(curves["joint"][1:]), 1)[0]
    assert f"falls by a doubling of the share, textured_digits: {-slope:.3g}"[:-1] in (
        answers["falls"].summary
    )
    found["joint_error_33"] = 0.4 + seeds
    (third,) = (c for c in mixing_claims.claims_of("textured_digits", "") if "third" in c.name)
    assert third.measure("cpu").answer == "fails"
