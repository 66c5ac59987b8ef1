"""Procedural textures."""

import jax
import jax.numpy as jnp


def smooth_noise(point: list[jax.Array]) -> jax.Array:
    """Interpolates random numbers at the corners of unit cells smoothly (value noise).

    Args:
      point: x, y and z in cells, each [P].

    Returns:
      [P] within [0, 1].
    """
    floors = [jnp.floor(v) for v in point]
    corner = [f.astype(jnp.int32).astype(jnp.uint32) for f in floors]
    parts = [v - f for v, f in zip(point, floors, strict=True)]
    x, y, z = (v * v * (3 - 2 * v) for v in parts)
    primes = (0x8DA6B343, 0xD8163841, 0xCB1AB31F)
    xs, ys, zs = (
        [(c + step) * jnp.uint32(prime) for step in (0, 1)]
        for c, prime in zip(corner, primes, strict=True)
    )
    planes = []
    for c in zs:
        lines = []
        for b in ys:
            low, high = (_share(hashed(a ^ b ^ c)) for a in xs)
            lines.append(low + x * (high - low))
        planes.append(lines[0] + y * (lines[1] - lines[0]))
    return planes[0] + z * (planes[1] - planes[0])


def hashed(bits: jax.Array) -> jax.Array:
    """Hashes uint32 to uint32 that look random."""
    bits = (bits ^ (bits >> 15)) * jnp.uint32(0x2C1B3C6D)
    return bits ^ (bits >> 13)


def _share(bits: jax.Array) -> jax.Array:
    return (bits >> 8).astype(jnp.int32).astype(jnp.float32) * 2.0**-24
