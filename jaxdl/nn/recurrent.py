"""Recurrent layers over time-major sequences that hold several episodes."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl.nn.mlp import Dense, orthogonal


class GRU(nn.Module):
    """Gated recurrent units: Cho et al. 2014, with the reset gate after the product, as in cuDNN.

    Attributes:
      width: H.
    """

    width: int

    def initial_carry(self, num_envs: int) -> jax.Array:
        """Zeros [E, H]: what the carry is at the beginning of an episode."""
        return jnp.zeros((num_envs, self.width))

    @nn.compact
    def __call__(self, carry, x, first):
        """Reads a sequence.

        Args:
          carry: [E, H], from before the sequence.
          x: [T, E, D].
          first: [T, E] bool; where an episode begins, the carry is reset before x is read.

        Returns:
          The carry [E, H] after the sequence, and the outputs [T, E, H].
        """
        # All that does not depend on the carry is one product over the whole sequence.
        scale = _unit(x, 3 * self.width)
        inputs = Dense(3 * self.width, scale=scale, name="input")(x)  # [T, E, 3H]
        kernel = self.param("kernel", orthogonal(1.0), (self.width, 3 * self.width))
        bias = self.param("bias", nn.initializers.zeros, (self.width,))

        def step(carry, xs):
            inputs, first = xs
            carry = jnp.where(first[:, None], 0.0, carry)
            reset_in, update_in, new_in = jnp.split(inputs, 3, axis=-1)
            reset_h, update_h, new_h = jnp.split(carry @ kernel, 3, axis=-1)
            reset = jax.nn.sigmoid(reset_in + reset_h)
            update = jax.nn.sigmoid(update_in + update_h)
            new = jnp.tanh(new_in + reset * (new_h + bias))
            carry = (1 - update) * new + update * carry
            return carry, carry

        return jax.lax.scan(step, carry, (inputs, first))


class LSTM(nn.Module):
    """Long short-term memory: Hochreiter & Schmidhuber 1997, with the forget gate of Gers 2000.

    Attributes:
      width: H.
    """

    width: int

    def initial_carry(self, num_envs: int) -> tuple[jax.Array, jax.Array]:
        """Zeros, memory and output [E, H]: what the carry is at the beginning of an episode."""
        zeros = jnp.zeros((num_envs, self.width))
        return zeros, zeros

    @nn.compact
    def __call__(self, carry, x, first):
        """Reads a sequence, like `GRU`; the carry is (memory [E, H], output [E, H])."""
        scale = _unit(x, 4 * self.width)
        inputs = Dense(4 * self.width, scale=scale, name="input")(x)  # [T, E, 4H]
        kernel = self.param("kernel", orthogonal(1.0), (self.width, 4 * self.width))

        def step(carry, xs):
            inputs, first = xs
            memory, output = (jnp.where(first[:, None], 0.0, part) for part in carry)
            # A forget gate that is open at first (Jozefowicz et al. 2015, section 2.2).
            into, forget, out, new = jnp.split(inputs + output @ kernel, 4, axis=-1)
            memory = jax.nn.sigmoid(forget + 1.0) * memory + jax.nn.sigmoid(into) * jnp.tanh(new)
            output = jax.nn.sigmoid(out) * jnp.tanh(memory)
            return (memory, output), output

        return jax.lax.scan(step, carry, (inputs, first))


def _unit(x: jax.Array, outputs: int) -> float:
    """The scale at which every output varies as x does; else few inputs would hardly be seen."""
    return max(1.0, outputs / x.shape[-1]) ** 0.5
