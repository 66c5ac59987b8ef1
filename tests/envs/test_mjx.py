"""Our MJX worlds against MuJoCo in C, and against recorded trajectories of dm_control."""

from importlib import resources

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import make, vectorize
from jaxdl.envs import mjx as worlds
from jaxdl.envs.mujoco import put_on_device, read_asset

XML = resources.files("jaxdl.envs").joinpath("assets/cartpole.xml").read_text()


def compiled(task):
    """The MJCF with a task's constants written into its text, as MuJoCo's compiler sees it."""
    text = XML.replace(
        'size="0.2 0.15 0.1" mass="1"', f'size="0.2 0.15 0.1" mass="{task.cart_mass}"'
    )
    text = text.replace("0 0 0 0 0 1", f"0 0 0 0 0 {task.pole_length}")
    text = text.replace('mass="0.1"', f'mass="{task.pole_mass}"')
    text = text.replace('damping="5e-4"', f'damping="{task.cart_damping}"')
    text = text.replace('damping="2e-6"', f'damping="{task.pole_damping}"')
    text = text.replace('gear="10"', f'gear="{task.force}"')
    text = text.replace("<option ", f'<option gravity="0 0 {-task.gravity}" ')
    return mujoco.MjModel.from_xml_string(text)


def test_constants_are_compiled_as_mujoco_compiles_them():
    model, _ = put_on_device(read_asset("cartpole.xml"))
    for task in (worlds.Task(), worlds.Task(True, 2.0, 0.4, 0.6, 0.1, 0.02, 7.0, 5.0)):
        ours = worlds.physics(model, task)
        theirs = compiled(task)
        names = "body_mass body_inertia body_ipos dof_damping dof_invweight0 actuator_gear"
        for name in (names + " geom_pos geom_size").split():
            expected = getattr(theirs, name)
            np.testing.assert_allclose(getattr(ours, name), expected, rtol=2e-5, err_msg=name)
        np.testing.assert_allclose(ours.opt.gravity, theirs.opt.gravity, rtol=1e-6)


def test_steps_as_mujoco_does():
    env = make("mjx/cartpole", task="both", randomize=0.5)
    tasks = jax.vmap(env.sample_task)(jax.random.split(jax.random.key(0), 4))
    step = jax.jit(jax.vmap(env.step, (None, 0, 0, 0)))
    models = [compiled(jax.tree.map(lambda x, e=e: float(x[e]), tasks)) for e in range(4)]
    data = [mujoco.MjData(model) for model in models]
    rng = np.random.default_rng(0)
    at_end = 0
    for e in range(4):
        data[e].qpos, data[e].qvel = rng.normal(size=(2, 2))
    for t in range(300):
        state = worlds.State(
            jnp.array([d.qpos for d in data], jnp.float32),
            jnp.array([d.qvel for d in data], jnp.float32),
            jnp.full(4, t, jnp.int32),
        )
        action = np.clip(rng.normal(np.sin(t / 40), 1, (4, 1)), -1, 1).astype(np.float32)
        state, out = step(jax.random.key(0), state, action, tasks)
        for e in range(4):
            data[e].ctrl = action[e]
            data[e].qacc_warmstart = 0  # ours does not keep it
            mujoco.mj_step(models[e], data[e])
            at_end += data[e].nefc
        np.testing.assert_allclose(state.qpos, [d.qpos for d in data], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(state.qvel, [d.qvel for d in data], rtol=1e-3, atol=1e-3)
        expected = [[d.qpos[0], *np.cos([d.qpos[1], d.qpos[1] - np.pi / 2]), *d.qvel] for d in data]
        np.testing.assert_allclose(out.obs, expected, rtol=1e-3, atol=1e-3)
    assert at_end > 20  # the rail's ends were met


def test_tasks_and_starts():
    keys = jax.random.split(jax.random.key(0), 200)
    for name, chance in (("balance", 1.0), ("swingup", 0.0), ("both", 0.5)):
        env = make("mjx/cartpole", task=name)
        tasks = jax.vmap(env.sample_task)(keys)
        np.testing.assert_allclose(tasks.balance.mean(), chance, atol=0.15)
        state, obs = jax.vmap(env.reset)(keys, tasks)
        np.testing.assert_array_equal(obs[:, 1] > 0.9, tasks.balance)
        np.testing.assert_array_equal(obs[:, 1] < -0.9, ~tasks.balance)
        assert np.all(np.asarray(state.time) == 0)
    for value, standard in zip(tasks[1:], worlds.Task()[1:], strict=True):
        np.testing.assert_allclose(value, standard, rtol=1e-6)

    tasks = jax.vmap(make("mjx/cartpole", randomize=0.2).sample_task)(keys)
    for value, standard in zip(tasks[1:], worlds.Task()[1:], strict=True):
        factor = value / standard
        assert 0.8 <= factor.min() < 0.83 and 1.17 < factor.max() <= 1.2
        np.testing.assert_allclose(factor.mean(), 1, atol=0.03)


def test_truncates_after_a_thousand_steps_and_never_terminates():
    env = make("mjx/cartpole")
    task = worlds.Task(*map(jnp.asarray, worlds.Task()))
    state, _ = env.reset(jax.random.key(0), task)
    step = jax.jit(env.step)
    for time, truncated in ((0, False), (998, False), (999, True)):
        late = state._replace(time=jnp.int32(time), qpos=jnp.array([1.79, 3.0]))
        out = step(jax.random.key(0), late, jnp.ones(1), task)[1]
        assert not out.terminated and bool(out.truncated) == truncated


def test_vectorized_worlds_differ_in_their_physics():
    env = make("mjx/cartpole", randomize=0.3)
    worlds_of_four = vectorize(env, 4)

    def run(key):
        state = worlds_of_four.reset(key)
        same = jax.tree.map(lambda x: jnp.broadcast_to(x[:1], x.shape), state.env)
        state = state._replace(env=same)
        step = lambda state, key: worlds_of_four.step(key, state, jnp.ones((4, 1)))  # noqa: E731
        return jax.lax.scan(step, state, jax.random.split(key, 20))

    _, out = jax.jit(run)(jax.random.key(0))
    assert len(np.unique(out.obs[-1, :, 3])) == 4
    assert np.isfinite(out.obs).all() and out.reward.min() >= 0 and out.reward.max() <= 1


def test_recorded_trajectory_of_dm_control(real_data):
    recorded = np.load(real_data / "mjcf/dmc_traj.npz")
    names = ("qpos", "qvel", "act", "rew", "obs")
    qpos, qvel, action, reward, obs = (recorded[f"cartpole-swingup/{name}"] for name in names)
    model = mujoco.MjModel.from_xml_string(XML.replace("Euler", "RK4"))
    data = mujoco.MjData(model)
    data.qpos = qpos[0]
    data.qvel = qvel[0]
    for t in range(60):
        data.ctrl = action[t]
        mujoco.mj_step(model, data)
        np.testing.assert_allclose(data.qpos, qpos[t + 1], atol=1e-12)
        np.testing.assert_allclose(data.qvel, qvel[t + 1], atol=1e-12)
        state = worlds.State(jnp.float32(qpos[t + 1]), jnp.float32(qvel[t + 1]), jnp.int32(0))
        np.testing.assert_allclose(worlds._observe(state), obs[t], rtol=1e-5, atol=1e-6)
        expected = worlds._reward(state, jnp.float32(action[t]))
        np.testing.assert_allclose(expected, reward[t], rtol=1e-3, atol=1e-7)


def test_bad_settings():
    with pytest.raises(BadInput, match="swingup"):
        make("mjx/cartpole", task="swing")
    with pytest.raises(BadInput, match="randomize"):
        make("mjx/cartpole", randomize=1.5)
