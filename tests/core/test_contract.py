"""What every system must keep, by its smoke preset: a launch file that is found is tested.

The fast set runs on one device; `--slow` adds the gradients, the work and the resumption on others.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from experiments._systems import systems
from jaxdl.core import DeviceData, Learner, Run, fit
from jaxdl.core.learner import HostData
from jaxdl.core.mesh import make_mesh, split
from jaxdl.core.program import shape_state
from jaxdl.envs.probe import PROBES
from jaxdl.launch import configure
from jaxdl.launch.flags import fields
from tests.rl.ladder import check_ladder

# Plain gradient descent: the parameters then show every factor in the gradients, which an adaptive
# optimizer would hide.
PLAIN = {
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "schedule": "constant",
    "max_norm": 0.0,
    "epochs": 1,
    "updates": 2,  # TD3's policy moves at every second one
    "normalize_observations": True,
    "eval_envs": 8,
    "eval_steps": 8,
    "eval_tasks": 256,
    "train_images": 256,
    "test_images": 100,
    "baselines": False,
}


# Parts of the names of parameters that four steps need not move, with the reason.
LATER = {
    "alphafold": (
        # All residues begin in one place, where recycled distances fall into no bin; that it learns
        # from residues apart is tested beside the network.
        "['recycling']['distance']['kernel']",
        # They begin at 1 behind outputs that begin at 0, so that the first steps that reach them
        # are near the grain of float32; their gradient is tested beside the network.
        "gate']['bias']",
    ),
}


class Built(NamedTuple):
    """A system as the tests take it: its learner, and data that need no host."""

    learner: Learner
    data: object
    later: tuple[str, ...]


@pytest.fixture(scope="module", params=systems())
def system(request):
    file = systems()[request.param]
    smoke = file.module.PRESETS["smoke"]
    names = {setting.name for setting in fields(smoke)}
    plain = {name: value for name, value in PLAIN.items() if name in names}
    built = file.module.build(configure(file.name, file.module.PRESETS, "smoke", plain))
    data = built.data()
    if isinstance(data, HostData):
        pytest.skip("its data are read by the host: the driver's own tests cover that")
    return Built(built.learner, data, LATER.get(file.name, ()))


SETTINGS = {"steps_per_call": 1, "devices": 1, "horizon": 4}


@pytest.fixture(scope="module")
def straight(system):
    """A run of four steps that is not cut: its end, and its result.

    The driver compiles a step once and refuses one that changes the kind of the state.
    """
    return fit(system.learner, system.data, Run(steps=4, **SETTINGS))


def first_params(learner):
    init_key = jax.random.split(jax.random.key(0), 4)[0]
    return jax.jit(lambda key: learner.init(key).params)(jax.random.fold_in(init_key, 0))


def unscored(learner):
    """The same without an evaluation, which every device computes as a whole."""
    return learner._replace(evaluate=lambda key, state: {})


def test_steps_learn_something_and_measure_it(system, straight):
    state, result = straight
    same = jax.tree.map(
        lambda x, y: bool(jnp.all(x == y)), first_params(system.learner), state.params
    )
    paths = [jax.tree_util.keystr(path) for path, x in jax.tree.leaves_with_path(same) if x]
    assert not [path for path in paths if not path.endswith(system.later)]
    names = result["metrics"].keys()
    assert any(name.startswith("eval/") for name in names)
    assert any(not name.startswith("eval/") for name in names)
    assert all(np.isfinite(metric["mean"]) for metric in result["metrics"].values())


def test_resume_is_bitwise(system, straight, tmp_path):
    """Cut in the middle, a run ends with the same bits and reports the same."""
    for steps in (2, 4):
        run = Run(steps=steps, workdir=str(tmp_path / "run"), **SETTINGS)
        cut = fit(system.learner, system.data, run)[1]
    assert cut["fingerprint"] == straight[1]["fingerprint"]
    assert cut["metrics"] == straight[1]["metrics"]


WITH_WORLDS = [n for n, f in systems().items() if hasattr(f.module.PRESETS["smoke"], "worlds")]


@pytest.mark.parametrize("name", WITH_WORLDS)
def test_a_learner_with_worlds_climbs_the_ladder(name):
    """Five probe worlds, each of which names the part that is broken."""
    file = systems()[name]
    rungs = check_ladder(file.module.build, configure(name, file.module.PRESETS, "smoke"))
    assert tuple(rung.probe for rung in rungs) == PROBES


@pytest.mark.slow
def test_a_seed_is_the_same_run_beside_others_and_alone(system):
    settings = SETTINGS | {"steps": 1}
    both, several = fit(system.learner, system.data, Run(num_seeds=2, **settings))
    assert all(len(metric["values"]) == 2 for metric in several["metrics"].values())
    alone, _ = fit(unscored(system.learner), system.data, Run(first_seed=1, **settings))
    for x, y in zip(jax.tree.leaves(both.params), jax.tree.leaves(alone.params), strict=True):
        np.testing.assert_allclose(x[1], y, atol=1e-4, rtol=1e-3)
    same = jax.tree.map(lambda x: bool(jnp.all(x[0] == x[1])), both.params)
    assert not all(jax.tree.leaves(same))


@pytest.mark.slow
def test_devices_do_not_change_the_gradients(system):
    learner, data = unscored(system.learner), system.data
    one, other = (
        fit(learner, data, Run(steps=1, steps_per_call=1, devices=d))[0].params for d in (1, 8)
    )
    start = first_params(learner)
    change = jax.tree.map(jnp.subtract, one, start)
    largest = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(change))
    other = jax.tree.map(jnp.subtract, other, start)
    for (path, x), y in zip(
        jax.tree_util.tree_leaves_with_path(change), jax.tree.leaves(other), strict=True
    ):
        # The change is the gradient times the rate 0.1; float32 holds the parameter to 1e-7.
        atol = 1e-5 * max(largest, 0.1)
        np.testing.assert_allclose(x, y, atol=atol, err_msg=jax.tree_util.keystr(path))


@pytest.mark.slow
def test_resumed_on_other_devices_a_run_sees_the_same_data_and_tasks(system, tmp_path):
    """What happens in the worlds, and the losses of the step after the resumption, agree."""
    learner, data, _ = system
    run = Run(steps=2, steps_per_call=1, devices=1)
    straight, expected = fit(unscored(learner), data, run)
    for steps, devices in ((1, 8), (2, 1)):
        run = Run(steps=steps, steps_per_call=1, devices=devices, horizon=2)
        run = dataclasses.replace(run, workdir=str(tmp_path / "run"))
        cut, found = fit(learner, data, run)
    for x, y in zip(jax.tree.leaves(straight.actors), jax.tree.leaves(cut.actors), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-3, rtol=1e-3)
    for name in (name for name in expected["metrics"] if not name.startswith("eval/")):
        x, y = (outcome["metrics"][name]["mean"] for outcome in (expected, found))
        np.testing.assert_allclose(x, y, atol=1e-5, rtol=1e-3, err_msg=name)


@pytest.mark.slow
def test_work_falls_with_devices(system):
    learner, data, _ = system
    assert count_flops(learner, data, devices=4) <= 0.3 * count_flops(learner, data, devices=1)


def draw(data, key):
    """A batch, as the driver would draw it."""
    if isinstance(data, DeviceData):
        return jax.tree.map(lambda x: jnp.asarray(x[: data.batch_size]), data.arrays)
    return data(key, jnp.int32(0)) if callable(data) else ()


def count_flops(learner, data, *, devices):
    """XLA's count for one step on one of the devices."""
    mesh = make_mesh(devices)
    with jax.set_mesh(mesh):
        abstract_state = shape_state(learner, Run(), mesh)
        places = jax.tree.map(lambda x: x.sharding, abstract_state)
        copied = NamedSharding(mesh, P())

        def step(key, state):
            return learner.step(key, state, split(draw(data, key), axis=0))

        program = jax.jit(step, in_shardings=(copied, places), out_shardings=(places, copied))
        lowered = program.lower(jax.random.key(0), abstract_state)
        return lowered.compile().cost_analysis()["flops"]
