"""MAML: parameters from which a few steps of gradient descent learn a task (Finn et al. 2017).

Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks, arXiv 1703.03400, algorithm 2.
In each task i the net descends from theta, by the task's support set, and is judged by its query
set; theta moves so that what comes after the descent is good:

    theta_i = theta - alpha grad L_i(theta)        within a task, repeated for several steps
    theta <- theta - beta grad sum_i L_i(theta_i)  over tasks, eq. 1, by any optimizer

The second gradient runs through the first. Left out of it (`order=1`), what remains is the gradient
at theta_i, as if the descent were a shift by a constant. Reptile (Nichol, Achiam & Schulman 2018,
arXiv 1803.02999) has no query set: theta moves towards where the descent of each task has ended.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.learner import Learner, TrainState, update
from jaxdl.data.few_shot import FewShot
from jaxdl.deploy import Deployment
from jaxdl.deploy.program import batched
from jaxdl.meta.few_shot import Measure, Tasks

REPORTED = 0, 1, 5, 10  # steps within a task after which the error is reported
CHUNK = 20  # test tasks that are looked at side by side
SHOWN = 4  # of them that are kept for the report


class Initial(NamedTuple):
    """What is learned over tasks.

    Attributes:
      net: theta, parameters of the net.
      rates: alpha of each array of theta, scalars; () where it is not learned.
    """

    net: Any
    rates: Any


class Descent(NamedTuple):
    """How a net learns within a task.

    Attributes:
      net: module x [B, ...] -> outputs [B, ...].
      loss: of outputs and targets.
      rate: alpha, where it is not learned.
      steps: of gradient descent, each on the whole support set.
    """

    net: nn.Module
    loss: Measure
    rate: float
    steps: int


def maml(
    net: nn.Module,
    tx: optax.GradientTransformation,
    tasks: Tasks,
    *,
    inner_lr: float,
    inner_steps: int,
    order: Literal[1, 2] = 2,
    learn_rates: bool = False,
    test_steps: int = 10,
    eval_tasks: int = 1000,
) -> Learner:
    """Learns parameters from which descent within a task ends well.

    Args:
      net: module x [B, ...] -> outputs [B, ...], without state of its own.
      tx: the optimizer over tasks.
      tasks: the family.
      inner_lr: alpha. Where rates are learned, their first value.
      inner_steps: of descent within a task. With 0 the net is trained by the query sets of all
        tasks at once: the pretrained net that MAML is compared with.
      order: of derivatives; 1 takes the gradient within a task for a constant.
      learn_rates: learn a rate for each array of the net, kernels and biases apart.
      test_steps: of descent in tests; more than in training are no mistake.
      eval_tasks: fresh tasks of an evaluation.

    Returns:
      A learner of batches `FewShot` of M tasks. Its metrics are the loss and the error of the query
      sets after descent, and norms. Its evaluation is that of `score_adaptation`.
    """
    descent = Descent(net, tasks.loss, inner_lr, inner_steps)

    def step(key, state, batch):
        del key  # the tasks are drawn already

        def outcome(initial, task):
            fast, _ = descend(descent, initial, task.support_x, task.support_y, order=order)
            outputs = net.apply({"params": fast}, task.query_x)
            return tasks.loss(outputs, task.query_y), tasks.error(outputs, task.query_y)

        def objective(initial):  # of eq. 1, as the mean over tasks
            losses, errors = jax.vmap(outcome, (None, 0))(initial, batch)
            return jnp.mean(losses), jnp.mean(errors)

        (loss, error), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        state, norms = update(tx, state, gradient)
        return state, {"loss": loss, "error": error} | norms

    judge = score_adaptation(descent._replace(steps=test_steps), tasks, num_tasks=eval_tasks)
    return Learner(_first_state(descent, tx, tasks, learn_rates), step, judge)


def reptile(
    net: nn.Module,
    tx: optax.GradientTransformation,
    tasks: Tasks,
    *,
    inner_lr: float,
    inner_steps: int,
    test_steps: int = 10,
    eval_tasks: int = 1000,
) -> Learner:
    """Learns parameters that lie near to where descent ends, in every task (Nichol et al. 2018).

    Each task's support and query sets are one set here, and each step takes all of it; in the paper
    steps take minibatches, by Adam.

    Args:
      net: as in `maml`.
      tx: the optimizer, whose gradient is theta - mean of theta_i; by plain descent with a rate of
        epsilon it is the paper's algorithm 2.
      tasks: the family.
      inner_lr: alpha.
      inner_steps: at least 2 for more than training on all tasks at once.
      test_steps: of descent in tests.
      eval_tasks: fresh tasks of an evaluation.

    Returns:
      A learner as `maml` is; its loss and error are those of the sets that it has descended on.
    """
    descent = Descent(net, tasks.loss, inner_lr, inner_steps)

    def step(key, state, batch):
        del key

        def outcome(task):
            x = jnp.concatenate([task.support_x, task.query_x])
            y = jnp.concatenate([task.support_y, task.query_y])
            fast, _ = descend(descent, state.params, x, y, order=1)
            outputs = net.apply({"params": fast}, x)
            return fast, tasks.loss(outputs, y), tasks.error(outputs, y)

        fast, losses, errors = jax.vmap(outcome)(batch)
        way = jax.tree.map(lambda start, ends: start - jnp.mean(ends, 0), state.params.net, fast)
        state, norms = update(tx, state, state.params._replace(net=way))
        return state, {"loss": jnp.mean(losses), "error": jnp.mean(errors)} | norms

    judge = score_adaptation(descent._replace(steps=test_steps), tasks, num_tasks=eval_tasks)
    return Learner(_first_state(descent, tx, tasks, learn_rates=False), step, judge)


def descend(
    descent: Descent,
    initial: Initial,
    x: jax.Array,
    y: jax.Array,
    *,
    order: Literal[1, 2] = 1,
    watch: Callable[[Any], Any] = lambda params: (),
) -> tuple[Any, Any]:
    """Learns one task by gradient descent.

    Args:
      descent: how.
      initial: where it begins.
      x: [S, ...] of the support set.
      y: [S, ...].
      order: of the derivatives that a gradient of the result has.
      watch: parameters -> what is to be seen of them.

    Returns:
      The parameters at the end, and what was seen before each step and at the end: leaves
      [steps + 1, ...].
    """
    rates = initial.rates
    if rates == ():
        rates = jax.tree.map(lambda _: descent.rate, initial.net)

    def task_loss(params):
        return descent.loss(descent.net.apply({"params": params}, x), y)

    def step(params, _):
        slope = jax.grad(task_loss)(params)
        if order == 1:
            slope = jax.lax.stop_gradient(slope)
        lower = jax.tree.map(lambda p, rate, g: p - rate * g, params, rates, slope)
        return lower, watch(params)

    params, seen = jax.lax.scan(step, initial.net, length=descent.steps)
    last = watch(params)
    return params, jax.tree.map(lambda xs, x: jnp.concatenate([xs, x[None]]), seen, last)


def score_adaptation(
    descent: Descent, tasks: Tasks, *, num_tasks: int
) -> Callable[[jax.Array, TrainState], dict[str, jax.Array]]:
    """Makes the evaluation: fresh tasks, the last parameters, the error after each step of descent.

    Args:
      descent: as in tests.
      tasks: whose `test` draws them.
      num_tasks: how many.

    Returns:
      key, state -> `error` after all steps, averaged over tasks, with its `standard_error`;
      `error_after_k` for k of 0, 1, 5, 10; the arrays `errors` [steps + 1], and of some tasks
      `shown/` support_x, support_y, query_x, query_y, and outputs [4, steps + 1, R, ...].
    """

    def of_task(initial, task):
        def answer(params):
            return descent.net.apply({"params": params}, task.query_x)

        _, outputs = descend(descent, initial, task.support_x, task.support_y, watch=answer)
        return jax.vmap(tasks.error, (0, None))(outputs, task.query_y), outputs

    def evaluate(key, state):
        def of_chunk(key):
            drawn = tasks.test(key, CHUNK)
            errors, outputs = jax.vmap(of_task, (None, 0))(state.params, drawn)
            shown = drawn._asdict() | {"outputs": outputs}
            return errors, jax.tree.map(lambda x: x[:SHOWN], shown)

        keys = jax.random.split(key, -(-num_tasks // CHUNK))
        errors, shown = jax.lax.map(of_chunk, keys)
        errors = errors.reshape(-1, descent.steps + 1)[:num_tasks]
        means = jnp.mean(errors, axis=0)
        steps = {*REPORTED, descent.steps}
        return {
            "error": means[-1],
            "standard_error": jnp.std(errors[:, -1]) / num_tasks**0.5,
            **{f"error_after_{k}": means[k] for k in sorted(steps) if k <= descent.steps},
            "errors": means,
            **{f"shown/{name}": x[0] for name, x in shown.items()},
        }

    return evaluate


def maml_deployment(
    descent: Descent, tasks: Tasks, *, support: int, queries: int, text: str
) -> Deployment:
    """Makes the deployment: support and query sets [b, ...] -> outputs of the nets they have made.

    Each row is a task of its own: the program descends on its support set, then answers.

    Args:
      descent: as in tests.
      tasks: the family.
      support: S, rows of a support set.
      queries: R, rows of a query set.
      text: what was trained on what, for the reader of the export's README.
    """
    shapes = {
        "support_x": batched(tasks.x, support),
        "support_y": batched(tasks.y, support),
        "query_x": batched(tasks.x, queries),
    }

    def answer(initial, support_x, support_y, query_x):
        params, _ = descend(descent, initial, support_x, support_y)
        return descent.net.apply({"params": params}, query_x)

    def apply(weights, inputs):
        sets = (inputs[name] for name in shapes)
        return {"outputs": jax.vmap(answer, (None, 0, 0, 0))(weights["params"], *sets)}

    return Deployment(
        text,
        lambda state: {"params": state.params},
        apply,
        shapes,
    )


def _first_state(
    descent: Descent, tx: optax.GradientTransformation, tasks: Tasks, learn_rates: bool
) -> Callable[[jax.Array], TrainState]:
    """Returns key -> the state in which nothing is learned."""

    def init(key):
        theta = descent.net.init(key, jnp.zeros((1, *tasks.x.shape)))["params"]
        rates = jax.tree.map(lambda _: jnp.float32(descent.rate), theta) if learn_rates else ()
        initial = Initial(theta, rates)
        return TrainState(initial, tx.init(initial))

    return init


def task_data(tasks: Tasks, meta_batch: int) -> Callable[[jax.Array, jax.Array], FewShot]:
    """Returns the data for the driver: key, step -> M fresh tasks."""
    return lambda key, step: tasks.sample(key, meta_batch)
