"""Every preset of every system can be built, traced and held in memory: also those never run."""

import dataclasses
import math
from functools import cache
from unittest import mock

import jax
import jax.numpy as jnp
import pytest
import sklearn.datasets
from jax.extend.core import jaxprs_in_params

from experiments._systems import systems
from jaxdl.core.learner import DeviceData, Fold, HostData, Mean
from jaxdl.core.run import BadInput
from jaxdl.launch import About, System, configure

GB = 1e9
# What a preset's state, and the largest array that a step or an evaluation makes, may take: two
# CPU cores have a few GB to spare, the accelerators of the larger presets 80.
STATE_BYTES = {"smoke": 0.1 * GB, "cpu": 0.5 * GB, "gpu": 16 * GB, "paper": 40 * GB}
ARRAY_BYTES = {"smoke": 0.2 * GB, "cpu": 1 * GB, "gpu": 16 * GB, "paper": 40 * GB}
PRESETS = [(name, preset) for name, one in systems().items() for preset in one.module.PRESETS]
IDS = [f"{name}-{preset}" for name, preset in PRESETS]
LARGE = ("gpu", "paper")  # their robots take tens of seconds to trace
BY_COST = [
    pytest.param(*pair, id=name, marks=pytest.mark.slow if pair[1] in LARGE else ())
    for name, pair in zip(IDS, PRESETS, strict=True)
]


@cache
def built(name: str, preset: str) -> System:
    """A system, built once for all tests: some robots take seconds.

    Reading the digits fails; all other data are not here and fail by themselves.
    """
    module = systems()[name].module
    read = AssertionError("data are read when training begins, not before")
    with mock.patch.object(sklearn.datasets, "load_digits", side_effect=read):
        return module.build(configure(name, module.PRESETS, preset))


@pytest.mark.parametrize(("name", "preset"), PRESETS, ids=IDS)
def test_every_preset_is_within_bounds(name, preset):
    config = configure(name, systems()[name].module.PRESETS, preset)
    assert config.run.horizon == config.run.steps and dataclasses.is_dataclass(config)


@pytest.mark.parametrize(("name", "preset"), BY_COST)
def test_every_preset_builds_without_data(name, preset):
    system = built(name, preset)
    assert isinstance(system, System) and system.samples_per_step >= 1


@pytest.mark.parametrize("name", systems())
def test_what_a_system_says_of_itself_is_complete(name):
    module = systems()[name].module
    about = module.ABOUT
    assert isinstance(about, About) and module.__doc__
    assert about.title and about.summary.endswith(".") and about.paper[-4:].isdigit()
    assert about.headline and about.curves and about.samples
    assert {"smoke", "cpu", "gpu", "paper"} <= module.PRESETS.keys()


@pytest.mark.parametrize(("name", "preset"), BY_COST)
def test_the_state_of_every_preset_fits(name, preset):
    learner = built(name, preset).learner
    seeds = systems()[name].module.PRESETS[preset].run.num_seeds
    state = jax.eval_shape(learner.init, jax.random.key(0))
    assert seeds * tree_bytes(state) < STATE_BYTES[preset]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "preset"), [one for one in BY_COST if one.marks])
def test_every_large_preset_is_traced_from_end_to_end(name, preset):
    """Its programs are complete, and no array in them exceeds memory; only time is missing."""
    system = built(name, preset)
    learner = system.learner
    key = jax.random.key(0)
    state = jax.eval_shape(learner.init, key)
    seeds = systems()[name].module.PRESETS[preset].run.num_seeds
    try:
        batch = batch_of(system.data())
    except BadInput:
        pytest.skip("its data are not here")
    traced = jax.make_jaxpr(learner.step, return_shape=True)(key, state, batch)
    jaxpr, (after, metrics) = traced
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert [x.shape for x in jax.tree.leaves(after)] == [x.shape for x in jax.tree.leaves(state)]
    scalars = [x.total if isinstance(x, Mean) else x for x in metrics.values()]
    assert all(x.shape == () for x in scalars)
    assert seeds * largest_array(jaxpr.jaxpr) < ARRAY_BYTES[preset]
    for jaxpr in trace_evaluation(learner.evaluate, key, state):
        assert seeds * largest_array(jaxpr.jaxpr) < ARRAY_BYTES[preset]


def trace_evaluation(evaluate, key, state):
    """The programs of an evaluation."""
    if not isinstance(evaluate, Fold):
        return [jax.make_jaxpr(evaluate)(key, state)]
    begin, accumulator = jax.make_jaxpr(evaluate.init, return_shape=True)(key, state)
    batch = evaluate.batch_shape()
    update = jax.make_jaxpr(evaluate.update)(accumulator, state, batch)
    return [begin, update, jax.make_jaxpr(evaluate.result)(accumulator)]


def batch_of(data):
    """The shapes of a batch."""
    if isinstance(data, DeviceData):
        rows = data.batch_size
        return jax.tree.map(lambda x: shape_of((rows, *x.shape[1:]), x.dtype), data.arrays)
    if isinstance(data, HostData):
        one = data.fetch(0, 0, jnp.arange(1))
        return jax.tree.map(lambda x: shape_of((data.batch_size, *x.shape[1:]), x.dtype), one)
    return jax.eval_shape(data, jax.random.key(0), jnp.int32(0)) if callable(data) else ()


def shape_of(shape, dtype):
    return jax.ShapeDtypeStruct(shape, dtype)


def tree_bytes(tree):
    return sum(array_bytes(leaf) for leaf in jax.tree.leaves(tree))


def array_bytes(x):
    size = getattr(x.dtype, "itemsize", 8)
    return math.prod(x.shape) * size


def largest_array(jaxpr):
    """Bytes of the largest array that a program makes, also within its loops."""
    largest = 0
    for equation in jaxpr.eqns:
        for variable in equation.outvars:
            if hasattr(variable.aval, "shape"):
                largest = max(largest, array_bytes(variable.aval))
        for inner in jaxprs_in_params(equation.params):
            largest = max(largest, largest_array(inner))
    return largest


def test_the_largest_array_of_a_loop_is_seen():
    def program(x):
        return jax.lax.scan(lambda c, _: (c, jnp.outer(x, x).sum()), 0.0, None, length=3)

    jaxpr = jax.make_jaxpr(program)(jnp.zeros(1000))
    assert largest_array(jaxpr.jaxpr) == 4_000_000
