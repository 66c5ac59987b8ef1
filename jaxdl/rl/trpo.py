"""Trust region policy optimization: Schulman et al. 2015, with the advantages of 2016.

Runs the policy for T steps in each of E worlds, takes one natural-gradient step that is shortened
until the policy has changed by at most delta and the surrogate has improved, then fits the value
function; and begins again.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import Env, vectorize
from jaxdl.losses.policy import surrogate, value_loss
from jaxdl.nn import ActorCritic, Distribution
from jaxdl.ops.linear import conjugate_gradient
from jaxdl.rl.evaluation import policy_evaluation
from jaxdl.rl.experience import Practiced, practice, start_practice
from jaxdl.rl.minibatches import Batch, plan_minibatches
from jaxdl.rl.partition import exclude, join, read_by_policy, select
from jaxdl.rl.ppo import improve
from jaxdl.rl.trust_region import fisher_product, scale_to_region

Measure = Callable[[Any], tuple[jax.Array, jax.Array]]  # params -> KL, improvement


class Trial(NamedTuple):
    """The state of a line search, and its outcome.

    Attributes:
      number: int32 scalar, trials so far.
      fraction: float32 scalar, of the whole step, in the last trial.
      kl: float32 scalar, measured there.
      improvement: float32 scalar, measured there.
      is_accepted: bool scalar.
    """

    number: jax.Array
    fraction: jax.Array
    kl: jax.Array
    improvement: jax.Array
    is_accepted: jax.Array


Search = Callable[[Measure, Any, Any], tuple[Any, Trial]]  # measure, params, step -> params, trial


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
      BadInput: the minibatches divide neither the time axis nor the worlds, or the policy reads all
        parameters of the net.
    """
    worlds = vectorize(env, num_envs)
    plan = plan_minibatches(net, num_envs, unroll, minibatches, microbatches)
    is_policy = read_by_policy(net, env.obs_space)
    if all(jax.tree.leaves(is_policy)):
        raise BadInput(
            "the policy reads all parameters of the net, and the trust region leaves none to fit "
            "values by: give the value a trunk of its own, such as actor_critic(..., shared=False)"
        )
    search = take_step
    if line_search:
        search = partial(search_line, max_kl=max_kl, backtracks=backtracks, shrink=shrink)

    def init(key):
        params, actors, statistics = start_practice(key, worlds, net, normalize_observations)
        opt_state = tx.init(exclude(is_policy, params))
        return TrainState(params, opt_state, actors, Practiced(statistics))

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
        actor, critic = select(is_policy, state.params), exclude(is_policy, state.params)

        def policy_of(actor, part):
            return net.unroll(join(actor, critic), part.carry, part.obs, part.first)[1]

        actor, policy_metrics = improve_policy(
            policy_of,
            net.distribution,
            search,
            actor,
            merge_leading(plan.divide(policy_key, batch)),
            max_kl=max_kl,
            damping=damping,
            solver_iterations=solver_iterations,
            fisher_share=fisher_share,
        )

        def loss(critic, part):
            values = net.unroll(join(actor, critic), part.carry, part.obs, part.first)[2]
            loss = value_loss(values, part.target)
            return loss, {"loss": loss}

        # The policy's parameters are held fast, or the fit would move it out of its region.
        fit = partial(improve, epochs=epochs, normalize_advantages=False, stop_kl=None)
        targets = batch._replace(policy=(), action=(), logp=())
        state = state._replace(params=critic)
        state, fit_metrics = fit(value_key, loss, tx, plan, state, targets)
        metrics |= policy_metrics | {f"value_{name}": x for name, x in fit_metrics.items()}
        return state._replace(params=join(actor, state.params)), metrics

    evaluate = policy_evaluation(env, net, eval_envs, eval_steps, eval_sampled)
    return Learner(init, step, evaluate)


def improve_policy(
    policy_of: Callable[[Any, Batch], Any],
    distribution: Distribution,
    search: Search,
    actor: Any,
    parts: Batch,
    *,
    max_kl: float,
    damping: float,
    solver_iterations: int,
    fisher_share: float,
) -> tuple[Any, Metrics]:
    """Maximizes the surrogate within the region once: Schulman et al. 2015, eq. 14 and appendix C.

    Args:
      policy_of: actor, part -> policy [T, E, ...].
      distribution: its family.
      search: how much of the step is taken.
      actor: the parameters that the policy reads.
      parts: leaves [P, T, E, ...], advantages of mean 0 and standard deviation 1.
      max_kl: delta.
      damping: added to the diagonal of the Fisher matrix.
      solver_iterations: of conjugate gradients.
      fisher_share: of the parts that the Fisher matrix is a mean over.

    Returns:
      The parameters, and metrics.
    """

    def loss(actor, part):
        logp = distribution.logp(policy_of(actor, part), part.action)
        return surrogate(logp, part.logp, part.adv)

    def measure(actor):
        def measure_part(part):
            policy = policy_of(actor, part)
            log_ratio = distribution.logp(policy, part.action) - part.logp
            gain = jnp.expm1(log_ratio) * part.adv  # beyond a ratio of 1, which loses no digits
            return jnp.mean(distribution.kl(part.policy, policy)), jnp.mean(gain)

        return mean_over_parts(measure_part, parts)

    def policy_of_some(actor):
        return jax.vmap(partial(policy_of, actor))(some)

    gradient = mean_over_parts(partial(jax.grad(loss), actor), parts)
    ascent = jax.tree.map(jnp.negative, gradient)
    number = max(math.ceil(fisher_share * parts.adv.shape[0]), 1)
    some = jax.tree.map(lambda x: x[:number], parts)
    product = fisher_product(policy_of_some, distribution.kl, actor)
    direction = conjugate_gradient(product, ascent, iterations=solver_iterations, damping=damping)
    whole_step = scale_to_region(direction, ascent, max_kl=max_kl)
    actor, trial = search(measure, actor, whole_step)
    return actor, {
        **measured(trial),
        "entropy": jnp.mean(distribution.entropy(parts.policy)),
        "policy_gradient_norm": optax.tree.norm(gradient),
        "policy_step_norm": trial.fraction * optax.tree.norm(whole_step),
    }


def measured(trial: Trial) -> Metrics:
    """Returns what a line search has found, as metrics."""
    found: Metrics = {"kl": trial.kl, "improvement": trial.improvement}
    return found | {"step_fraction": trial.fraction, "accepted": jnp.float32(trial.is_accepted)}


def search_line(
    measure: Measure, params: Any, step: Any, *, max_kl: float, backtracks: int, shrink: float
) -> tuple[Any, Trial]:
    """Shortens a step until it improves and stays in the region: Schulman et al. 2015, app. C.

    Args:
      measure: of parameters to try.
      params: where the step begins.
      step: of the same structure.
      max_kl: delta; what is accepted has at most this KL.
      backtracks: trials after the one of the whole step.
      shrink: factor on the step from one trial to the next.

    Returns:
      The parameters, those given where no trial is accepted; and the last trial. Where none is
      accepted its fraction, KL and improvement are 0, which is what staying means.
    """

    def attempt(trial):
        fraction = jnp.float32(shrink) ** trial.number
        kl, improvement = measure(move(params, step, fraction))
        is_accepted = (kl <= max_kl) & (improvement > 0)  # never where one of them is NaN
        return Trial(trial.number + 1, fraction, kl, improvement, is_accepted)

    def goes_on(trial):
        return ~trial.is_accepted & (trial.number <= backtracks)

    zero = jnp.float32(0.0)
    start = Trial(jnp.int32(0), zero, zero, zero, jnp.bool_(False))
    end = jax.lax.while_loop(goes_on, attempt, start)
    moved = move(params, step, end.fraction)
    params = jax.tree.map(lambda x, y: jnp.where(end.is_accepted, x, y), moved, params)
    measured = (jnp.where(end.is_accepted, x, 0.0) for x in (end.fraction, end.kl, end.improvement))
    return params, Trial(end.number, *measured, end.is_accepted)


def take_step(measure: Measure, params: Any, step: Any) -> tuple[Any, Trial]:
    """Takes the whole step, whatever comes of it: the natural gradient of Kakade 2002."""
    params = move(params, step, jnp.float32(1.0))
    kl, improvement = measure(params)
    return params, Trial(jnp.int32(1), jnp.float32(1.0), kl, improvement, jnp.bool_(True))


def move(params: Any, step: Any, fraction: jax.Array) -> Any:
    """Returns params + fraction * step."""
    return jax.tree.map(lambda x, s: x + fraction * s, params, step)


def standardize(adv: jax.Array) -> jax.Array:
    """Shifts and scales advantages [T, E] to mean 0 and standard deviation 1."""
    return (adv - jnp.mean(adv)) / (jnp.std(adv) + 1e-8)


def merge_leading(minibatches: Batch) -> Batch:
    """Lines up the microbatches of all minibatches: leaves [M, m, ...] -> [M m, ...]."""
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), minibatches)


def mean_over_parts(function: Any, parts: Batch) -> Any:
    """Averages what a function makes of each part, leaves [P, ...], one after the other."""
    return jax.tree.map(partial(jnp.mean, axis=0), jax.lax.map(function, parts))
