"""Trust region policy optimization: Schulman et al. 2015, with the advantages of 2016.

Runs the policy for T steps in each of E worlds, takes one natural-gradient step that is shortened
until the policy has changed by at most delta and the surrogate has improved, then fits the value
function; and begins again.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, vectorize
from jaxdl.losses.policy import surrogate, value_loss
from jaxdl.nn import ActorCritic
from jaxdl.ops.linear import conjugate_gradient
from jaxdl.ops.statistics import Statistics
from jaxdl.rl.descent import improve
from jaxdl.rl.evaluation import policy_evaluation
from jaxdl.rl.experience import practice, start_practice
from jaxdl.rl.minibatches import Batch, plan_minibatches
from jaxdl.rl.partition import exclude, join, read_by_policy, select
from jaxdl.rl.trust_region import fisher_product, scale_to_region, search_line, take_step


class Extra(NamedTuple):
    """What is adapted besides the parameters.

    Attributes:
      obs_statistics: of the observations; () unless they are normalized.
    """

    obs_statistics: Statistics | tuple[()]


def trpo(
    env: Env,
    net: ActorCritic,
    tx: optax.GradientTransformation,
    *,
    num_envs: int,
    unroll: int,
    max_kl: float = 0.01,
    damping: float = 0.1,
    solver_iterations: int = 10,
    fisher_share: float = 0.1,
    line_search: bool = True,
    backtracks: int = 10,
    shrink: float = 0.5,
    epochs: int = 4,
    minibatches: int = 4,
    microbatches: int = 1,
    discount: float = 0.99,
    gae_lambda: float = 0.95,
    value_lambda: float | None = None,
    normalize_observations: bool = False,
    eval_envs: int = 128,
    eval_steps: int = 1000,
    eval_sampled: int = 0,
) -> Learner:
    """Makes TRPO with generalized advantage estimates, for feed-forward and recurrent nets.

    All that the policy reads is moved by the trust region alone, so that no step leaves it. The
    value function is fitted afterwards, by the parameters that it alone reads: all of its trunk
    where it has one of its own, its head where the trunk is shared.

    Args:
      env: the family of worlds; every episode draws its task anew.
      net: policy and value. `actor_critic(..., shared=False)` gives recurrent nets and nets for
        pictures a trunk each, with which values are learned better.
      tx: the optimizer of the value function; it sees the value's own parameters, None elsewhere.
      num_envs: E, worlds side by side.
      unroll: T, steps in each world between two updates.
      max_kl: delta, the largest mean KL(old policy || new policy) in nats.
      damping: added to the diagonal of the Fisher matrix.
      solver_iterations: of conjugate gradients.
      fisher_share: of the steps that the Fisher matrix is a mean over, rounded up to microbatches.
      line_search: whether a step is shortened until KL and surrogate are measured to be right.
        False takes the whole step as it comes, the natural gradient.
      backtracks: how often a step is shortened before none is taken.
      shrink: factor on the step each time.
      epochs: of the value function, passes over the T E steps.
      minibatches: its optimizer steps in a pass, cut as in PPO.
      microbatches: parts of a minibatch that are computed one after the other, likewise.
      discount: gamma.
      gae_lambda: lambda of the advantages.
      value_lambda: lambda of the value's targets; None is the same, 1 is that of Schulman et al.
        2016, eq. 28.
      normalize_observations: real ones, by mean and deviation of all before the update.
      eval_envs: fresh worlds, in each of which `evaluate` plays one episode without exploring.
      eval_steps: the longest episode there.
      eval_sampled: fresh worlds in which `evaluate` plays one episode with sampled actions too.

    Returns:
      A learner that makes its own data; its `batch` is ().

    Raises:
      BadInput: the minibatches divide neither the time axis nor the worlds, there is a single step
        to normalize advantages by, or the policy reads all parameters of the value.
    """
    worlds = vectorize(env, num_envs)
    plan = plan_minibatches(net, num_envs, unroll, minibatches, microbatches)
    fisher_parts = min(
        max(round(fisher_share * minibatches * microbatches), 1), minibatches * microbatches
    )
    is_policy = read_by_policy(net, env.obs_space)
    if all(jax.tree.leaves(is_policy)):
        raise BadInput(
            "the policy reads all parameters of the net, and the trust region leaves none to fit "
            "values by: give the value a trunk of its own, such as actor_critic(..., shared=False)"
        )
    if num_envs * unroll == 1:
        raise BadInput("a single step, num_envs=1 and unroll=1, has no deviation of advantages")

    def init(key):
        params, actors, statistics = start_practice(
            key, worlds, net, normalize_observations=normalize_observations
        )
        return TrainState(params, tx.init(exclude(is_policy, params)), actors, Extra(statistics))

    def improve_policy(key, params, batch):
        """Maximizes the surrogate under the constraint: Schulman et al. 2015, eq. 14."""
        actor, rest = select(is_policy, params), exclude(is_policy, params)
        parts = merge_leading(plan.divide(key, batch))  # leaves [P, ...]

        def policy_of(actor, part):
            return net.unroll(join(actor, rest), part.carry, part.obs, part.first)[1]

        def loss(actor, part):
            logp = net.distribution.logp(policy_of(actor, part), part.action)
            return surrogate(logp, part.logp, part.adv)

        def measure(actor):
            def measure_part(part):
                policy = policy_of(actor, part)
                log_ratio = net.distribution.logp(policy, part.action) - part.logp
                kl = net.distribution.kl(part.policy, policy)
                return jnp.mean(kl), jnp.mean(jnp.expm1(log_ratio) * part.adv)

            return mean_over_parts(measure_part, parts)

        gradient = mean_over_parts(partial(jax.grad(loss), actor), parts)
        gradient = jax.tree.map(jnp.negative, gradient)
        some = jax.tree.map(lambda x: x[:fisher_parts], parts)
        product = fisher_product(
            lambda actor: jax.vmap(partial(policy_of, actor))(some), net.distribution.kl, actor
        )
        direction = conjugate_gradient(
            product, gradient, iterations=solver_iterations, damping=damping
        )
        whole_step = scale_to_region(direction, gradient, max_kl=max_kl)
        if line_search:
            actor, trial = search_line(
                measure, actor, whole_step, max_kl=max_kl, backtracks=backtracks, shrink=shrink
            )
        else:
            actor, trial = take_step(measure, actor, whole_step)
        metrics: Metrics = {
            "kl": trial.kl,
            "improvement": trial.improvement,
            "step_fraction": trial.fraction,
            "accepted": jnp.float32(trial.is_accepted),
            "entropy": jnp.mean(net.distribution.entropy(batch.policy)),
            "policy_gradient_norm": optax.tree.norm(gradient),
            "policy_step_norm": trial.fraction * optax.tree.norm(whole_step),
        }
        return join(actor, rest), metrics

    def fit_value(key, state, batch):
        """Regresses values on their targets, with all that the policy reads held fast."""
        actor = select(is_policy, state.params)

        def loss(critic, part):
            params = join(actor, critic)
            values = net.unroll(params, part.carry, part.obs, part.first)[2]
            loss = value_loss(values, part.target)
            return loss, {"loss": loss}

        critic = state._replace(params=exclude(is_policy, state.params))
        critic, metrics = improve(
            key,
            loss,
            tx,
            plan,
            critic,
            batch,
            epochs=epochs,
            normalize_advantages=False,
            stop_kl=None,
        )
        return critic._replace(params=join(actor, critic.params)), {
            f"value_{name}": metric for name, metric in metrics.items()
        }

    def step(key, state, batch):
        collect_key, policy_key, value_key = jax.random.split(key, 3)
        state, batch, metrics = practice(
            collect_key,
            state,
            worlds,
            net,
            unroll=unroll,
            discount=discount,
            gae_lambda=gae_lambda,
            value_lambda=value_lambda,
        )
        batch = batch._replace(adv=standardize(batch.adv), value=())
        params, policy_metrics = improve_policy(policy_key, state.params, batch)
        batch = batch._replace(policy=(), action=(), logp=())
        state, value_metrics = fit_value(value_key, state._replace(params=params), batch)
        return state, metrics | policy_metrics | value_metrics

    evaluate = policy_evaluation(env, net, eval_envs, eval_steps, eval_sampled)
    return Learner(init, step, evaluate)


def standardize(adv: jax.Array) -> jax.Array:
    """Shifts and scales advantages [T, E] to mean 0 and standard deviation 1."""
    return (adv - jnp.mean(adv)) / (jnp.std(adv) + 1e-8)


def merge_leading(minibatches: Batch) -> Batch:
    """Lines up the microbatches of all minibatches: leaves [M, m, ...] -> [M m, ...]."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), minibatches)


def mean_over_parts(function: Any, parts: Batch) -> Any:
    """Averages what a function makes of each part, leaves [P, ...], one after the other."""
    return jax.tree.map(partial(jnp.mean, axis=0), jax.lax.map(function, parts))
