"""What every learner must keep; a new system is one more line in LEARNERS."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core import Run, fit, over_seeds
from jaxdl.core.mesh import layout, make_mesh, spread


def ppo_on(name, **settings):
    def build(tx):
        from jaxdl.envs import make
        from jaxdl.nn import actor_critic
        from jaxdl.rl import ppo

        env = make(name)
        recurrent = settings.get("recurrent")
        net = actor_critic(env.obs_space, env.action_space, hidden=(32, 32), recurrent=recurrent)
        sizes = {"num_envs": 16, "unroll": 16, "minibatches": 4, "epochs": 1}
        return ppo(
            env, net, tx, eval_envs=4, eval_steps=8, normalize_observations=True, **sizes
        ), ()

    return build


def rl2_on_bandits(tx):
    from jaxdl import meta
    from jaxdl.envs import make
    from jaxdl.nn import actor_critic

    env = make("bandit", arms=2)
    world = meta.trial(env, 4)
    net = actor_critic(world.obs_space, world.action_space, hidden=(16,), recurrent="gru")
    sizes = {"num_envs": 64, "unroll": 4, "minibatches": 2, "epochs": 1}
    evaluation = meta.bandit_evaluation(arms=2, pulls=4, tasks=256)
    return meta.rl2(env, net, tx, episodes=4, evaluate=evaluation, **sizes), ()


def simclr_on_digits(tx):
    from jaxdl import data, nn, vision

    images = data.first_rows(data.load("digits"), train_rows=200, test_rows=100)
    net = nn.Projected(nn.ConvNet(8, (1, 2, 2)), 32, 16)
    augment = data.simclr_augmentation(8, flip=False, blur=0.0)
    learner = vision.simclr(
        net, tx, augment, image_shape=(8, 8, 1), chunk=24, probe=vision.linear_probe(images)
    )
    return learner, data.sampler(images.train_images, 32)


LEARNERS = {
    "ppo": ppo_on("cartpole"),
    "ppo_recurrent": ppo_on("pendulum", recurrent="gru"),
    "rl2": rl2_on_bandits,
    "simclr": simclr_on_digits,
}


@pytest.fixture(scope="module", params=LEARNERS)
def system(request):
    # Plain gradient descent: the parameters then tell every factor in the gradients, which an
    # adaptive optimizer would hide.
    return LEARNERS[request.param](optax.sgd(0.1))


@pytest.fixture(scope="module")
def stepped(system):
    """The learner's state before and after three steps of one compiled program."""
    learner, data = system
    step = jax.jit(lambda key, state: learner.step(key, state, data(key) if callable(data) else ()))
    state = jax.jit(learner.init)(jax.random.key(0))
    before = state
    for i in range(3):
        state, metrics = step(jax.random.key(i), state)
    return step, before, state, metrics


def test_step_compiles_once_and_keeps_structure_and_types(stepped):
    step, before, after, _ = stepped
    assert step._cache_size() == 1
    assert jax.tree.structure(before) == jax.tree.structure(after)
    for x, y in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)


def test_metrics_are_finite_scalars(system, stepped):
    evaluation = jax.jit(system[0].evaluate)(jax.random.key(9), stepped[2])
    for name, value in {**stepped[3], **evaluation}.items():
        assert jnp.shape(value) == () and jnp.isfinite(value), name
    assert stepped[3] and evaluation


def test_step_learns_something(stepped):
    _, before, after, _ = stepped
    changed = jax.tree.map(lambda x, y: bool(jnp.any(x != y)), before.params, after.params)
    assert all(jax.tree.leaves(changed))


def test_devices_do_not_change_the_gradients(system):
    learner, data = system
    one, *more = (
        fit(learner, data, Run(steps=1, steps_per_call=1, devices=d))[0].params for d in (1, 4, 8)
    )
    start = learner.init(jax.random.split(jax.random.key(0), 3)[0]).params
    change = jax.tree.map(jnp.subtract, one, start)
    largest = max(float(jnp.abs(x).max()) for x in jax.tree.leaves(change))
    for end in more:
        other = jax.tree.map(jnp.subtract, end, start)
        for (path, x), y in zip(
            jax.tree_util.tree_leaves_with_path(change), jax.tree.leaves(other), strict=True
        ):
            # The change is the gradient times the rate 0.1; float32 holds the parameter to 1e-7.
            atol = 1e-5 * max(largest, 0.1)
            np.testing.assert_allclose(x, y, atol=atol, err_msg=jax.tree_util.keystr(path))


def test_resumed_on_other_devices_a_run_sees_the_same_data_and_tasks(system, tmp_path):
    """What happens in the worlds, and the losses of the step after the resumption, agree."""
    learner, data = system
    straight, expected = fit(learner, data, Run(steps=2, steps_per_call=1, devices=1))
    for steps, devices in ((1, 4), (2, 1)):
        run = Run(steps=steps, steps_per_call=1, devices=devices, workdir=str(tmp_path / "run"))
        cut, found = fit(learner, data, run)
    for x, y in zip(jax.tree.leaves(straight.actors), jax.tree.leaves(cut.actors), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-3, rtol=1e-3)
    for name in (name for name in expected["metrics"] if not name.startswith("eval/")):
        x, y = (outcome["metrics"][name]["mean"] for outcome in (expected, found))
        np.testing.assert_allclose(x, y, atol=1e-5, rtol=1e-3, err_msg=name)


def test_work_falls_with_devices(system):
    assert _flops(*system, devices=4) <= 0.3 * _flops(*system, devices=1)


def _flops(learner, data, *, devices):
    """XLA's count for one step on one of the devices."""
    mesh = make_mesh(devices)
    with jax.set_mesh(mesh):
        like = jax.eval_shape(learner.init, jax.random.key(0))
        places = layout(mesh, like)
        copied = NamedSharding(mesh, P())
        batch = spread if callable(data) else lambda tree: tree

        def step(key, state):
            return learner.step(key, state, batch(data(key) if callable(data) else ()))

        program = jax.jit(step, in_shardings=(copied, places), out_shardings=(places, copied))
        return program.lower(jax.random.key(0), like).compile().cost_analysis()["flops"]


def test_resume_is_bitwise(system, tmp_path):
    learner, data = system
    settings = {"steps_per_call": 1, "devices": 1}
    straight = fit(learner, data, Run(steps=4, **settings))[1]["fingerprint"]
    for steps in (2, 4):
        cut = fit(learner, data, Run(steps=steps, workdir=str(tmp_path / "run"), **settings))[1]
    assert cut["fingerprint"] == straight


def test_seeds_run_side_by_side(system):
    learner, data = system
    states, result = fit(learner, data, Run(steps=2, steps_per_call=2, num_seeds=2, devices=1))
    assert all(len(metric["values"]) == 2 for metric in result["metrics"].values())
    first, second = (jax.tree.map(lambda x, i=i: x[i], states.params) for i in range(2))
    assert any(jax.tree.leaves(jax.tree.map(lambda x, y: bool(jnp.any(x != y)), first, second)))
    assert over_seeds(learner, 2).init is not learner.init
