"""What pretraining of BERT costs, with the same net over the whole vocabulary beside it.

`bert_nano` has the net and rows of the launch file's `cpu` preset, on random bytes. `bert_heads`
has a vocabulary of 30,522 words: what is gained where the words are told at the 19 masked positions
of 128 alone, rather than at all of them.
"""

import jax
import jax.numpy as jnp
import numpy as np

from experiments._timing import Candidate, measure
from jaxdl.core import Learner
from jaxdl.language import bert, tokenizers
from jaxdl.language.bert import Masking, words_of
from jaxdl.language.sentence_pairs import Rows
from jaxdl.losses import masked_lm_loss, take_positions
from jaxdl.nn import BERT
from jaxdl.ops import make_optimizer

TOKENIZER = tokenizers.raw_bytes(("end", "pad", "start", "separator", "mask"))
STEPS, BATCH, CONTEXT = 10, 32, 64  # steps of a call
ROWS, LENGTH, ASKED, WIDTH, WORDS = 32, 128, 19, 128, 30_522


def run_steps(learner: Learner, key: jax.Array, state, rows: Rows):
    """Takes a step for each of the rows [N, B, L]; returns the state and the losses."""

    def step(state, drawn):
        key, batch = drawn
        state, metrics = learner.step(key, state, batch)
        return state, metrics["loss"]

    return jax.lax.scan(step, state, (jax.random.split(key, len(rows.length)), rows))


def bert_nano(peers: bool | str) -> list[dict]:
    """Times training of 10 steps a call, with and without pairs; an item is a token."""
    del peers
    net = BERT(TOKENIZER.vocab_size, CONTEXT, width=128, depth=4, heads=4)
    tx = make_optimizer(
        optimizer="adamw", learning_rate=1e-3, steps=1, weight_decay=0.01, max_norm=1.0, b2=0.999
    )
    key = jax.random.key(0)
    candidates = {}
    for name, pairs, whole_words in (
        ("jaxdl", True, False),
        ("jaxdl, no pairs", False, False),
        ("jaxdl, whole words", True, True),
    ):
        length = CONTEXT - (3 if pairs else 2)
        tokens = jax.random.randint(key, (STEPS, BATCH, length), 32, 127)
        lengths = jnp.full((STEPS, BATCH), length, jnp.int32)
        documents = jnp.broadcast_to(jnp.arange(BATCH), (STEPS, BATCH))
        masking = Masking(lambda: words_of(TOKENIZER), pairs, whole_words=whole_words)
        learner = bert(net, tx, masking)
        args = key, jax.jit(learner.init)(key), Rows(tokens, lengths, documents)

        def run(key, state, rows, learner=learner):
            return run_steps(learner, key, state, rows)

        note = "masks drawn in the step, unrolled layers"
        candidates[name] = Candidate(run, args, STEPS * BATCH * CONTEXT, note)
    return measure("bert_nano", candidates)


def bert_heads(peers: bool | str) -> list[dict]:
    """Times loss and gradients of the words' head; an item is a row of 128 tokens."""
    del peers
    keys = jax.random.split(jax.random.key(0), 4)
    hidden = jax.random.normal(keys[0], (ROWS, LENGTH, WIDTH))
    table = 0.02 * jax.random.normal(keys[1], (WORDS, WIDTH))
    bias = jnp.zeros(WORDS)
    positions = jnp.asarray(
        np.stack([np.random.default_rng(i).choice(LENGTH, ASKED, False) for i in range(ROWS)])
    )
    targets = jax.random.randint(keys[2], (ROWS, ASKED), 0, WORDS)

    def gathered(hidden, table):
        states = take_positions(hidden, positions)
        return masked_lm_loss(states, table, bias, targets, jnp.ones(targets.shape))

    def whole(hidden, table):
        rows = jnp.arange(ROWS)[:, None]
        labels = jnp.zeros((ROWS, LENGTH), jnp.int32).at[rows, positions].set(targets)
        weights = jnp.zeros((ROWS, LENGTH)).at[rows, positions].set(1.0)
        return masked_lm_loss(hidden, table, bias, labels, weights)

    def dense(hidden, table):
        logp = jax.nn.log_softmax(hidden @ table.T + bias)
        asked = jnp.take_along_axis(logp, positions[..., None], axis=1)
        return -jnp.mean(jnp.take_along_axis(asked, targets[..., None], axis=2))

    forms = {
        "jaxdl": (gathered, "masked positions alone"),
        "all positions": (whole, "weights 0 elsewhere, as Hugging Face's collator has it"),
        "dense": (dense, f"holds [{ROWS}, {LENGTH}, {WORDS}]"),
    }
    candidates = {
        name: Candidate(jax.value_and_grad(loss, (0, 1)), (hidden, table), ROWS, note)
        for name, (loss, note) in forms.items()
    }
    return measure("bert_heads", candidates)


CASES = {"bert_nano": bert_nano, "bert_heads": bert_heads}
