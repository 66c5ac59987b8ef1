"""What training and decoding of GPT-2 cost, with torch beside them in the same process.

`gpt2_nano` is nanoGPT's line for a CPU: 4 blocks of 4 heads, 128 wide, context 64, batch 12, 65
letters, AdamW with decay on matrices, clipping, no dropout. Both sides have that net and optimizer,
in float32. torch runs eagerly on one thread, with which it does most in a CPU-second.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import io_callback

from experiments._timing import Candidate, measure
from jaxdl.core import Learner
from jaxdl.language import gpt2
from jaxdl.language.generate import write_tokens
from jaxdl.language.sampling import Sampling
from jaxdl.losses import cross_entropy, mean_cross_entropy
from jaxdl.nn import GPT2
from jaxdl.ops import make_optimizer

LETTERS = 65
NANO = GPT2(LETTERS, context=64, width=128, depth=4, heads=4)
BATCH = 12
STEPS = 10  # in a call
ROWS, WORDS = 8_192, 50_257
PRODUCTS = 32  # of the matmul that is the ceiling
CHUNKS = 512, 2_048, 8_192  # rows of logits held on an accelerator, beside the default
WRITTEN = 128  # tokens that follow a prompt of one
PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}  # FLOP/s of dense bfloat16, datasheets


def optimizer():
    """Returns AdamW as nanoGPT has it."""
    return make_optimizer(
        optimizer="adamw", learning_rate=1e-3, steps=1, weight_decay=0.1, max_norm=1.0, b2=0.99
    )


def run_steps(learner: Learner) -> Callable:
    """Returns key, state, windows [N, B, T + 1] -> the state after N steps, and their losses."""

    def run(key, state, windows):
        def step(state, drawn):
            state, metrics = learner.step(*drawn[:1], state, drawn[1])
            return state, metrics["loss"]

        return jax.lax.scan(step, state, (jax.random.split(key, len(windows)), windows))

    return run


def gpt2_nano(peers: bool | str) -> list[dict]:
    """Times training of 10 steps a call; an item is a token."""
    learner = gpt2(NANO, optimizer())
    key = jax.random.key(0)
    shape = STEPS, BATCH, NANO.context + 1
    windows = jax.random.randint(key, shape, 0, LETTERS)
    args = key, jax.jit(learner.init)(key), windows
    items = STEPS * BATCH * NANO.context
    candidates = {"jaxdl": Candidate(run_steps(learner), args, items, "unrolled layers")}
    if torch := load_torch(peers):
        steps = torch.training(np.asarray(windows), NANO)
        candidates["torch"] = torch_candidate(steps, items, "eager, 1 thread")
    return measure("gpt2_nano", candidates)


def cross_entropy_50k(peers: bool | str) -> list[dict]:
    """Times value and gradients for 8,192 tokens of a vocabulary of 50,257; an item is a token."""
    del peers
    width, dtype = (128, "float32") if jax.default_backend() == "cpu" else (768, "bfloat16")
    keys = jax.random.split(jax.random.key(0), 3)
    hidden = jax.random.normal(keys[0], (ROWS, width), dtype)
    table = 0.02 * jax.random.normal(keys[1], (WORDS, width))
    targets = jax.random.randint(keys[2], (ROWS,), 0, WORDS)

    def dense(hidden, table, targets):
        logits = (hidden @ table.T.astype(dtype)).astype(jnp.float32)
        picked = jnp.take_along_axis(logits, targets[:, None], axis=1)[:, 0]
        return jax.nn.logsumexp(logits, axis=1) - picked

    forms = {
        "jaxdl": (mean_cross_entropy, "mean_cross_entropy, gradients beside the value"),
        "jaxdl, rows": (cross_entropy, "cross_entropy, a loss for each row"),
        "dense": (dense, "holds [8192, 50257]"),
    }
    if jax.default_backend() != "cpu":
        forms |= {
            f"jaxdl, {chunk} rows": (partial(mean_cross_entropy, chunk=chunk), "in a chunk")
            for chunk in CHUNKS
        }
    candidates = {
        who: Candidate(
            jax.value_and_grad(lambda *args, loss=loss: jnp.mean(loss(*args)), (0, 1)),
            (hidden, table, targets),
            ROWS,
            f"{note}; width {width}, {dtype}",
        )
        for who, (loss, note) in forms.items()
    }
    return measure("cross_entropy_50k", candidates)


def decode_nano(peers: bool | str) -> list[dict]:
    """Times drawing 128 tokens from a cache, of 1 and of 64 texts; an item is a token."""
    net = NANO.clone(context=1 + WRITTEN)
    key = jax.random.key(0)
    params = jax.jit(net.init)(key, jnp.zeros((1, 1), jnp.int32))["params"]
    rows = []
    for texts in (1, 64):
        prompt = jnp.zeros((texts, 1), jnp.int32)

        def write(key, params, prompt, texts=texts):
            first = jnp.zeros(texts, jnp.int32)
            return write_tokens(net, params, key, prompt, first, WRITTEN, Sampling(1.0), ())

        items = texts * WRITTEN
        candidates = {"jaxdl": Candidate(write, (key, params, prompt), items, "one program")}
        if torch := load_torch(peers):
            draw = torch.decoding(net, texts, WRITTEN)
            candidates["torch"] = torch_candidate(draw, items, "eager with a cache, 1 thread")
        rows += measure(f"decode_nano_{texts}", candidates)
    return rows


def gpt2_124m(peers: bool | str) -> list[dict]:
    """Times training of GPT-2 124M on an accelerator; an item is a token.

    The notes have the share of the peak by two counts of FLOPs: 6 N a token, and with attention
    6 N + 12 L T D (Chowdhery et al. 2022, appendix B). The ceiling is a matmul measured beside it.
    torch, compiled, needs memory of its own: XLA_PYTHON_CLIENT_MEM_FRACTION=.5.
    """
    if jax.default_backend() == "cpu":
        return []
    backend = "cudnn" if jax.default_backend() == "gpu" else "splash"
    net = GPT2(50_304, dtype=jnp.bfloat16, backend=backend)
    learner = gpt2(net, optimizer())
    key = jax.random.key(0)
    state = jax.jit(learner.init)(key)
    tokens = jax.random.randint(key, (2, 32, net.context + 1), 0, net.vocabulary)
    items = tokens.shape[0] * tokens.shape[1] * net.context
    side = 8_192
    square = jax.random.normal(key, (side, side), jnp.bfloat16)  # on ones it would run faster

    def products(x):  # many in a call, whose beginning and end take as long as one
        scale = jnp.asarray(side**-0.5, x.dtype)
        return jax.lax.fori_loop(0, PRODUCTS, lambda i, y: (x @ y) * scale, x)

    candidates = {
        "jaxdl": Candidate(run_steps(learner), (key, state, tokens), items),
        "matmul": Candidate(products, (square,), PRODUCTS, f"bfloat16, {side} x {side}, in a row"),
    }
    if torch := load_torch(peers, "gpu"):
        steps = torch.training(np.asarray(tokens), net, "cuda")
        candidates["torch"] = torch_candidate(steps, items, "torch.compile, autocast to bfloat16")
    rows = measure("gpt2_124m", candidates)
    size = sum(x.size for x in jax.tree.leaves(state.params))
    counts = {"6N": 6 * size, "6N + 12LTD": 6 * size + 12 * net.depth * net.context * net.width}
    ceiling = 2 * side**3 * rows[1]["items_per_second"]
    kind = jax.devices()[0].device_kind
    peak = next((value for name, value in PEAKS.items() if name in kind), None)
    shares = []
    for name, count in counts.items():
        rate = count * rows[0]["items_per_second"]
        shares.append(f"{name}: {rate / ceiling:.1%} of the matmul measured beside it")
        shares += [f"{rate / peak:.1%} of the datasheet"] if peak else []
    rows[0]["note"] = ", ".join(shares)
    return rows


def load_torch(peers: bool | str, platform: str = "cpu"):
    """Loads the net of torch, where peers are asked for on this platform and it is installed."""
    if not peers or jax.default_backend() != platform:
        return None
    try:
        from experiments.language import _torch_gpt2
    except ImportError:
        return None
    return _torch_gpt2


def torch_candidate(step: Callable[[], float], items: int, note: str) -> Candidate:
    """Makes a candidate of a function of torch, which keeps a state of its own."""

    def call():
        return io_callback(lambda: np.float32(step()), jax.ShapeDtypeStruct((), jnp.float32))

    return Candidate(call, (), items, note)


CASES = {
    "gpt2_nano": gpt2_nano,
    "cross_entropy_50k": cross_entropy_50k,
    "decode_nano": decode_nano,
    "gpt2_124m": gpt2_124m,
}
