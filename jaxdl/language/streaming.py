"""Text that is shown while it is written: a token at a time, of any length.

A net sees as many tokens as its context has. Where a text outgrows it, the last half of the context
is read again and the text goes on; what stood before is forgotten.
"""

import codecs
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.decoding import Reading, read_prompt, read_token
from jaxdl.language.sampling import Sampling, check_sampling, choose
from jaxdl.language.tokenizers import Tokenizer
from jaxdl.nn.gpt2 import GPT2

GRAINS = 8  # lengths that prompts are filled up to, each of which is compiled once
GREEDY = Sampling()


def stream(
    net: GPT2,
    params: Any,
    prompt: Sequence[int],
    *,
    steps: int,
    key: jax.Array | None = None,
    sampling: Sampling = GREEDY,
    stop: Sequence[int] = (),
) -> Iterator[int]:
    """Continues one prompt, and yields each token as soon as it is known.

    Args:
      net: whose parameters these are.
      params: of it.
      prompt: tokens [N]; `kept` tells how many of them are seen.
      steps: the most tokens that follow.
      key: token i is drawn with fold_in(key, i); needed where anything is drawn.
      sampling: how tokens are drawn.
      stop: tokens that end the text; they are not yielded.

    Raises:
      BadInput: a setting is out of its range, or a token is none of the vocabulary.
    """
    check_sampling(sampling)
    if sampling.temperature and key is None:
        raise BadInput(f"temperature={sampling.temperature:g} draws tokens, and needs a key")
    if steps < 1:
        raise BadInput(f"steps={steps} should be at least 1")
    if not len(prompt):
        raise BadInput("a prompt should hold at least one token")
    for token in (min(prompt), max(prompt), *stop):
        if not 0 <= token < net.vocabulary:
            raise BadInput(f"the token {token} is none of the vocabulary of {net.vocabulary}")
    seen = list(prompt)[-kept(len(prompt), net.context, steps) :]
    key = jax.random.key(0) if key is None else key
    return _write(net, params, seen, steps, key, sampling, frozenset(stop))


def kept(length: int, context: int, steps: int) -> int:
    """Returns how many tokens of a prompt, its last ones, a net of that context sees.

    Args:
      length: of the prompt.
      context: the most tokens that are seen.
      steps: that shall follow: a prompt that is too long leaves room for them, up to half of the
        context.
    """
    return length if length <= context else context - min(steps, context // 2)


def _write(net, params, seen, steps, key, sampling, stop) -> Iterator[int]:
    reading, first = _read_all(net, params, seen)
    for number in range(steps):
        token = _choose(key, number, reading.logits, sampling)
        if len(seen) < net.context:  # begun before the token is looked at, which waits for it
            slot = first[0] + len(seen)
            reading = _read_one(net, params, reading, token, slot, first)
            seen.append(int(token[0]))
        else:
            seen = [*seen, int(token[0])][-(net.context - net.context // 2) :]
            reading, first = _read_all(net, params, seen)
        if seen[-1] in stop:
            return
        yield seen[-1]


def _read_all(net: GPT2, params: Any, seen: Sequence[int]) -> tuple[Reading, jax.Array]:
    """Reads tokens that are filled up at their left, so that few lengths are compiled."""
    grain = max(net.context // GRAINS, 1)
    filled = min(-(-len(seen) // grain) * grain, net.context)
    row = np.zeros((1, filled), np.int32)
    row[0, filled - len(seen) :] = seen
    first = jnp.asarray([filled - len(seen)])
    return _read_prompt(net, params, row, first, net.context + grain), first


_read_prompt = partial(jax.jit, static_argnames=("net", "slots"))(read_prompt)
_read_one = partial(jax.jit, static_argnames="net", donate_argnames="reading")(read_token)


@partial(jax.jit, static_argnames="sampling")
def _choose(key: jax.Array, number: int, logits: jax.Array, sampling: Sampling) -> jax.Array:
    return choose(jax.random.fold_in(key, number), logits, sampling)


def decode_stream(tokenizer: Tokenizer, tokens: Iterable[int]) -> Iterator[str]:
    """Decodes tokens as they come, and holds back a letter until all of its bytes are there.

    What is no UTF-8, and tokens beyond the tokenizer's, become U+FFFD.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for token in tokens:
        is_known = token < len(tokenizer.pieces)
        yield decoder.decode(tokenizer.pieces[token] if is_known else b"\xff")
    yield decoder.decode(b"", final=True)
