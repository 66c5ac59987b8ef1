"""MAML for reinforcement learning: Finn et al. 2017, section 3.2, algorithm 3.

Looks for parameters from which one step of a policy gradient, by a few episodes of a new task,
makes a good policy for it. The inner step is `jaxdl.meta.adaptation.adapt`. The outer one is TRPO's
(Schulman et al. 2015): the surrogate, the divergence and its Fisher matrix are those of the
policies *after* the inner step, as functions of the parameters before it, so that all derivatives
go through the inner step, and with order = 2 through its gradient too.

What is differentiated through the sampling: the episodes before the step are drawn from the policy,
so their law changes with the parameters, and the Hessian of the inner loss has to tell how. With
`surrogate="dice", decay=1` it does so without bias (Foerster et al. 2018): the outer gradient is
that of J(theta + alpha grad J(theta)) in the limit of many episodes. decay = 0, the default, leaves
out products of different steps, which have most of the variance (Rothfuss et al. 2019).
"likelihood", the authors' own, takes the data as given. All three leave out that a *finite* number
of episodes makes the adapted parameters random (Stadie et al. 2018).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, Metrics, TrainState, finite
from jaxdl.core.mesh import spread
from jaxdl.envs import Env, check
from jaxdl.meta.adaptation import Episodes, Judged, adapt, make_judge, make_loss, play
from jaxdl.nn import PolicyNet
from jaxdl.ops.linear import conjugate_gradient
from jaxdl.rl.trpo import measured, search_line
from jaxdl.rl.trust_region import fisher_product, scale_to_region

# tasks [B], episodes [K + 1, B, T, N, ...] before each step and after the last -> arrays
Keep = Callable[[Any, Episodes], dict[str, jax.Array]]


class Lesson(NamedTuple):
    """What was seen of B tasks.

    Attributes:
      before: leaves [K, B, T, N, ...], the episodes that each of K inner steps was taken by.
      after: leaves [B, T, N, ...], those of the policy that came of it.
    """

    before: Judged
    after: Judged


def maml_rl(
    env: Env,
    net: PolicyNet,
    *,
    tasks: int = 40,
    episodes: int = 20,
    length: int = 100,
    inner_lr: float = 0.1,
    inner_steps: int = 1,
    order: Literal[1, 2] = 2,
    surrogate: Literal["dice", "likelihood"] = "dice",
    decay: float = 0.0,
    baseline: Literal["linear", "none"] = "linear",
    discount: float = 0.99,
    gae_lambda: float = 1.0,
    max_kl: float = 0.01,
    damping: float = 1e-5,
    solver_iterations: int = 10,
    backtracks: int = 15,
    shrink: float = 0.8,
    eval_tasks: int = 40,
    eval_updates: int = 3,
    keep: Keep = lambda tasks, episodes: {},
) -> Learner:
    """Makes MAML with a policy gradient within and TRPO outside.

    Args:
      env: the family of tasks.
      net: the policy.
      tasks: B, of an outer step.
      episodes: N, of each task before each inner step and after the last.
      length: T, steps of an episode, which is cut there.
      inner_lr: alpha.
      inner_steps: K; 0 trains one policy for all tasks, without a thought of what follows.
      order: of the derivatives that go through the inner steps; 1 is first-order MAML.
      surrogate: the inner loss, "dice" or "likelihood".
      decay: of loaded DiCE; 1 is unbiased in second order, 0 has the least variance.
      baseline: fitted to the returns of each task by linear features, or none.
      discount: gamma.
      gae_lambda: lambda of the advantages.
      max_kl: delta, the largest mean KL(old || new) of the policies after the inner steps, nats.
      damping: added to the diagonal of the Fisher matrix.
      solver_iterations: of conjugate gradients.
      backtracks: how often an outer step is shortened before none is taken.
      shrink: factor on the step each time.
      eval_tasks: fresh tasks that the evaluation adapts to.
      eval_updates: inner steps that it takes in each.
      keep: what the evaluation keeps of its episodes, for pictures.

    Returns:
      A learner that makes its own data; its `batch` is (). The metrics `return_before` and
      `return_after` are mean sums of rewards of an episode before the inner steps and after them.
      The evaluation reports `return_after_0` to `return_after_<eval_updates>`, and `gain`, that of
      the first step; all with actions drawn from the policy, N episodes of each task.
    """
    check(env)
    judge = make_judge(env.obs_space, baseline=baseline, discount=discount, gae_lambda=gae_lambda)
    move = partial(adapt, net, make_loss(surrogate, decay=decay), inner_lr=inner_lr, order=order)
    family = net.distribution

    def course(params, keys, task):
        """Plays and takes an inner step, as many times as there are rows of keys."""

        def play_and_move(params, keys):
            played = play(keys, env, net, params, task)
            judged = Judged(played, judge(played))
            adapted = move(params, judged)
            is_sound = finite(adapted)  # a policy without deviation takes endless steps
            return jax.tree.map(partial(jnp.where, is_sound), adapted, params), judged

        return jax.lax.scan(play_and_move, params, keys)[1]

    def take_courses(key, params, tasks, rounds):
        """Returns tasks [B], and what was played in them, leaves [rounds, B, T, N, ...]."""
        sizes = rounds, length + 1, episodes + 1
        keys = spread(jax.random.split(key, (tasks, 1 + math.prod(sizes))))
        chosen = jax.vmap(env.sample_task)(keys[:, 0])
        of_rounds = keys[:, 1:].reshape(tasks, *sizes)
        return chosen, jax.vmap(course, (None, 0, 0), out_axes=1)(params, of_rounds, chosen)

    def policies(lesson, params):
        """Returns the policies [B, T, N] after the inner steps, of other parameters before them."""

        def policy(lesson):
            retrace = lambda params, judged: (move(params, judged), None)  # noqa: E731
            adapted, _ = jax.lax.scan(retrace, params, lesson.before)
            return net.apply(adapted, lesson.after.episodes.obs)

        return jax.vmap(policy, (Lesson(1, 0),))(lesson)

    def init(key):
        return TrainState(net.init(key), ())

    def step(key, state, batch):
        _, played = take_courses(key, state.params, tasks, inner_steps + 1)
        before, after = (jax.tree.map(part, played) for part in (lambda x: x[:-1], lambda x: x[-1]))
        lesson = Lesson(before, after)
        params, metrics = improve(
            partial(policies, lesson),
            family,
            state.params,
            after,
            max_kl=max_kl,
            damping=damping,
            solver_iterations=solver_iterations,
            search=partial(search_line, max_kl=max_kl, backtracks=backtracks, shrink=shrink),
        )
        metrics |= {
            "return_before": mean_return(played.episodes.reward[0]),
            "return_after": mean_return(after.episodes.reward),
        }
        return state._replace(params=params), metrics

    def evaluate(key, state):
        chosen, judged = take_courses(key, state.params, eval_tasks, eval_updates + 1)
        played = judged.episodes
        returns = jax.vmap(mean_return)(played.reward)
        metrics: Metrics = {f"return_after_{i}": returns[i] for i in range(eval_updates + 1)}
        if eval_updates:
            metrics["gain"] = returns[1] - returns[0]
        return metrics | keep(chosen, played)

    return Learner(init, step, evaluate)


def improve(
    policies: Callable[[Any], Any],
    family: Any,
    params: Any,
    after: Judged,
    *,
    max_kl: float,
    damping: float,
    solver_iterations: int,
    search: Callable[..., Any],
) -> tuple[Any, Metrics]:
    """Maximizes the surrogate after the inner steps within the region, once.

    Args:
      policies: params -> policies [B, T, N, ...] after the inner steps, at the observations.
      family: of these policies.
      params: those that are trained.
      after: leaves [B, T, N, ...], episodes by the policies of `params`.
      max_kl: delta.
      damping: added to the diagonal of the Fisher matrix.
      solver_iterations: of conjugate gradients.
      search: how much of the step is taken, as `jaxdl.rl.trpo.search_line`.

    Returns:
      The parameters, and metrics.
    """
    played = after.episodes
    share = played.is_on / jnp.mean(played.is_on)  # means over all steps are over those that count

    def kl(policy, other):
        return share * family.kl(policy, other)

    def measure(params):
        policy = policies(params)
        log_ratio = family.logp(policy, played.action) - played.logp
        gain = jnp.expm1(log_ratio) * after.adv  # beyond a ratio of 1, which loses no digits
        return jnp.mean(kl(played.policy, policy)), jnp.mean(gain)

    ascent = jax.grad(lambda params: measure(params)[1])(params)
    product = fisher_product(policies, kl, params)
    direction = conjugate_gradient(product, ascent, iterations=solver_iterations, damping=damping)
    whole_step = scale_to_region(direction, ascent, max_kl=max_kl)
    params, trial = search(measure, params, whole_step)
    return params, {
        **measured(trial),
        "entropy": jnp.mean(share * family.entropy(played.policy)),
        "policy_gradient_norm": optax.tree.norm(ascent),
    }


def mean_return(reward: jax.Array) -> jax.Array:
    """Returns the mean sum of rewards [B, T, N] of an episode, a scalar."""
    return jnp.mean(jnp.sum(reward, axis=1))
