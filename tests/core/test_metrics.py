"""What a run reports: means that may be undefined, windows, arrays, data in exact epochs."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import BadInput, DeviceData, Fold, HostData, Learner, Mean, Run, TrainState, fit
from jaxdl.core.data import epoch_rows, host_seeds
from jaxdl.core.logs import read_metrics


def episodes(length):
    """Counts steps; every `length` of them an episode ends, whose return is their number."""

    def step(key, state, batch):
        count = state.params + 1
        ended = count % length == 0
        metrics = {"episode_return": Mean(jnp.where(ended, -count, 0.0), ended), "count": count}
        return state._replace(params=count), metrics

    return Learner(lambda key: TrainState(jnp.float32(0), ()), step)


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_mean_is_written_where_something_was_counted(tmp_path, seeds):
    run = Run(steps=6, steps_per_call=1, devices=1, num_seeds=seeds, workdir=str(tmp_path / "run"))
    _, result = fit(episodes(3), (), run)
    rows = read_metrics(tmp_path / "run/metrics.jsonl")
    assert [row.get("episode_return") for row in rows] == [None, None, -3, None, None, -6]
    assert result["metrics"]["episode_return"]["mean"] == -6
    _, result = fit(episodes(4), (), Run(steps=6, steps_per_call=1, devices=1))
    assert "episode_return" not in result["metrics"]  # none ended in the last step


def test_means_weigh_what_was_counted():
    """Two episodes of return -2 and -4 in one call: not the mean over four steps."""
    _, result = fit(episodes(2), (), Run(steps=40, steps_per_call=20, devices=1))
    assert result["window"] == {"first_step": 37, "last_step": 40}
    assert result["metrics"]["episode_return"]["mean"] == -(38 + 40) / 2
    assert result["metrics"]["count"]["mean"] == np.mean([37, 38, 39, 40])


def test_final_metrics_do_not_depend_on_calls_nor_on_cuts(tmp_path):
    ends = []
    for per_call in (1, 3, 7, 50):
        ends.append(fit(episodes(2), (), Run(steps=50, steps_per_call=per_call, devices=1))[1])
    for steps in (17, 48, 50):
        run = Run(steps=steps, steps_per_call=5, devices=1, workdir=str(tmp_path / "run"))
        cut = fit(episodes(2), (), run)[1]
    for end in [*ends[1:], cut]:
        assert end["metrics"] == ends[0]["metrics"]
        assert end["window"] == ends[0]["window"]


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("value", [jnp.zeros(3), Mean(jnp.zeros(2), jnp.ones(2))])
def test_a_metric_that_is_no_scalar_is_refused_before_training(value, seeds):
    learner = Learner(lambda key: TrainState((), ()), lambda k, s, b: (s, {"curve": value}))
    with pytest.raises(BadInput, match=r"'curve' has the shape \[[23]\]"):
        fit(learner, (), Run(steps=1, num_seeds=seeds))


def test_a_step_that_changes_the_kind_of_state_is_refused():
    def step(key, state, batch):
        return state._replace(params=state.params.astype(jnp.bfloat16)), {}

    learner = Learner(lambda key: TrainState(jnp.zeros(2), ()), step)
    with pytest.raises(BadInput, match=r"expected \[\[2\], 'float32'\], found \[\[2\], 'bfloat16'"):
        fit(learner, (), Run(steps=1))


@pytest.mark.parametrize("seeds", [1, 2])
def test_arrays_of_an_evaluation_are_kept_and_drawn(tmp_path, seeds):
    drawn = []

    def evaluate(key, state):
        return {"level": state.params, "curve": state.params * jnp.arange(3.0)}

    def figures(outcome):
        drawn.append(outcome)
        return ()

    learner = episodes(2)._replace(evaluate=evaluate)
    run = Run(steps=4, eval_every=2, steps_per_call=2, num_seeds=seeds, devices=1)
    run = Run(**vars(run) | {"workdir": str(tmp_path / "run")})
    _, result = fit(learner, (), run, figures=figures)
    with np.load(tmp_path / "run/evaluation.npz") as file:
        curve = file["curve"]
    np.testing.assert_array_equal(curve, np.squeeze(np.tile([0, 4, 8], (seeds, 1))))
    (outcome,) = drawn
    np.testing.assert_array_equal(outcome.arrays["curve"], curve)
    assert outcome.metrics["eval/level"]["mean"] == 4 and outcome.num_seeds == seeds
    assert "eval/curve" not in result["metrics"]


def test_a_drawing_that_fails_costs_a_line(tmp_path, capsys):
    def figures(outcome):
        raise KeyError("nothing")

    run = Run(steps=1, devices=1, workdir=str(tmp_path / "run"))
    fit(episodes(2), (), run, figures=figures)
    assert "the figures could not be drawn: KeyError" in capsys.readouterr().err
    assert (tmp_path / "run/report.html").exists()


@pytest.mark.parametrize("seeds", [1, 2])
def test_an_evaluation_may_fold_over_batches(seeds):
    fold = Fold(
        batches=lambda: (np.full(4, i, np.float32) for i in range(3)),
        init=lambda key, state: jnp.float32(0),
        update=lambda total, state, batch: total + state.params * batch.sum(),
        result=lambda total: {"total": total, "twice": jnp.stack([total, total])},
    )
    run = Run(steps=5, devices=1, num_seeds=seeds)
    _, result = fit(episodes(2)._replace(evaluate=fold), (), run)
    assert result["metrics"]["eval/total"]["values"] == [5 * 4 * 3.0] * seeds


@pytest.mark.parametrize("part", ["init", "update", "result"])
def test_a_mistake_in_a_fold_shows_before_training(part):
    """Wherever it is, and an update that changes the accumulator is one."""

    def mistaken(*arguments):
        return jnp.zeros(3) + jnp.zeros(2)

    def step(key, state, batch):
        jax.debug.callback(lambda: steps.append(1))
        return state, {}

    steps = []
    fold = Fold(
        batches=lambda: iter([np.zeros(4, np.float32)]),
        init=lambda key, state: jnp.float32(0),
        update=lambda total, state, batch: total + batch.sum(),
        result=lambda total: {"total": total},
    )
    learner = Learner(lambda key: TrainState(jnp.zeros(2), ()), step)
    with pytest.raises(TypeError, match="shapes"):
        fit(learner._replace(evaluate=fold._replace(**{part: mistaken})), (), Run(steps=3))
    longer = fold._replace(update=lambda total, state, batch: total + batch)
    with pytest.raises(BadInput, match="another kind"):
        fit(learner._replace(evaluate=longer), (), Run(steps=3))
    assert not steps


def test_what_evaluation_lacks_is_missed_before_training():
    """And the last state is saved before it is evaluated."""
    steps = []

    def evaluate(key, state):
        raise BadInput("a class has fewer than 10 training images")

    def step(key, state, batch):
        jax.debug.callback(lambda: steps.append(1))
        return state, {}

    learner = Learner(lambda key: TrainState(jnp.zeros(2), ()), step, evaluate)
    with pytest.raises(BadInput, match="fewer than 10"):
        fit(learner, (), Run(steps=3))
    assert not steps


@pytest.mark.parametrize("num_rows, batch_size", [(12, 4), (10, 4), (7, 7), (9, 6), (5, 1)])
def test_every_row_comes_once_an_epoch(num_rows, batch_size):
    rows = jax.jit(epoch_rows, static_argnums=(2, 3))
    count = 3 * num_rows
    drawn = [rows(jax.random.key(1), step, num_rows, batch_size) for step in range(count)]
    drawn = np.concatenate(drawn)[: (count * batch_size // num_rows) * num_rows]
    epochs = drawn.reshape(-1, num_rows)
    np.testing.assert_array_equal(
        np.sort(epochs, axis=1), np.tile(np.arange(num_rows), (len(epochs), 1))
    )
    if num_rows > 4:
        assert len(np.unique(epochs, axis=0)) > len(epochs) / 2  # a new order for each


@pytest.mark.parametrize("devices, seeds", [(1, 1), (2, 1), (2, 2)])
def test_device_data_are_read_in_epochs(devices, seeds):
    """The sum over an epoch is that of all rows, whatever the order."""

    def step(key, state, batch):
        return state._replace(params=state.params + batch.sum()), {"one": jnp.float32(1)}

    learner = Learner(lambda key: TrainState(jnp.float32(0), ()), step)
    data = DeviceData(np.arange(12, dtype=np.float32), batch_size=4)
    state, _ = fit(learner, data, Run(steps=3, devices=devices, num_seeds=seeds))
    np.testing.assert_array_equal(state.params, np.squeeze(np.full(seeds, 66.0)))


@pytest.mark.parametrize(
    "data, text",
    [
        ((x for x in "ab"), "generator"),
        (np.zeros((4, 2)), "ndarray"),
        ([np.zeros((4, 2))], "list"),
        ({"x": 1}, "dict"),
        (None, "NoneType"),
        (lambda key: jnp.zeros((4, 2)), r"sample\(key, step\)"),
        (lambda key, step: jnp.float32(0), r"arrays \[B, ...\]"),
        (DeviceData(np.zeros((4, 2)), 5), "batch_size=5 should be 1 to 4"),
        (DeviceData({"x": np.zeros(4), "y": np.zeros(3)}, 2), "equally many rows"),
    ],
)
def test_data_of_another_kind_are_refused(data, text):
    with pytest.raises(BadInput, match=text):
        fit(episodes(2), data, Run(steps=1, devices=1))


def test_hosts_seeds_do_not_overlap():
    def streams(seed):
        return host_seeds(jax.random.split(jax.random.key(seed), 4)[3], range(3))

    several = [number for seed in range(5) for number in streams(seed)]
    assert len(set(several)) == 15
    key = jax.random.key(0)
    assert host_seeds(key, range(1, 2)) == host_seeds(key, range(3))[1:2]


def test_the_identity_of_data_is_their_content_and_not_their_place(tmp_path):
    def run(steps):
        return Run(steps=steps, devices=1, workdir=str(tmp_path / "run"))

    rows = np.arange(8, dtype=np.float32)
    learner = Learner(
        lambda key: TrainState(jnp.float32(0), ()), lambda k, s, b: (s, {"x": b.sum()})
    )
    fit(learner, DeviceData(rows, 4), run(1))
    fit(learner, DeviceData(rows.copy(), 4), run(2))
    with pytest.raises(BadInput, match="data_sha256"):
        fit(learner, DeviceData(rows + 1, 4), run(3))
    fetch = lambda seed, step, rows: np.zeros((len(rows), 1), np.float32)  # noqa: E731
    other = Run(steps=1, devices=1, workdir=str(tmp_path / "host"))
    fit(learner, HostData(fetch, 4, identity="a"), other)
    with pytest.raises(BadInput, match="data_sha256"):
        fit(learner, HostData(fetch, 4, identity="b"), Run(**vars(other) | {"steps": 2}))


def test_samples_are_counted_beside_steps(tmp_path):
    run = Run(steps=4, steps_per_call=2, devices=1, workdir=str(tmp_path / "run"))
    _, result = fit(episodes(2), (), run, samples_per_step=16, about={"samples": "env steps"})
    rows = read_metrics(tmp_path / "run/metrics.jsonl")
    assert [(row["step"], row["env_steps"]) for row in rows] == [(2, 32), (4, 64)]
    assert (result["unit"], result["samples"]) == ("env steps", 64)


def test_evaluation_is_not_training():
    """Ten evaluations of a quarter second leave the speed of training as it is."""

    def evaluate(key, state):
        shape = jax.ShapeDtypeStruct((), np.float32)
        return {"x": jax.experimental.io_callback(_wait, shape)}

    learner = episodes(2)._replace(evaluate=evaluate)
    _, result = fit(learner, (), Run(steps=10, steps_per_call=1, eval_every=1, devices=1))
    assert result["samples_per_second"] > 20  # 4 if evaluation counted


def _wait():
    import time

    time.sleep(0.25)
    return np.float32(1)


def test_a_result_is_json(tmp_path):
    run = Run(steps=np.int64(3), steps_per_call=30 / 10, workdir=tmp_path / "run", num_seeds=2)
    fit(episodes(2), (), run)
    assert json.loads((tmp_path / "run/result.json").read_text())["steps"] == 3
