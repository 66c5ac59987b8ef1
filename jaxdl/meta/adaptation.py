"""Episodes of one task, what they were worth, and the policy's steps by them."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput
from jaxdl.envs import Env
from jaxdl.envs.spaces import Space, flatten
from jaxdl.losses.policy import likelihood_surrogate, loaded_dice
from jaxdl.nn import PolicyNet
from jaxdl.ops.returns import gae

RIDGE = 1e-5  # of the baseline's fit, as a share of a step's weight


class Episodes(NamedTuple):
    """N episodes of one task, T steps each; every leaf is [T, N, ...].

    Attributes:
      obs: what was acted upon.
      action: raw, in the sense of `Distribution`.
      policy: that the action was drawn from.
      logp: float32, of the action.
      reward: float32; 0 after the episode's end.
      is_on: bool; the step is part of the episode.
    """

    obs: Any
    action: Any
    policy: Any
    logp: jax.Array
    reward: jax.Array
    is_on: jax.Array


class Judged(NamedTuple):
    """Episodes, and what their steps were worth.

    Attributes:
      episodes: leaves [T, N, ...].
      adv: [T, N] advantages; 0 after the episode's end.
    """

    episodes: Episodes
    adv: jax.Array


Judge = Callable[[Episodes], jax.Array]  # -> advantages [T, N]
Loss = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]  # logp, old logp, adv -> scalar


def play(
    keys: jax.Array,
    env: Env,
    net: PolicyNet,
    params: Any,
    task: Any,
) -> Episodes:
    """Plays N episodes of one task by actions drawn from the policy, each cut after T steps.

    Args:
      keys: [T + 1, N + 1], of all chance: in each step of N worlds and, last, of the actions; the
        first row is that of the N resets. Whoever splits them all at once compiles in less time.
      env: the family of worlds.
      net: the policy.
      params: its parameters.
      task: of all the episodes.
    """
    state, obs = jax.vmap(env.reset, (0, None))(keys[0, :-1], task)

    def step(now, keys):
        state, obs, is_on = now
        policy = net.apply(params, obs)
        action = net.distribution.sample(keys[-1], policy)
        moved = jax.vmap(env.step, (0, 0, 0, None))
        state, out = moved(keys[:-1], state, net.distribution.to_env(action), task)
        logp = net.distribution.logp(policy, action)
        reward = jnp.where(is_on, out.reward, 0.0)
        goes_on = is_on & ~(out.terminated | out.truncated)
        return (state, out.obs, goes_on), Episodes(obs, action, policy, logp, reward, is_on)

    start = (state, obs, jnp.ones(keys.shape[1] - 1, bool))
    return jax.lax.scan(step, start, keys[1:])[1]


def make_judge(
    obs_space: Space,
    *,
    baseline: Literal["linear", "none"] = "linear",
    discount: float = 0.99,
    gae_lambda: float = 1.0,
) -> Judge:
    """Makes the function that tells what the steps of episodes of one task were worth.

    Advantages are shifted and scaled to mean 0 and deviation 1 over the steps of the task.

    Args:
      obs_space: of one world.
      baseline: fitted to the task's own returns anew each time, or 0.
      discount: gamma.
      gae_lambda: lambda; 1 is the return less the baseline.

    Raises:
      BadInput: another baseline.
    """
    if baseline not in ("linear", "none"):
        raise BadInput(f"baseline={baseline!r} should be linear or none")

    def judge(episodes):
        values = jnp.zeros_like(episodes.reward)
        if baseline == "linear":
            returns = sum_rewards(episodes.reward, discount=discount)
            values = fit_linear(features(obs_space, episodes), returns, episodes.is_on)
        is_last = jnp.append(~episodes.is_on[1:], jnp.ones_like(episodes.is_on[:1]), axis=0)
        adv, _ = gae(
            episodes.reward,
            values,
            jnp.append(values[1:], values[:1], axis=0),  # nothing is read beyond the last step
            is_last,
            jnp.zeros_like(is_last),
            discount=discount,
            gae_lambda=gae_lambda,
        )
        return standardize(adv, episodes.is_on)

    return judge


def sum_rewards(rewards: jax.Array, *, discount: float) -> jax.Array:
    """Returns the discounted return [T, N] from every step of rewards [T, N] on."""

    def step(following, reward):
        total = reward + discount * following
        return total, total

    return jax.lax.scan(step, jnp.zeros_like(rewards[0]), rewards, reverse=True)[1]


def features(obs_space: Space, episodes: Episodes) -> jax.Array:
    """Returns the features [T, N, F] of Duan et al. 2016 (arXiv 1604.06778).

    They are the observation within +-10, its square, the time with its square and cube, and 1.
    """
    obs = jnp.clip(flatten(obs_space, episodes.obs), -10.0, 10.0)
    length = obs.shape[0]
    time = jnp.broadcast_to((jnp.arange(length) / 100.0)[:, None, None], (*obs.shape[:2], 1))
    parts = [obs, obs**2, time, time**2, time**3, jnp.ones_like(time)]
    return jnp.concatenate(parts, axis=-1)


def fit_linear(features: jax.Array, targets: jax.Array, mask: jax.Array) -> jax.Array:
    """Returns what least squares of linear features say of targets, 0 where nothing counts.

    Args:
      features: [T, N, F].
      targets: [T, N].
      mask: [T, N] bool; the steps that count.
    """
    known = jnp.where(mask[..., None], features, 0.0)
    number = jnp.sum(mask)
    square = jnp.einsum("tnf,tng->fg", known, known) / number
    product = jnp.einsum("tnf,tn->f", known, targets) / number
    ridge = RIDGE * jnp.eye(square.shape[0])
    weights = jax.scipy.linalg.solve(square + ridge, product, assume_a="pos")
    return known @ weights


def standardize(adv: jax.Array, mask: jax.Array) -> jax.Array:
    """Shifts and scales advantages [T, N] to mean 0 and deviation 1 where the mask holds."""
    mean = jnp.mean(adv, where=mask)
    deviation = jnp.sqrt(jnp.mean((adv - mean) ** 2, where=mask))
    return jnp.where(mask, (adv - mean) / (deviation + 1e-8), 0.0)


def make_loss(surrogate: Literal["dice", "likelihood"] = "dice", *, decay: float = 0.0) -> Loss:
    """Makes the loss of the inner step.

    Args:
      surrogate: "dice" differentiates through the sampling, "likelihood" (the authors') does not.
      decay: of `jaxdl.losses.loaded_dice`.

    Raises:
      BadInput: another surrogate.
    """
    if surrogate not in ("dice", "likelihood"):
        raise BadInput(f"surrogate={surrogate!r} should be dice or likelihood")
    if surrogate == "likelihood":
        return lambda logp, old_logp, adv: likelihood_surrogate(logp, adv)
    return lambda logp, old_logp, adv: loaded_dice(logp, old_logp, adv, decay=decay)


def adapt(
    net: PolicyNet,
    loss: Loss,
    params: Any,
    judged: Judged,
    *,
    inner_lr: float,
    order: Literal[1, 2] = 2,
) -> Any:
    """Takes one step of gradient descent by episodes of a task: Finn et al. 2017, section 3.2.

    The mean is over all T N steps that there could have been, so that it is the gradient of the
    return by 1 / T, however long episodes are.

    Args:
      net: the policy.
      loss: of the actions.
      params: where the step begins.
      judged: episodes, by the policy of the parameters or of others near it.
      inner_lr: alpha.
      order: of the derivatives that go through the step; 1 takes its gradient for a constant.

    Returns:
      The parameters after the step.
    """
    episodes = judged.episodes

    def loss_of(params):
        logp = net.distribution.logp(net.apply(params, episodes.obs), episodes.action)
        return loss(logp, episodes.logp, judged.adv)

    gradient = jax.grad(loss_of)(params)
    if order == 1:
        gradient = jax.lax.stop_gradient(gradient)
    return jax.tree.map(lambda x, g: x - inner_lr * g, params, gradient)
