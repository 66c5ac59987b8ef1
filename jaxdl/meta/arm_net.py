"""A net for bandits that treats all arms alike, and so plays bandits of any number of them.

Each arm has a memory of its own, and all memories share one recurrent cell; an arm is told when it
was pulled and what it paid, and the mean of all memories (Zaheer et al. 2017, "Deep sets", eq. 4).
Reordering the arms reorders the policy and leaves the value as it is. Nothing in the parameters
tells how many arms there are.
"""

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, Discrete, Space
from jaxdl.nn import ActorCritic
from jaxdl.nn.distributions import action_distribution
from jaxdl.nn.mlp import Affine, Layer, dense, initial

SHOWN = 2  # numbers that an arm is shown: whether it was pulled last, and what it paid


def arm_net(
    obs_space: Space, action_space: Space, *, width: int = 32, affine: Affine = dense
) -> ActorCritic:
    """Makes a policy and a value for the trials of a bandit.

    Args:
      obs_space: of `trial(bandit(arms=k), n)`, [k + 3].
      action_space: k arms.
      width: H, of an arm's memory; the carry is [E, k, H].
      affine: applies the layers that read no memory.

    Raises:
      BadInput: the spaces are not those of a bandit's trials.
    """
    is_bandit = isinstance(action_space, Discrete) and isinstance(obs_space, Box)
    if not is_bandit or obs_space.shape != (action_space.n + 3,):
        raise BadInput("a net with a memory for each arm needs the trials of a bandit")
    arms = action_space.n
    distribution = action_distribution(action_space)
    plan = {
        "inputs": Layer(SHOWN, 3 * width),
        "carried": Layer(width, 3 * width),
        "pooled": Layer(width, 3 * width),
        "policy": [Layer(2 * width, width), Layer(width, 1, scale=0.01)],
        "value": [Layer(width, width), Layer(width, 1)],
    }

    def shown(obs):
        """What each arm is shown, [T, E, k + 3] -> [T, E, k, 2]."""
        pulled = obs[..., 1 : 1 + arms]
        paid = pulled * obs[..., 1 + arms : 2 + arms]
        return jnp.stack([pulled, paid], axis=-1)

    def unroll(params, carry, obs, first):
        def step(carry, xs):
            """Gated recurrent units as in `jaxdl.nn.gru`, with the pooled memories beside."""
            inputs, first = xs
            carry = jnp.where(first[:, None, None], 0.0, carry)
            pooled = jnp.mean(carry, axis=1, keepdims=True)
            inputs = inputs + dense(params["pooled"], pooled)
            reset_x, update_x, new_x = jnp.split(inputs, 3, axis=-1)
            reset_h, update_h, new_h = jnp.split(dense(params["carried"], carry), 3, axis=-1)
            reset = jax.nn.sigmoid(reset_x + reset_h)
            update = jax.nn.sigmoid(update_x + update_h)
            carry = (1 - update) * jnp.tanh(new_x + reset * new_h) + update * carry
            return carry, carry

        inputs = affine(params["inputs"], shown(obs))  # [T, E, k, 3 H]
        carry, memories = jax.lax.scan(step, carry, (inputs, first))
        pooled = jnp.mean(memories, axis=-2)  # [T, E, H]
        others = jnp.broadcast_to(pooled[..., None, :], memories.shape)
        read = jnp.concatenate([memories, others], axis=-1)
        logits = _answer(params["policy"], read, affine)
        value = _answer(params["value"], pooled, affine)
        return carry, distribution.to_policy(logits, jnp.zeros(0)), value

    def step(params, carry, obs, first):
        carry, policy, value = unroll(params, carry, obs[None], first[None])
        return carry, policy[0], value[0]

    return ActorCritic(
        lambda key: initial(key, plan),
        lambda num_envs: jnp.zeros((num_envs, arms, width)),
        step,
        unroll,
        distribution,
    )


def _answer(layers: list, x: jax.Array, affine: Affine) -> jax.Array:
    """One number from features, [..., D] -> [...]."""
    hidden, last = layers
    return affine(last, jnp.tanh(affine(hidden, x)))[..., 0]
