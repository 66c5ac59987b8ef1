"""A2C: its loss by hand, its step beside PPO's, its entropy bonus."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.envs import Discrete, make
from jaxdl.nn import actor_critic
from jaxdl.nn.distributions import action_distribution
from jaxdl.rl import a2c, ppo
from jaxdl.rl.a2c import a2c_loss
from jaxdl.rl.minibatches import Batch

SIZES = {"num_envs": 4, "unroll": 6}


def stepped(learner):
    @jax.jit
    def run(key):
        init_key, step_key = jax.random.split(key)
        return learner.step(step_key, learner.init(init_key), ())

    return run(jax.random.key(0))


def test_a_step_is_that_of_ppo_with_one_epoch_of_one_minibatch():
    env = make("bandit:arms=2")
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent="lstm")
    settings = SIZES | {"discount": 0.9, "gae_lambda": 1.0, "entropy_coef": 0.02}
    plain = {"epochs": 1, "minibatches": 1, "objective": "none", "normalize_advantages": False}
    tx = optax.sgd(0.1)
    # The keys of PPO's worlds are the first half of its step's key.
    collect_key = lambda key: jax.random.split(key)[0]  # noqa: E731
    one = a2c(env, net, tx, **settings)
    one = one._replace(
        step=lambda key, state, batch, step=one.step: step(collect_key(key), state, batch)
    )
    (ours, found), (theirs, expected) = (
        stepped(learner) for learner in (one, ppo(env, net, tx, **settings, **plain))
    )
    for x, y in zip(jax.tree.leaves(ours.params), jax.tree.leaves(theirs.params), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-6)
    np.testing.assert_allclose(found["value_loss"], expected["value_loss"], rtol=1e-5)


def test_the_loss_and_its_gradient_by_hand():
    """A net whose parameters are the logits and the value themselves, beside NumPy in float64."""
    rng = np.random.default_rng(0)
    logits, value, adv, target = (rng.normal(size=s) for s in ((3, 2, 4), (3, 2), (3, 2), (3, 2)))
    action = rng.integers(0, 4, (3, 2))
    distribution = action_distribution(Discrete(4))
    net = actor_critic(make("cartpole").obs_space, Discrete(4))._replace(
        unroll=lambda params, carry, obs, first: (carry, *params), distribution=distribution
    )
    batch = Batch(
        (), (), (), jnp.asarray(action), (), (), (), jnp.asarray(adv), jnp.asarray(target)
    )
    loss = lambda params: a2c_loss(params, batch, net=net, value_coef=0.3, entropy_coef=0.1)[0]  # noqa: E731
    found, (of_logits, of_value) = jax.value_and_grad(loss)(
        (jnp.asarray(logits), jnp.asarray(value))
    )

    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    hot = np.eye(4)[action]
    entropy = -(p * np.log(p)).sum(-1)
    parts = -adv * np.log((p * hot).sum(-1)) + 0.15 * (value - target) ** 2 - 0.1 * entropy
    np.testing.assert_allclose(found, parts.mean(), rtol=1e-5)
    of_entropy = -p * (np.log(p) + entropy[..., None])
    expected = (adv[..., None] * (p - hot) - 0.1 * of_entropy) / 6
    np.testing.assert_allclose(of_logits, expected, atol=1e-6)
    np.testing.assert_allclose(of_value, 0.3 * (value - target) / 6, atol=1e-6)


def test_the_weight_of_the_entropy_follows_its_schedule():
    env = make("bandit:arms=2")
    net = actor_critic(env.obs_space, env.action_space, hidden=(4,))
    schedule = optax.linear_schedule(1.0, 0.0, 4)
    learner = a2c(env, net, optax.sgd(0.0), **SIZES, entropy_coef=schedule)
    key = jax.random.key(0)

    def step(state, key):
        state, metrics = learner.step(key, state, ())
        return state, metrics["entropy_coef"]

    run = jax.jit(lambda: jax.lax.scan(step, learner.init(key), jax.random.split(key, 6)))
    state, weights = run()
    np.testing.assert_allclose(weights, [1, 0.75, 0.5, 0.25, 0, 0], atol=1e-6)
    assert int(state.extra.updates) == 6
