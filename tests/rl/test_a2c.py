"""A2C: its step beside the gradient of algorithm S3, its entropy bonus."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl.envs import make, vectorize
from jaxdl.nn import actor_critic
from jaxdl.rl import a2c
from jaxdl.rl.experience import practice

SIZES = {"num_envs": 4, "unroll": 6}


def test_a_step_is_plain_descent_along_the_gradient_of_a3c():
    """What was played is played again with the same keys, and differentiated as in algorithm S3."""
    env = make("bandit:arms=2")
    net = actor_critic(env.obs_space, env.action_space, hidden=(8,), recurrent="lstm")
    learner = a2c(env, net, optax.sgd(0.1), **SIZES, discount=0.9, entropy_coef=0.02)
    state = learner.init(jax.random.key(0))
    key = jax.random.key(1)

    def loss(params, batch):
        _, logits, value = net.unroll(params, batch.carry, batch.obs, batch.first)
        logp = jax.nn.log_softmax(logits)
        chosen = jnp.take_along_axis(logp, batch.action[..., None], -1)[..., 0]
        entropy = -jnp.sum(jnp.exp(logp) * logp, -1)
        critic = 0.25 * (value - batch.target) ** 2  # half of half the squared error
        return jnp.mean(-chosen * batch.adv + critic - 0.02 * entropy)

    @jax.jit
    def both(state):
        after, _ = learner.step(key, state, ())
        inner = state._replace(extra=state.extra.inner)
        sizes = {"unroll": 6, "discount": 0.9, "gae_lambda": 1.0}
        worlds = vectorize(env, 4)
        _, batch, _ = practice(jax.random.split(key)[0], inner, worlds, net, **sizes)
        slope = jax.grad(loss)(state.params, batch)
        return after, jax.tree.map(lambda x, d: x - 0.1 * d, state.params, slope), batch.adv

    after, expected, adv = both(state)
    close = partial(np.testing.assert_allclose, atol=1e-6)
    jax.tree.map(close, after.params, expected)
    assert np.std(adv) > 0.1 and int(after.extra.updates) == 1


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
