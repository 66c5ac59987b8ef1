"""Recurrent layers over time-major sequences that hold several episodes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.nn.mlp import Affine, Dense, Layer, Plan, dense


class Cell(NamedTuple):
    """The parameters of a recurrent layer, gates side by side.

    Attributes:
      inputs: [D, G H].
      carried: [H, G H].
    """

    inputs: Dense | Layer
    carried: Dense | Layer


class RecurrentLayer(NamedTuple):
    """A kind of recurrent layer.

    Attributes:
      plan: D, H -> plan of its parameters.
      initial_carry: E, H -> leaves [E, ...], the carry at the beginning of an episode: zeros.
      apply: parameters, carry, x [T, E, D], first [T, E], affine -> carry, outputs [T, E, H].
      keeps_past: whether the carry is a cache of all that was read, and so large.
    """

    plan: Callable[[int, int], Plan]
    initial_carry: Callable[[int, int], Any]
    apply: Callable[[Any, Any, jax.Array, jax.Array, Affine], tuple[Any, jax.Array]]
    keeps_past: bool = False


def gru_plan(inputs: int, width: int) -> Cell:
    """Plans a GRU."""
    return Cell(Layer(inputs, 3 * width), Layer(width, 3 * width))


def lstm_plan(inputs: int, width: int) -> Cell:
    """Plans an LSTM."""
    return Cell(Layer(inputs, 4 * width), Layer(width, 4 * width))


def gru_carry(num_envs: int, width: int) -> jax.Array:
    """Returns zeros [E, H], the carry at the beginning of an episode."""
    return jnp.zeros((num_envs, width))


def lstm_carry(num_envs: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Returns zeros, memory and output [E, H], the carry at the beginning of an episode."""
    return jnp.zeros((num_envs, width)), jnp.zeros((num_envs, width))


def gru(
    cell: Cell, carry: jax.Array, x: jax.Array, first: jax.Array, affine: Affine = dense
) -> tuple[jax.Array, jax.Array]:
    """Applies gated recurrent units (Cho et al. 2014), with cuDNN's reset gate after the product.

    Args:
      cell: its parameters.
      carry: [E, H] from before the sequence.
      x: [T, E, D].
      first: [T, E] bool; where an episode begins, the carry is reset before x is read.
      affine: applies a layer to the whole sequence.

    Returns:
      The carry [E, H] after the sequence, and the outputs [T, E, H].
    """

    def step(carry, xs):
        inputs, first = xs
        carry = jnp.where(first[:, None], 0.0, carry)
        reset_x, update_x, new_x = jnp.split(inputs, 3, axis=-1)
        reset_h, update_h, new_h = jnp.split(dense(cell.carried, carry), 3, axis=-1)
        reset = jax.nn.sigmoid(reset_x + reset_h)
        update = jax.nn.sigmoid(update_x + update_h)
        new = jnp.tanh(new_x + reset * new_h)
        carry = (1 - update) * new + update * carry
        return carry, carry

    # All that does not depend on the carry is one product over the whole sequence.
    return jax.lax.scan(step, carry, (affine(cell.inputs, x), first))


def lstm(
    cell: Cell,
    carry: tuple[jax.Array, jax.Array],
    x: jax.Array,
    first: jax.Array,
    affine: Affine = dense,
) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
    """Applies long short-term memory (Hochreiter & Schmidhuber 1997), with forget gates.

    Like `gru`, but the carry is (memory [E, H], output [E, H]). Forget gates: Gers et al. 2000.
    """

    def step(carry, xs):
        inputs, first = xs
        memory, output = jax.tree.map(lambda part: jnp.where(first[:, None], 0.0, part), carry)
        gates = jnp.split(inputs + dense(cell.carried, output), 4, axis=-1)
        into = jax.nn.sigmoid(gates[0])
        out = jax.nn.sigmoid(gates[1])
        # The forget gate is open at first: Jozefowicz et al. 2015, section 2.2.
        forget = jax.nn.sigmoid(gates[2] + 1.0)
        memory = forget * memory + into * jnp.tanh(gates[3])
        output = out * jnp.tanh(memory)
        return (memory, output), output

    return jax.lax.scan(step, carry, (affine(cell.inputs, x), first))


RECURRENT_LAYERS = {
    "gru": RecurrentLayer(gru_plan, gru_carry, gru),
    "lstm": RecurrentLayer(lstm_plan, lstm_carry, lstm),
}
