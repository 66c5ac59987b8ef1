"""Attention behind one function, with what may be seen told in words and not in a backend's terms.

Vaswani et al. 2017 (arXiv 1706.03762), eq. 1. The backends are `xla`, which runs everywhere and in
every precision, `cudnn`, cuDNN's fused kernel on NVIDIA GPUs, and `splash`, Pallas' kernel on TPUs.
A backend that cannot do what is asked is refused: none ever falls back to another silently.
"""

from typing import Literal, get_args

import jax
import jax.numpy as jnp

from jaxdl.core.run import BadInput

Backend = Literal["xla", "cudnn", "splash"]
PLATFORMS = {"cudnn": "gpu", "splash": "tpu"}  # backend -> the one platform that it runs on
BLOCK = 128  # tokens that splash attention takes at a time
NOWHERE = -1  # the segment of keys that nobody may see


def attend(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    *,
    causal: bool = False,
    segments: jax.Array | None = None,
    keys: jax.Array | None = None,
    mask: jax.Array | None = None,
    backend: Backend = "xla",
) -> jax.Array:
    """Computes softmax(q k^T / sqrt(D)) v for each head, over the keys that a query may see.

    A key is seen where all of `causal`, `segments`, `keys` and `mask` allow it. Scores and softmax
    are float32, or float64 where the arguments are. What a query sees nothing by is undefined but
    finite.

    Args:
      q: [B, T, H, D] queries.
      k: [B, S, H, D] keys.
      v: [B, S, H, D] values.
      causal: no query sees the keys after it; S is T.
      segments: [B, T] int, the document that each token is of; no token sees another's.
      keys: [B, S] bool, False for padding.
      mask: bool, broadcast to [B, H, T, S].
      backend: what computes it.

    Returns:
      [B, T, H, D] of q's dtype.

    Raises:
      BadInput: the backend does not run here, or cannot do this.
    """
    check_backend(backend)
    if backend == "splash":
        return splash(q, k, v, causal=causal, segments=segments, keys=keys, mask=mask)
    seen = visible(segments=segments, keys=keys, mask=mask)
    if backend == "cudnn":
        if q.dtype not in (jnp.bfloat16, jnp.float16) or q.shape[-1] % 8:
            raise BadInput(
                "attention by cudnn takes bfloat16 or float16 and heads whose size is a multiple "
                f"of 8, got {q.dtype} of size {q.shape[-1]}"
            )
        # The mask travels as a bias of [B, 1, T, S], whole, since cuDNN broadcasts no rows: its own
        # argument for packed documents is not public, and without either one would see another.
        if seen is not None:
            seen = jnp.broadcast_to(seen, (*seen.shape[:2], q.shape[1], k.shape[1]))
        return jax.nn.dot_product_attention(
            q, k, v, mask=seen, is_causal=causal, implementation="cudnn"
        )
    probabilities = weights(q, k, causal=causal, mask=seen)
    return jnp.einsum("bhts,bshd->bthd", probabilities.astype(v.dtype), v)


def weights(
    q: jax.Array, k: jax.Array, *, causal: bool = False, mask: jax.Array | None = None
) -> jax.Array:
    """Returns how much each query looks at each key, [B, H, T, S], which sums to 1 over S.

    `jax.nn.dot_product_attention` takes the softmax in float32 whatever it is given; here float64
    stays float64.
    """
    dtype = jnp.promote_types(q.dtype, jnp.float32)
    scores = jnp.einsum("bthd,bshd->bhts", q, k, preferred_element_type=dtype)
    scores *= jnp.asarray(q.shape[-1] ** -0.5, dtype)
    if causal:
        tokens = q.shape[1]
        before = jnp.tril(jnp.ones((tokens, tokens), bool))
        mask = before if mask is None else mask & before
    if mask is not None:
        scores = jnp.where(mask, scores, jnp.finfo(dtype).min)
    return jax.nn.softmax(scores)


def attend_cached(q: jax.Array, k: jax.Array, v: jax.Array, mask: jax.Array) -> jax.Array:
    """Computes `attend` over a cache, whose layout no product has to turn around.

    Args:
      q: [B, T, H, D] queries, few or many.
      k: [B, H, D, S] keys.
      v: [B, H, S, D] values.
      mask: bool, broadcast to [B, H, T, S].

    Returns:
      [B, T, H, D].
    """
    dtype = jnp.promote_types(q.dtype, jnp.float32)
    scores = jnp.matmul(jnp.moveaxis(q, 1, 2), k, preferred_element_type=dtype)  # [B, H, T, S]
    scores *= jnp.asarray(q.shape[-1] ** -0.5, dtype)
    probabilities = jax.nn.softmax(jnp.where(mask, scores, jnp.finfo(dtype).min))
    return jnp.moveaxis(probabilities.astype(v.dtype) @ v, 1, 2)


def visible(
    *,
    segments: jax.Array | None = None,
    keys: jax.Array | None = None,
    mask: jax.Array | None = None,
) -> jax.Array | None:
    """Joins what `attend` is told into one mask that broadcasts to [B, H, T, S]; None for all."""
    parts = [] if mask is None else [mask]
    if segments is not None:
        parts.append((segments[:, :, None] == segments[:, None, :])[:, None])
    if keys is not None:
        parts.append(keys[:, None, None, :])
    if not parts:
        return None
    seen = parts[0]
    for part in parts[1:]:
        seen = seen & part
    return seen


def splash(
    q: jax.Array,
    k: jax.Array,
    v: jax.Array,
    *,
    causal: bool,
    segments: jax.Array | None,
    keys: jax.Array | None,
    mask: jax.Array | None = None,
    interpret: bool = False,
) -> jax.Array:
    """Computes `attend` by Pallas' kernel, whose only mask beside the causal one is of segments.

    Padding is a segment of its own.

    Args:
      q: [B, T, H, D], with T a multiple of 128.
      k: [B, T, H, D].
      v: [B, T, H, D].
      causal: as in `attend`.
      segments: as in `attend`.
      keys: as in `attend`.
      mask: None.
      interpret: run the kernel's program operation by operation, which any device can.

    Raises:
      BadInput: a mask that is neither of segments nor of padding, or T is no multiple of 128.
    """
    from jax.experimental.pallas.ops.tpu.splash_attention import (
        splash_attention_kernel as kernels,
    )
    from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks

    batch, tokens, heads, size = q.shape
    if mask is not None or k.shape != q.shape:
        raise BadInput("attention by splash takes no mask of its own, and as many keys as queries")
    if tokens % BLOCK:
        raise BadInput(f"attention by splash takes a multiple of {BLOCK} tokens, got {tokens}")
    kind = masks.CausalMask if causal else masks.FullMask
    whole = masks.MultiHeadMask([kind((tokens, tokens))] * heads)
    kernel = kernels.make_splash_mha_single_device(whole, interpret=interpret)
    ids = jnp.zeros((batch, tokens), jnp.int32) if segments is None else segments.astype(jnp.int32)
    if keys is not None:
        ids = jnp.where(keys, ids, NOWHERE)
    q, k, v = (jnp.moveaxis(x, 1, 2) for x in (q * size**-0.5, k, v))  # [B, H, T, D]
    run = jax.vmap(lambda q, k, v, ids: kernel(q, k, v, segment_ids=kernels.SegmentIds(ids, ids)))
    return jnp.moveaxis(run(q, k, v, ids), 1, 2).astype(q.dtype)


def check_backend(backend: Backend) -> None:
    """Checks that a backend is one, and that it runs on this machine.

    Raises:
      BadInput: it does not.
    """
    if backend not in get_args(Backend):
        raise BadInput(f"attention by {backend!r} should be one of {', '.join(get_args(Backend))}")
    needed = PLATFORMS.get(backend)
    here = jax.default_backend()
    if needed is not None and here != needed:
        raise BadInput(f"attention by {backend} needs a {needed.upper()}, and JAX runs on {here}")
