"""Tokens that come one by one, against full forward passes over what is seen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import language
from jaxdl.core.run import BadInput
from jaxdl.language.sampling import Sampling, choose
from jaxdl.language.streaming import decode_stream, kept, stream
from jaxdl.language.tokenizers import raw_bytes
from jaxdl.nn import GPT2

KEY = jax.random.key(0)
NET = GPT2(13, 16, 8, 2, 2)
WIDE = Sampling(1.3, top_k=9, min_p=0.01)


logits_of = jax.jit(lambda params, row: NET.apply({"params": params}, row))
choose_one = jax.jit(choose, static_argnames="sampling")


@pytest.fixture(scope="module")
def params():
    def init(key):
        params = NET.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
        return jax.tree.map(lambda x: 6 * x + 0.1, params)

    return jax.jit(init)(KEY)


def written(params, prompt, steps, sampling):
    """Passes over all that is seen for each token; of a full context the last half is seen."""
    seen, out = list(prompt), []
    if len(seen) > 16:
        seen = seen[-(16 - min(steps, 8)) :]
    for number in range(steps):
        row = np.array([seen + [0] * (16 - len(seen))])
        last = np.asarray(logits_of(params, row))[:, len(seen) - 1]
        out.append(int(choose_one(jax.random.fold_in(KEY, number), last, sampling)[0]))
        seen = [*seen, out[-1]]
        seen = seen[-8:] if len(seen) > 16 else seen
    return out


@pytest.mark.parametrize("sampling", [Sampling(), WIDE])
@pytest.mark.parametrize(("length", "steps"), [(3, 8), (15, 30), (40, 5)])
def test_tokens_are_those_of_full_forward_passes_over_what_is_seen(params, sampling, length, steps):
    prompt = jax.random.randint(KEY, (length,), 0, 13).tolist()
    found = list(stream(NET, params, prompt, steps=steps, key=KEY, sampling=sampling))
    assert found == written(params, prompt, steps, sampling)
    assert len(set(found)) > 1


def test_tokens_are_those_that_generate_writes(params):
    prompt = [1, 2, 3, 4]
    whole = np.asarray(language.generate(NET, params, prompt, steps=8))
    assert list(stream(NET, params, prompt, steps=8)) == whole[4:].tolist()
    stop = int(whole[7])
    before = whole[4 : 4 + whole[4:].tolist().index(stop)].tolist()
    assert list(stream(NET, params, prompt, steps=8, stop=[stop])) == before


def test_a_long_prompt_leaves_room_for_what_follows_but_keeps_half():
    assert [kept(n, 16, 200) for n in (1, 16, 17, 1000)] == [1, 16, 8, 8]
    assert kept(17, 16, 3) == 13
    assert kept(5, 2, 200) == 1


def test_letters_are_held_back_until_they_are_whole():
    parts = list(decode_stream(raw_bytes(), "aé€".encode()))
    assert parts == ["a", "", "é", "", "", "€", ""]
    assert list(decode_stream(raw_bytes(), [0xE2, 0x82])) == ["", "", "\ufffd"]
    assert "".join(decode_stream(raw_bytes(), [65, 300, 66])) == "A\ufffdB"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"prompt": []}, "at least one token"),
        ({"prompt": [13]}, "the token 13 is none of the vocabulary of 13"),
        ({"prompt": [-1]}, "the token -1"),
        ({"stop": [99]}, "the token 99"),
        ({"steps": 0}, "steps=0 should be at least 1"),
        ({"sampling": Sampling(1.0)}, "needs a key"),
        ({"sampling": Sampling(-1.0)}, "temperature=-1"),
    ],
)
def test_bad_input_is_told_before_anything_is_written(params, change, line):
    with pytest.raises(BadInput, match=line):
        stream(NET, params, **({"prompt": [1], "steps": 2} | change))
