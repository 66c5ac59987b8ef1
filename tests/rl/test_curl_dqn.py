"""CURL for numbered actions: targets and loss against rlax, its arms, and what it learns."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.rl import curl as launch_file
from jaxdl.core import Run, fit
from jaxdl.core.learner import TrainState
from jaxdl.envs import Box, Discrete, Env, Step
from jaxdl.launch import configure
from jaxdl.nn import q_network
from jaxdl.nn.pixel_encoder import pixel_encoder
from jaxdl.rl import curl_dqn, sight
from jaxdl.rl.continuous import Nets
from jaxdl.rl.crops import crop_views, whole_views
from jaxdl.rl.curl import initial_state
from jaxdl.rl.curl_dqn import best_target, value_of_taken
from jaxdl.rl.frames import Frames
from jaxdl.rl.off_policy import Regime
from jaxdl.rl.pixel_learning import PixelNets, improve_critics
from jaxdl.rl.replay import Transitions

PICTURE, SIDE, CODE, ACTIONS, BATCH = 13, 11, 4, 3, 6
RATE = 0.5  # of plain gradient descent, so that parameters show every factor of a gradient
ENCODER = pixel_encoder(Box((SIDE, SIDE, 3), 0, 255, np.uint8), channels=3, num_layers=2, size=CODE)
NET = q_network(Box((CODE,)), Discrete(ACTIONS), hidden=(5,))
NETS = PixelNets(ENCODER, Nets((), value_of_taken(NET), (), optax.sgd(RATE)), optax.sgd(RATE), ())


def small_state() -> TrainState:
    """A state whose targets differ from its parameters."""
    state, other = (initial_state(jax.random.key(i), NETS, True, 1.0) for i in range(2))
    return state._replace(extra=other.extra)


def small_batch() -> Transitions:
    draws = np.random.default_rng(0)
    shape = (BATCH, PICTURE, PICTURE, 3)
    obs, next_obs = (jnp.asarray(draws.integers(0, 256, shape, np.uint8)) for _ in range(2))
    return Transitions(
        obs=obs,
        action=jnp.asarray(draws.integers(0, ACTIONS, BATCH), jnp.int32),
        reward=jnp.asarray(draws.normal(size=BATCH), jnp.float32),
        discount=jnp.asarray([0.9, 0.0, 0.9, 0.9, 0.9, 0.9], jnp.float32),
        next_obs=next_obs,
        weight=jnp.asarray([1.0, 1.0, 0.0, 1.0, 1.0, 1.0], jnp.float32),
    )


def values(encoder, critics, seen):
    z = ENCODER.latent(encoder["latent"], ENCODER.features(encoder, seen))
    return NET.apply(critics, z)


@pytest.mark.parametrize("double", [True, False])
def test_targets_are_those_of_rlax_averaged_over_crops(double):
    """The error of rlax, with values of 0 in the state before, is the target itself."""
    rlax = pytest.importorskip("rlax")
    state, batch = small_state(), small_batch()
    views, key = crop_views(SIDE), jax.random.key(5)
    found = jax.jit(
        lambda state: best_target(key, ENCODER, NET, state, views, batch, 2, double)
    )(state)  # fmt: skip
    slow, quick = state.extra.target, state.params
    targets = []
    for crop_key in jax.random.split(key, 2):
        seen = views.drawn(crop_key, batch.next_obs)
        q_slow = values(slow.encoder, slow.critics, seen)
        chooser = values(quick.encoder, quick.critics, seen) if double else q_slow
        zeros = jnp.zeros_like(q_slow)
        parts = zeros, batch.action, batch.reward, batch.discount, q_slow, chooser
        targets.append(jax.vmap(rlax.double_q_learning)(*parts))
    assert np.abs(targets[0] - targets[1]).max() > 1e-3  # crops differ
    np.testing.assert_allclose(found, np.mean(targets, axis=0), rtol=1e-4, atol=1e-5)


def test_a_step_is_that_of_rlax_in_value_and_gradient_and_trains_the_encoder():
    rlax = pytest.importorskip("rlax")
    state, batch = small_state(), small_batch()
    seen = crop_views(SIDE).drawn(jax.random.key(0), batch.obs)
    after = state.extra.target
    q_t = values(after.encoder, after.critics, seen)
    parts = batch.reward, batch.discount, q_t

    def loss(both):
        q_tm1 = values(*both, seen)
        error = jax.vmap(rlax.q_learning)(q_tm1, batch.action, *parts)
        return jnp.mean(0.5 * batch.weight * error**2), error

    target = batch.reward + batch.discount * q_t.max(-1)
    both = state.params.encoder, state.params.critics
    (expected, error), slope = jax.jit(jax.value_and_grad(loss, has_aux=True))(both)
    moved, metrics, found = jax.jit(partial(improve_critics, NETS))(state, seen, batch, target)
    assert float(metrics["critic_loss"]) == pytest.approx(float(expected), rel=1e-5)
    np.testing.assert_allclose(found, error, rtol=1e-4, atol=1e-5)
    stepped = jax.tree.map(lambda x, d: x - RATE * d, both, slope)
    reached = moved.params.encoder, moved.params.critics
    close = partial(np.testing.assert_allclose, rtol=1e-3, atol=1e-5)
    jax.tree.map(close, reached, stepped)
    assert all(np.abs(x).max() > 1e-6 for x in jax.tree.leaves(slope[0]["convolutions"]))


def lights() -> Env:
    """Shows a bar in one of three places; the action of that number is paid, and all is over."""

    def reset(key, task):
        place = jax.random.randint(key, (), 0, ACTIONS)
        column = jnp.arange(PICTURE) // 4
        lit = jnp.where(column == place, 255, 0).astype(jnp.uint8)
        return place, jnp.broadcast_to(lit[None, :, None], (PICTURE, PICTURE, 3))

    def step(key, state, action, task):
        reward = jnp.float32(action == state)
        return state, Step(reset(key, task)[1], reward, jnp.bool_(True), jnp.bool_(False), {})

    space = Box((PICTURE, PICTURE, 3), 0, 255, np.uint8)
    return Env(lambda key: (), reset, step, space, Discrete(ACTIONS))


def test_it_learns_where_a_bar_stands():
    """After 150 updates nearly all of 1 is earned, before them what chance gives."""
    regime = Regime(
        4, updates=30, batch_size=32, capacity=256, learning_starts=64, tau=0.05, eval_envs=64,
        eval_steps=1,
    )  # fmt: skip
    epsilon = optax.constant_schedule(0.5)
    tx, views = optax.adam(1e-2), crop_views(SIDE)
    learner = curl_dqn(lights(), ENCODER, NET, tx, regime, views, epsilon=epsilon)
    state = jax.jit(learner.init)(jax.random.key(0))
    score = jax.jit(learner.evaluate)
    assert float(score(jax.random.key(9), state)["episode_return"]) < 0.6
    step = jax.jit(learner.step)
    for i in range(5):
        state, metrics = step(jax.random.key(i), state, ())
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(metrics))
    ring = state.actors.replay.ring.steps
    assert ring.obs.dtype == np.uint8 and ring.action.dtype == np.int32
    assert float(score(jax.random.key(9), state)["episode_return"]) > 0.9


@pytest.mark.slow
def test_devices_change_nothing_and_a_run_that_was_cut_ends_with_the_same_bits(tmp_path):
    regime = Regime(
        8, updates=2, batch_size=16, capacity=256, learning_starts=64, eval_envs=8, eval_steps=1
    )
    epsilon = optax.constant_schedule(0.5)
    parts = ENCODER, NET, optax.sgd(0.1), regime, crop_views(SIDE)
    learner = curl_dqn(lights(), *parts, epsilon=epsilon)
    settings = {"steps_per_call": 1, "horizon": 2}
    one, four = (fit(learner, (), Run(steps=2, devices=d, **settings)) for d in (1, 4))
    for x, y in zip(jax.tree.leaves(one[0].params), jax.tree.leaves(four[0].params), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-5)
    for steps in (1, 2):
        run = Run(steps=steps, devices=1, workdir=str(tmp_path / "run"), **settings)
        cut = fit(learner, (), run)[1]
    assert cut["fingerprint"] == one[1]["fingerprint"]


ARMS = {
    "CURL": {},
    "RAD": {"contrast": False},
    "DQN from pixels": {"contrast": False, "crop": False},
    "DrQ": {"contrast": False, "target_views": 2, "update_views": 2},
    "planes": {"states": True},
}


@pytest.mark.parametrize("arm", ARMS)
def test_arms_are_those_of_real_actions(arm):
    """What each has and sees, by its shapes; nothing is compiled."""
    pytest.importorskip("gymnax")
    game = {"env": "gymnax/Breakout-MinAtar", "picture": 32, "side": 28}
    system = launch_file.build(configure("curl", launch_file.PRESETS, "smoke", game | ARMS[arm]))
    assert system.action_repeat == 1
    state = jax.eval_shape(system.learner.init, jax.random.key(0))
    frames = state.actors.replay.ring.steps.obs
    sees_pictures = arm != "planes"
    assert frames.shape[2:] == ((32, 32, 3) if sees_pictures else (10, 10, 4))
    assert frames.dtype == (np.uint8 if sees_pictures else np.float32)
    assert jax.tree.leaves(state.params.encoder["convolutions"])
    assert (state.params.contrast != ()) == (arm == "CURL")
    assert state.params.actor == () and state.params.log_alpha == ()
    after, metrics = jax.eval_shape(system.learner.step, jax.random.key(0), state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert ("contrast_loss" in metrics) == (arm == "CURL")
    inputs = {name: jax.tree.map(lambda x: x, x) for name, x in system.deployment.inputs.items()}
    rows = jax.tree.map(lambda x: jax.ShapeDtypeStruct((2, *x.shape), x.dtype), inputs)
    weights = jax.eval_shape(system.deployment.weights, state)
    outputs = jax.eval_shape(system.deployment.apply, weights, rows)
    assert outputs["q"].shape == (2, 3) and outputs["action"].dtype == np.int32


def test_whole_views_leave_boards_as_they_are():
    pytest.importorskip("gymnax")
    made = sight.make_sight("gymnax/Breakout-MinAtar", picture=32, side=28, states=True)
    assert made.frames == Frames(1) and made.side == 0
    obs = jnp.arange(8.0)
    assert (whole_views().drawn(jax.random.key(0), obs) == obs).all()
