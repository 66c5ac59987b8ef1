"""What nets of several sizes tell of held-out text, and what they can do untaught.

Every net is trained once, and asked for all claims that are made of sizes.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments import zero_shot
from experiments._claim import Claim, Verdict, decide
from experiments._language_model import LanguageModel
from experiments.language import _setup
from experiments.language.gpt2 import ABOUT, PRESETS, build
from jaxdl.launch import configure, train

if TYPE_CHECKING:
    import numpy as np

    from experiments.language.gpt2 import Config
    from jaxdl.core import TrainState


class Tier(NamedTuple):
    """How much is trained and asked.

    Attributes:
      seeds: runs of each size.
      settings: of all of them.
      sizes: (width, depth) of the nets, rising.
      questions: of each kind, at most.
    """

    seeds: int
    settings: dict[str, Any]
    sizes: tuple[tuple[int, int], ...]
    questions: int


TIERS = {
    "smoke": Tier(
        2,
        {"steps": 4, "steps_per_call": 2, "text": "topics", "scored_tokens": 2_000},
        ((16, 1), (32, 2)),
        4,
    ),
    "cpu": Tier(
        5,
        {"steps": 300, "scored_tokens": 60_000},
        ((16, 2), (32, 2), (64, 3), (128, 4)),
        200,
    ),
    "gpu": Tier(
        5,
        {"steps": 3_000, "batch_size": 64, "context": 256},
        ((64, 3), (128, 4), (256, 6), (384, 6), (512, 8)),
        1_000,
    ),
}
CLOZE = ("last word", "names", "nouns")  # what the paper's table has


class Net(NamedTuple):
    """What was trained of one size.

    Attributes:
      size: its parameters.
      config: of the launch file.
      state: of all seeds.
      bits: of a byte of held-out text [S].
    """

    size: int
    config: "Config"
    state: "TrainState"
    bits: "np.ndarray"


@cache
def trained_sizes(tier: str) -> list[Net]:
    """Trains every size."""
    import jax
    import numpy as np

    plan = TIERS[tier]
    found = []
    for width, depth in plan.sizes:
        settings = plan.settings | {"num_seeds": plan.seeds, "width": width, "depth": depth}
        preset = "smoke" if tier == "smoke" else "cpu"
        config = configure("gpt2", PRESETS, preset, settings | {"eval_every": 0})
        state, result = train(build, config, about=ABOUT)
        bits = np.asarray(result["metrics"]["eval/bits_per_byte"]["values"])
        size = sum(x[0].size for x in jax.tree.leaves(state.params))
        found.append(Net(size, config, state, bits))
    return found


def params_of(net: Net, seed: int) -> Any:
    """Returns the parameters of one seed."""
    import jax

    return jax.tree.map(lambda x: x[seed], net.state.params)


def bits_on_code(net: Net) -> "np.ndarray":
    """Returns the bits per byte [S] of Python's source code, which nobody was trained on."""
    import dataclasses

    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl.language.corpus import bits_per_byte
    from jaxdl.language.gpt2 import token_losses

    config = net.config
    text = dataclasses.replace(config.text, text="source")
    scored = _setup.held_out(text, context=config.decoder.context)
    model = _setup.decoder(config.decoder, text)
    rows = np.asarray(scored.rows, np.int32)
    parts = np.array_split(np.arange(len(rows)), -(-len(rows) // 64))

    @jax.jit
    def nats(params, rows, weights):
        return jnp.sum(weights * token_losses(model, params, rows))

    totals = []
    for seed in range(config.run.num_seeds):
        params = params_of(net, seed)
        total = sum(float(nats(params, rows[part], scored.weights[part])) for part in parts)
        totals.append(bits_per_byte(total, scored.num_bytes))
    return np.array(totals)


def compare_sizes(tier: str) -> Verdict:
    """Measures the slope of bits per byte over the logarithm of the parameters, and each gain."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    nets = trained_sizes(tier)
    logs = np.log10([net.size for net in nets])
    gaps, numbers, texts = {}, {}, []
    kinds: dict[str, Callable[[Net], np.ndarray]] = {
        "the same kind": lambda net: net.bits,
        "source code": bits_on_code,
    }
    for name, measure in kinds.items():
        bits = np.stack([measure(net) for net in nets])  # [sizes, S]
        slope = -np.polyfit(logs, bits, 1)[0]
        gaps[f"{name}: bits per byte less for ten times the parameters"] = interval(slope)
        steps = -np.diff(bits, axis=0)
        gaps |= {f"{name}: gain of size {i + 2}": interval(gain) for i, gain in enumerate(steps)}
        rows = zip(nets, bits, strict=True)
        numbers |= {f"{name}, {net.size:,} parameters": interval(row) for net, row in rows}
        means = ", ".join(f"{row.mean():.3f}" for row in bits)
        texts.append(f"{name}: {means}, slope {show(interval(slope))}")
    summary = f"bits per byte of {len(nets)} sizes from {nets[0].size:,} to {nets[-1].size:,}; "
    return Verdict(decide(*gaps.values()), summary + "; ".join(texts), numbers | gaps)


def ask(nets: Sequence[Net], questions: int) -> "dict[str, np.ndarray]":
    """Asks all nets the same questions, of text that none has learned from.

    Returns:
      Name and unit of a score -> scores [K, S] of each size and seed.
    """
    import numpy as np

    from jaxdl.language.scoring import Model

    text = nets[0].config.text
    tokenizer = _setup.open_tokenizer(text)
    config = zero_shot.Config(questions=questions, text_bytes=1)
    made = LanguageModel(None, None, tokenizer, Path(), text)
    _, _, *asked = zero_shot.open_texts(made, config)  # bits are measured without it
    scores: dict[str, list[list[float]]] = {}
    for net in nets:
        model = _setup.decoder(net.config.decoder, text)
        of_size: dict[str, list[float]] = {}
        for seed in range(net.config.run.num_seeds):
            one = Model(model, params_of(net, seed), tokenizer)
            for figure in (figure for measure in asked for figure in measure(one)):
                of_size.setdefault(f"{figure.name}, {figure.unit}", []).append(figure.score)
        for name, values in of_size.items():
            scores.setdefault(name, []).append(values)
    return {name: np.array(rows) for name, rows in scores.items()}


def compare_zero_shot(tier: str) -> Verdict:
    """Measures the slope of each score over the logarithm of the parameters, by seed.

    Those of the paper's table decide. Perplexities count by their logarithms, and fall.
    """
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    plan, nets = TIERS[tier], trained_sizes(tier)
    logs = np.log10([net.size for net in nets])
    gaps, numbers, texts = {}, {}, []
    for name, scores in ask(nets, plan.questions).items():
        is_perplexity = name.endswith("perplexity")
        rising = -np.log(scores) if is_perplexity else scores
        unit = "nats a word less" if is_perplexity else "points"
        # Rounded, so that equal scores have no slope, whatever the arithmetic leaves.
        slope = interval(np.round(np.polyfit(logs, rising, 1)[0], 9))
        found = gaps if name.startswith(CLOZE) else numbers
        found[f"{name}: {unit} for ten times the parameters"] = slope
        for net, row in zip(nets, scores, strict=True):
            numbers[f"{name}, {net.size:,} parameters"] = interval(row)
        for i, gain in enumerate(np.diff(rising, axis=0)):
            numbers[f"{name}: gain of size {i + 2}"] = interval(gain)
        means = ", ".join(f"{row.mean():.4g}" for row in scores)
        texts.append(f"{name}: {means}, slope {show(slope)} {unit}")
    summary = f"{len(nets)} sizes from {nets[0].size:,} to {nets[-1].size:,} parameters; "
    return Verdict(decide(*gaps.values()), summary + "; ".join(texts), numbers | gaps)


CLAIMS = [
    Claim(
        "sizes",
        "larger nets tell held-out text better, of the kind that they were trained on and of "
        "another (117M to 1542M: 1.16, 1.01, 0.97, 0.93 bits per byte of enwik8)",
        "Radford et al. 2019, table 3 and figure 4",
        compare_sizes,
    ),
    Claim(
        "zero_shot",
        "larger nets fill in words better, untaught: the last one of a passage (117M to 1542M: "
        "45.99 to 63.24 % of LAMBADA, perplexity 35.13 to 8.63), and names and nouns left out "
        "(Children's Book Test, 83.4 to 89.05 % and 87.65 to 93.30 %), here of questions made of "
        "Python's documentation, if it has ten of a kind; every slope over the logarithm of the "
        "parameters is above 0. Classification by what goes on from a text stands beside them and "
        "does not decide, since the table has none",
        "Radford et al. 2019, table 3",
        compare_zero_shot,
    ),
]
