"""The contract: a system is a pair of pure functions and a yardstick over one kind of state."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import optax

from jaxdl.core.run import Run


class Mean(NamedTuple):
    """A metric that is not defined at every step, such as the return of the episodes that ended.

    The driver adds up totals and counts, and writes nothing where nothing was counted.

    Attributes:
      total: float32 scalar, summed over what was counted.
      count: scalar, how many were counted; may be 0.
    """

    total: jax.Array
    count: jax.Array


Metrics = dict[str, jax.Array | Mean]


class TrainState(NamedTuple):
    """The complete state of a run, except its seed and step number.

    Attributes:
      params: parameters of the networks; copied to every device.
      opt_state: state of the optimizer; copied to every device.
      actors: leaves [num_envs, ...], split over the devices: env states, recurrent carries, replay.
        Scalars in it are copied.
      extra: target networks, queues, normalizers, counters; copied to every device.
    """

    params: Any
    opt_state: Any
    actors: Any = ()
    extra: Any = ()


class Replay(NamedTuple):
    """Marks a part of `TrainState.actors` as a replay ring, which is large and can be left out.

    `--save_replay` says whether checkpoints hold it; only the newest one ever does.

    Attributes:
      ring: leaves [num_envs, ...].
    """

    ring: Any


class Fold(NamedTuple):
    """An evaluation over batches of data that does not fit on the device.

    Attributes:
      batches: () -> iterator over pytrees of arrays; all batches have the same shapes.
      init: key, state -> accumulator.
      update: accumulator, state, batch -> accumulator.
      result: accumulator -> metrics, and arrays as in `Learner.evaluate`.
      batch_shape: () -> the shapes of a batch; if None, the first batch is read for them.

    The driver traces all of it before training begins.
    """

    batches: Callable[[], Iterator[Any]]
    init: Callable[[jax.Array, TrainState], Any]
    update: Callable[[Any, TrainState, Any], Any]
    result: Callable[[Any], Metrics]
    batch_shape: Callable[[], Any] | None = None


Init = Callable[[jax.Array], TrainState]
StepFunction = Callable[[jax.Array, TrainState, Any], tuple[TrainState, Metrics]]
Evaluate = Callable[[jax.Array, TrainState], Metrics]


class Learner(NamedTuple):
    """A system. Its network, env, optimizer and hyper-parameters are closed over by its factory.

    Attributes:
      init: key -> state.
      step: key, state, batch -> state, metrics. Each metric is a finite scalar or a `Mean`. A
        learner that makes its own data takes `batch = ()`.
      evaluate: key, state -> metrics, the numbers that the paper reports. Arrays beside them are
        artefacts: the last ones are kept as evaluation.npz and drawn by the system's figures.
    """

    init: Init
    step: StepFunction
    evaluate: Evaluate | Fold = lambda key, state: {}


class DeviceData(NamedTuple):
    """Arrays on the device, read in exact epochs: without replacement, in a new order each epoch.

    Attributes:
      arrays: pytree of [N, ...]; arguments of the compiled program, not constants in it.
      batch_size: B; a batch may hold the end of one epoch and the beginning of the next.
    """

    arrays: Any
    batch_size: int


class HostData(NamedTuple):
    """Batches that the host reads one call ahead, of data that does not fit on the device.

    Attributes:
      fetch: seed, step, rows -> pytree of arrays [len(rows), ...]. A function of its arguments
        alone, so that a resumed run and a run on more hosts see the same data. `seed` is a 64-bit
        number drawn for each seed of the run, so that neighboring seeds share no stream.
      batch_size: the number of rows of the global batch.
      identity: what tells these data from others, such as a checksum; "" is not compared.
    """

    fetch: Callable[[int, int, Any], Any]
    batch_size: int
    identity: str = ""


Sample = Callable[[jax.Array, jax.Array], Any]  # key of the step, int32 step -> batch [B, ...]
Data = tuple[()] | Sample | DeviceData | HostData


def update(
    tx: optax.GradientTransformation, state: TrainState, gradient: Any
) -> tuple[TrainState, Metrics]:
    """Applies one optimizer step to `state.params`.

    Args:
      tx: the optimizer.
      state: its `params` and `opt_state` are replaced.
      gradient: of the loss, with the structure of `state.params`.

    Returns:
      The state, and the metrics `gradient_norm`, `parameter_norm` and `update_norm`.
    """
    chex.assert_trees_all_equal_shapes(gradient, state.params)
    updates, opt_state = tx.update(gradient, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    norms: Metrics = {
        "gradient_norm": optax.tree.norm(gradient),
        "parameter_norm": optax.tree.norm(params),
        "update_norm": optax.tree.norm(updates),
    }
    return state._replace(params=params, opt_state=opt_state), norms


def seed_keys(key: jax.Array, seeds: range) -> jax.Array:
    """One key [S] for each seed; that of seed i does not depend on which others there are."""
    return jax.vmap(lambda seed: jax.random.fold_in(key, seed))(jnp.arange(seeds.start, seeds.stop))


def over_seeds(learner: Learner, n: int, *, first: int = 0) -> Learner:
    """Turns one learner into n independent ones, side by side in one program.

    Args:
      learner: any learner.
      n: the number of seeds.
      first: the number of the first seed. Seed i is the same run whatever `n` and `first` are, up
        to the order of floating-point sums in a batched program.

    Returns:
      A learner whose state, batch and metrics carry a leading axis [n, ...].
    """
    seeds = range(first, first + n)

    def init(key):
        return jax.vmap(learner.init)(seed_keys(key, seeds))

    def step(key, state, batch):
        return jax.vmap(learner.step)(seed_keys(key, seeds), state, batch)

    return Learner(init, step, _over_seeds(learner.evaluate, seeds))


def one_seed(learner: Learner, seed: int) -> Learner:
    """The learner of one seed, without the leading axis that `over_seeds` adds."""
    fold = jax.random.fold_in
    evaluate = learner.evaluate
    if isinstance(evaluate, Fold):
        begin = evaluate.init
        alone = evaluate._replace(init=lambda key, state: begin(fold(key, seed), state))
    else:
        whole = evaluate
        alone = lambda key, state: whole(fold(key, seed), state)  # noqa: E731
    return Learner(
        lambda key: learner.init(fold(key, seed)),
        lambda key, state, batch: learner.step(fold(key, seed), state, batch),
        alone,
    )


def with_seeds(learner: Learner, run: Run) -> Learner:
    """Returns the learner of a run's seeds, whose leaves are [S, ...] where S > 1."""
    if run.num_seeds > 1:
        return over_seeds(learner, run.num_seeds, first=run.first_seed)
    return one_seed(learner, run.first_seed)


def first_state(learner: Learner, run: Run) -> TrainState:
    """Makes a state in which nothing is learned, leaves [S, ...] for S > 1 seeds.

    For stages that begin with something of their own in it (`init` of `jaxdl.core.fit`).
    """
    return jax.jit(with_seeds(learner, run).init)(jax.random.key(run.seed))


def _over_seeds(evaluate: Evaluate | Fold, seeds: range) -> Evaluate | Fold:
    """An evaluation for several seeds; those of a fold all see the same batches."""
    if not isinstance(evaluate, Fold):
        return lambda key, state: jax.vmap(evaluate)(seed_keys(key, seeds), state)
    return Fold(
        evaluate.batches,
        lambda key, state: jax.vmap(evaluate.init)(seed_keys(key, seeds), state),
        jax.vmap(evaluate.update, in_axes=(0, 0, None)),
        jax.vmap(evaluate.result),
        evaluate.batch_shape,
    )


def skip_nonfinite(learner: Learner) -> Learner:
    """Undoes the updates of a learner that leave a number which is not finite.

    Parameters, optimizer state and `extra` become what they were; the actors go on, since to keep
    a copy of a replay ring would cost more than the step.

    Args:
      learner: any learner.

    Returns:
      The same with one more metric, `skipped`: 1 where the update was undone.
    """

    def step(key, state, batch):
        after, metrics = learner.step(key, state, batch)
        good = finite((*learned(after), metrics))
        kept = jax.tree.map(
            lambda new, old: jnp.where(good, new, old), learned(after), learned(state)
        )
        params, opt_state, extra = kept
        after = after._replace(params=params, opt_state=opt_state, extra=extra)
        return after, metrics | {"skipped": jnp.float32(~good)}

    return learner._replace(step=step)


def learned(state: TrainState) -> tuple[Any, Any, Any]:
    """What an update changes and what has to stay finite: parameters, optimizer state, extra."""
    return state.params, state.opt_state, state.extra


def finite(tree: Any) -> jax.Array:
    """Whether all floats of a pytree are finite: a bool scalar."""
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.all(jnp.array([jnp.isfinite(x).all() for x in floats]))
