"""BagNet: a net that compares designs decides which children of an evolution are simulated.

Hakhamaneshi, Werblun, Abbeel & Stojanovic 2019, arXiv 1907.10515. Simulating is dear, and comparing
is easier to learn than predicting: of many children those are simulated that the net believes to be
better than a reference design in each requirement that matters. Two things differ from the paper's
algorithm 1: children are bred in one pool and the most promising are taken, where the paper breeds
until enough have passed; and the requirements that matter are those that the reference misses.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.core.mesh import spread
from jaxdl.science.circuits.comparator import Comparator
from jaxdl.science.circuits.searches import Search, breed, draw_first, replace_worst
from jaxdl.science.circuits.task import Trial


class Believed(NamedTuple):
    """What BagNet knows.

    Attributes:
      net: parameters of the comparator.
      opt_state: of its optimizer.
      kept: the best K designs, from best to worst.
    """

    net: Any
    opt_state: Any
    kept: Trial


def bagnet_search(
    dimensions: int,
    net: Comparator,
    tx: optax.GradientTransformation,
    *,
    first: int = 100,
    offspring: int = 5,
    pool: int = 256,
    reference: int = 20,
    updates: int = 50,
    batch_size: int = 64,
    crossover: float = 0.6,
    reach: float = 0.1,
) -> Search:
    """Lets a comparator choose among the children of an evolution.

    Args:
      dimensions: D.
      net: that compares.
      tx: its optimizer.
      first: K, designs that are drawn evenly at first; as many are kept and learned from.
      offspring: N that are simulated in a step.
      pool: children that the net compares with the reference.
      reference: its rank among the kept designs.
      updates: of the net in a step.
      batch_size: pairs of an update.
      crossover: share of children that have two parents.
      reach: deviation of a mutation.
    """

    def begin(key, bench):
        net_key, first_key = jax.random.split(key)
        kept, trial = draw_first(first, dimensions, first_key, bench)
        nothing = jnp.zeros(dimensions)
        params = net.init(net_key, nothing, nothing)["params"]
        return Believed(params, tx.init(params), kept), trial

    def learn(key, memory):
        """Trains the net on pairs of the designs that are kept."""

        def update(carry, key):
            params, opt_state = carry
            loss, slope = jax.value_and_grad(pair_loss)(params, key, memory.kept, net, batch_size)
            moves, opt_state = tx.update(slope, opt_state, params)
            return (optax.apply_updates(params, moves), opt_state), loss

        start = memory.net, memory.opt_state
        (params, opt_state), losses = jax.lax.scan(update, start, jax.random.split(key, updates))
        return memory._replace(net=params, opt_state=opt_state), jnp.mean(losses)

    def improve(key, memory, bench):
        learn_key, breed_key = jax.random.split(key)
        memory, loss = learn(learn_key, memory)
        kept = memory.kept
        children = spread(breed(breed_key, kept, pool, crossover=crossover, reach=reach))
        rival = min(reference, first) - 1
        logits = net.apply(
            {"params": memory.net}, children, jnp.broadcast_to(kept.points[rival], children.shape)
        )
        missed = kept.shortfalls[rival] > 0
        matters = jnp.where(jnp.any(missed), missed, True)
        hope = jnp.sum(jnp.where(matters, jax.nn.log_sigmoid(logits), 0.0), axis=-1)  # [pool]
        chosen = children[jax.lax.top_k(hope, offspring)[1]]
        trial = bench(chosen)
        better = jnp.mean(trial.total < kept.total[rival])
        memory = memory._replace(kept=replace_worst(kept, trial))
        return memory, trial, {"comparator_loss": loss, "better_than_reference": better}

    return Search(begin, improve)


def pair_loss(
    params: Any, key: jax.Array, kept: Trial, net: Comparator, batch_size: int
) -> jax.Array:
    """Computes the cross-entropy of comparisons: section IV-B.

    Args:
      params: of the net.
      key: of the pairs and of dropout.
      kept: K designs.
      net: that compares.
      batch_size: B pairs that are drawn.

    Returns:
      A scalar, the mean over pairs and requirements; equal designs ask for one half.
    """
    pair_key, dropout_key = jax.random.split(key)
    pairs = jax.random.randint(pair_key, (batch_size, 2), 0, kept.total.shape[0])
    one, other = spread(kept.points[pairs[:, 0]]), spread(kept.points[pairs[:, 1]])
    better = jnp.sign(kept.merits[pairs[:, 0]] - kept.merits[pairs[:, 1]])
    logits = net.apply(
        {"params": params}, one, other, deterministic=False, rngs={"dropout": dropout_key}
    )
    return jnp.mean(optax.sigmoid_binary_cross_entropy(logits, (better + 1) / 2))
