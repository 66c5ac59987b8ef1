"""Recurrent layers over time-major sequences that hold several episodes."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.nn.mlp import Dense, Layer, dense


class Cell(NamedTuple):
    """The parameters of a recurrent layer, gates side by side.

    Attributes:
      inputs: Dense [D, G H].
      carried: Dense [H, G H].
    """

    inputs: Dense | Layer
    carried: Dense | Layer


def gru_plan(inputs: int, width: int) -> Cell:
    """The layers of a GRU."""
    return Cell(Layer(inputs, 3 * width), Layer(width, 3 * width))


def lstm_plan(inputs: int, width: int) -> Cell:
    """The layers of an LSTM."""
    return Cell(Layer(inputs, 4 * width), Layer(width, 4 * width))


def gru_carry(num_envs: int, width: int) -> jax.Array:
    """Zeros [E, H]: what the carry is at the beginning of an episode."""
    return jnp.zeros((num_envs, width))


def lstm_carry(num_envs: int, width: int) -> tuple[jax.Array, jax.Array]:
    """Zeros, memory and output [E, H]: what the carry is at the beginning of an episode."""
    return jnp.zeros((num_envs, width)), jnp.zeros((num_envs, width))


def gru(cell: Cell, carry: jax.Array, x: jax.Array, first: jax.Array) -> tuple[jax.Array, Any]:
    """Gated recurrent units: Cho et al. 2014, with the reset gate after the product, as in cuDNN.

    Args:
      cell: its parameters.
      carry: [E, H] from before the sequence.
      x: [T, E, D].
      first: [T, E] bool; where an episode begins, the carry is reset before x is read.

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
    return jax.lax.scan(step, carry, (dense(cell.inputs, x), first))


def lstm(cell: Cell, carry: Any, x: jax.Array, first: jax.Array) -> tuple[Any, jax.Array]:
    """Long short-term memory: Hochreiter & Schmidhuber 1997, with forget gates (Gers et al. 2000).

    Like `gru`, but the carry is (memory [E, H], output [E, H]).
    """

    def step(carry, xs):
        inputs, first = xs
        memory, output = (jnp.where(first[:, None], 0.0, part) for part in carry)
        gates = jnp.split(inputs + dense(cell.carried, output), 4, axis=-1)
        into, out, forget = (jax.nn.sigmoid(gate) for gate in (gates[0], gates[1], gates[2] + 1.0))
        # The forget gate is open at first: Jozefowicz et al. 2015, section 2.2.
        memory = forget * memory + into * jnp.tanh(gates[3])
        output = out * jnp.tanh(memory)
        return (memory, output), output

    return jax.lax.scan(step, carry, (dense(cell.inputs, x), first))
