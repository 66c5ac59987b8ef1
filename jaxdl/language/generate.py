"""Text that goes on from a prompt: one program reads the prompt and writes all tokens."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.beams import Beams, search_beams
from jaxdl.language.decoding import Decoder, Reading, of_rows, read_prompt, read_token
from jaxdl.language.hugging_face import find_net
from jaxdl.language.sampling import Sampling, check_sampling, choose
from jaxdl.nn.gpt2 import GPT2

Prompt = Sequence[int] | Sequence[Sequence[int]] | np.ndarray | jax.Array


def generate(
    net: Decoder,
    params: Any,
    prompt: Prompt,
    *,
    steps: int,
    key: jax.Array | None = None,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    beams: int | None = None,
    length_penalty: float = 0.6,
    stop: int | Sequence[int] = (),
) -> jax.Array:
    """Continues prompts token by token, from a cache of keys and values.

    Args:
      net: a GPT-2, or the function of one that `load` has returned; or any other function of
        params and tokens [B, T] -> logits [B, T, V] that does not look ahead, which has no cache.
      params: of the net.
      prompt: tokens [T] or [B, T], or B prompts of different lengths in a list. These are set to
        the right end of their rows, and zeros that nobody sees fill them up.
      steps: the most tokens that follow; less if all rows have come to a stop token.
      key: consumed; needed where anything is drawn.
      temperature: 0 takes the most probable token each time; 1 draws from the net's distribution.
      top_k: as in `Sampling`; None for all tokens.
      top_p: as in `Sampling`; None for all tokens.
      min_p: as in `Sampling`; None for all tokens.
      beams: continuations that a beam search follows; None or 1 for no such search.
      length_penalty: of the beam search, alpha of Wu et al. 2016, eq. 14; 0 compares probabilities.
      stop: tokens that end a row. What follows them in the row is the first of them again.

    Returns:
      Prompt and continuation, [B, T + steps] int32; [T + steps] for a single prompt.

    Raises:
      BadInput: prompt and steps do not fit the context, a token is none of the vocabulary, or a
        setting is out of its range.
    """
    net = find_net(net) or net
    if not isinstance(net, GPT2) and (find_net(net) or not callable(net)):
        raise BadInput(f"generate takes a GPT-2, not a {type(net).__name__}")
    top_p = 1.0 if top_p is None else top_p
    sampling = Sampling(float(temperature), int(top_k or 0), float(top_p), float(min_p or 0))
    check_sampling(sampling)
    beams = 1 if beams is None else beams
    stops = tuple(int(token) for token in np.atleast_1d(stop))
    rows, first = align(prompt)
    _check(net, params, rows, steps, stops)
    if not isinstance(net, GPT2) and np.any(first):
        raise BadInput("prompts of different lengths need a GPT-2, or they would see their padding")
    if beams < 1 or length_penalty < 0:
        raise BadInput(f"beams={beams} should be at least 1, length_penalty={length_penalty:g} 0")
    if beams > 1 and sampling.temperature:
        raise BadInput(f"beams={beams} draws nothing, so temperature should be 0")
    if sampling.temperature and key is None:
        raise BadInput(f"temperature={temperature:g} draws tokens, and needs a key")
    if beams > 1:
        plan = BeamPlan(steps, beams, stops, float(length_penalty))
        tokens = beam_search(net, params, rows, first, plan).tokens[:, 0]
        whole = jnp.concatenate([rows, tokens], axis=1)
    else:
        key = jax.random.key(0) if key is None else key
        whole = write_tokens(net, params, key, rows, first, steps, sampling, stops)
    is_single = not isinstance(prompt, Sequence) or not len(prompt) or np.ndim(prompt[0]) == 0
    return whole[0] if is_single and np.ndim(prompt) < 2 else whole


class BeamPlan(NamedTuple):
    """What a beam search is told.

    Attributes:
      steps: the most tokens.
      beams: K, continuations that are followed.
      stop: tokens that end one.
      alpha: of the length penalty.
    """

    steps: int
    beams: int
    stop: tuple[int, ...] = ()
    alpha: float = 0.6


@partial(jax.jit, static_argnames=("net", "plan"))
def beam_search(
    net: Decoder, params: Any, prompt: jax.Array, first: jax.Array, plan: BeamPlan
) -> Beams:
    """Searches for the continuations of highest score.

    Args:
      net: whose parameters these are.
      params: of it.
      prompt: [B, T] int.
      first: [B] int, where each row's prompt begins.
      plan: static.
    """
    rows, tokens = prompt.shape
    reading = read_prompt(net, params, prompt, first, tokens + plan.steps)
    repeated = of_rows(lambda x, axis: jnp.repeat(x, plan.beams, axis), reading.cache)
    begins = jnp.repeat(first, plan.beams)

    def extend(cache, source, token, step):
        flat = (source + plan.beams * jnp.arange(rows)[:, None]).reshape(-1)
        cache = of_rows(lambda x, axis: jnp.take(x, flat, axis), cache)
        read = Reading(cache, reading.logits)
        read = read_token(net, params, read, token.reshape(-1), tokens + step - 1, begins)
        return read.cache, read.logits.reshape(rows, plan.beams, -1)

    return search_beams(
        reading.logits,
        repeated,
        extend,
        steps=plan.steps,
        beams=plan.beams,
        stop=plan.stop,
        alpha=plan.alpha,
    )


class Writing(NamedTuple):
    """Text that is being written.

    Attributes:
      slot: where the last token stands.
      tokens: [B, S] int32, prompts and what follows.
      has_ended: [B] bool, which rows have come to a stop token.
      reading: of all but the last token.
    """

    slot: jax.Array
    tokens: jax.Array
    has_ended: jax.Array
    reading: Reading


@partial(jax.jit, static_argnames=("net", "steps", "sampling", "stop"))
def write_tokens(
    net: Decoder,
    params: Any,
    key: jax.Array,
    prompt: jax.Array,
    first: jax.Array,
    steps: int,
    sampling: Sampling,
    stop: tuple[int, ...],
) -> jax.Array:
    """Draws what follows prompts.

    Args:
      net: whose parameters these are.
      params: of it.
      key: consumed.
      prompt: [B, T] int.
      first: [B] int, where each row's prompt begins.
      steps: the most tokens that follow.
      sampling: static.
      stop: tokens that end a row.

    Returns:
      [B, T + steps] int32.
    """
    rows, begin = prompt.shape
    stops = jnp.asarray(stop, jnp.int32)
    keys = jax.random.split(key, steps)

    def write(slot, tokens, has_ended, reading):
        token = choose(keys[slot - begin], reading.logits, sampling)
        if stop:
            token = jnp.where(has_ended, stops[0], token)
        has_ended |= jnp.any(token[:, None] == stops, axis=1)
        tokens = jax.lax.dynamic_update_index_in_dim(tokens, token, slot, axis=1)
        return Writing(slot, tokens, has_ended, reading)

    def go_on(writing: Writing) -> jax.Array:
        return (writing.slot < begin + steps - 1) & ~jnp.all(writing.has_ended)

    def body(writing: Writing) -> Writing:
        slot, tokens, has_ended, reading = writing
        reading = read_token(net, params, reading, tokens[:, slot], slot, first)
        return write(slot + 1, tokens, has_ended, reading)

    fill = stop[0] if stop else 0
    tokens = jnp.pad(prompt.astype(jnp.int32), ((0, 0), (0, steps)), constant_values=fill)
    reading = read_prompt(net, params, prompt, first, begin + steps)
    begun = write(jnp.int32(begin), tokens, jnp.zeros(rows, bool), reading)
    return jax.lax.while_loop(go_on, body, begun).tokens


def align(prompt: Prompt) -> tuple[jax.Array, jax.Array]:
    """Sets prompts to the right ends of rows.

    Args:
      prompt: as in `generate`.

    Returns:
      Rows [B, T] int32, and where each row's prompt begins, [B].

    Raises:
      BadInput: a prompt is empty, or holds anything but whole numbers.
    """
    try:
        several = isinstance(prompt, Sequence) and len(prompt) and np.ndim(prompt[0]) == 1
        prompts = [np.asarray(row) for row in prompt] if several else list(np.atleast_2d(prompt))
    except (TypeError, ValueError) as error:
        raise BadInput(f"a prompt should be a row of tokens: {error}") from None
    if not prompts or any(row.ndim != 1 or row.size == 0 for row in prompts):
        raise BadInput("a prompt should hold at least one token")
    if not all(np.issubdtype(row.dtype, np.integer) for row in prompts):
        raise BadInput("a prompt should hold tokens, which are whole numbers")
    longest = max(map(len, prompts))
    rows = np.stack([np.pad(row, (longest - len(row), 0)) for row in prompts])
    first = np.asarray([longest - len(row) for row in prompts])
    return jnp.asarray(rows, jnp.int32), jnp.asarray(first, jnp.int32)


def _check(net: Decoder, params: Any, rows: jax.Array, steps: int, stop: tuple[int, ...]) -> None:
    tokens = rows.shape[1]
    if steps < 1:
        raise BadInput(f"steps={steps} should be at least 1")
    if isinstance(net, GPT2):
        context, words = net.context, net.vocabulary
        if tokens > context:
            raise BadInput(f"a prompt of {tokens} tokens exceeds the context of {context}")
        if tokens + steps > context:
            raise BadInput(
                f"a prompt of {tokens} tokens and steps={steps} exceed the context of {context}"
            )
    else:
        words = jax.eval_shape(net, params, rows).shape[-1]
    for token in (int(jnp.min(rows)), int(jnp.max(rows)), *stop):
        if not 0 <= token < words:
            raise BadInput(f"the token {token} is none of the vocabulary of {words}")
