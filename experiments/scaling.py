"""Trains GPT-2 at several widths, and tells the loss of the largest from those of the others.

One width is tuned: --rates are tried at --width. muP carries the best of them to all --widths (Yang
et al. 2022), and --checked widths try all rates again. The losses of all widths but the last are
fitted by a power law of parameters (Kaplan et al. 2020, eq. 1.1), which predicts that of the last.
Each training is an ordinary run of gpt2 below the folder; a command that is started again goes on
where it was. Writes scaling.json and scaling.html.

    ./run scaling
    ./run scaling --text=<folder> --widths=32,64,128,256 --num_seeds=5
    ./run scaling --preset=gpu --text=<folder>
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from experiments.language import gpt2
from experiments.language._options import Batches, Decoder, Text
from jaxdl.core.run import BadInput, NonFinite, Run, option
from jaxdl.launch.flags import configure, launch_tool, train_system
from jaxdl.launch.options import Optimizer


@dataclass(frozen=True)
class Config:
    """What is trained; the decoder's width is the one that is tuned."""

    run: Run = Run(steps=500, steps_per_call=50, num_seeds=3)
    text: Text = Text(scored_tokens=100_000)
    decoder: Decoder = Decoder(width=32, depth=2, heads=2)
    optimizer: Optimizer = Optimizer("adamw", 1e-3, "cosine", warmup=0.05, max_norm=1.0)
    batches: Batches = Batches(8)
    widths: tuple[int, ...] = option(
        (16, 32, 48, 64, 96), "rising; the loss of the last one is predicted", at_least=1
    )
    rates: tuple[float, ...] = option((1e-3, 2e-3, 4e-3, 8e-3), "tried at the tuned width", above=0)
    checked: tuple[int, ...] = option((64,), "widths that try all rates again", at_least=1)

    def __post_init__(self):
        widths, size = self.widths, self.head
        if not self.rates:
            raise BadInput("--rates is empty: it should hold one learning rate or more")
        if len(widths) < 3 or list(widths) != sorted({*widths}):
            raise BadInput(f"--widths={shown(widths)} should be three or more, and rise")
        for width in (*widths, *self.checked):
            if width % size:
                raise BadInput(f"width {width} should be a multiple of {size}, the size of a head")

    @property
    def head(self) -> int:
        """Size of a head of attention, which is the same at all widths."""
        return max(self.decoder.width // self.decoder.heads, 1)


PRESETS = {
    "smoke": Config(
        Run(steps=4, steps_per_call=2, num_seeds=2),
        Text("topics", scored_tokens=500),
        Decoder(context=8, width=8, depth=1, heads=1),
        batches=Batches(4),
        widths=(8, 16, 24),
        rates=(1e-2, 2e-2),
        checked=(16,),
    ),
    "cpu": Config(),
    "gpu": Config(  # 0.2M to 40M parameters in the blocks
        Run(steps=2_000, steps_per_call=50, num_seeds=3),
        decoder=Decoder(256, 128, 6, 2, bfloat16=True),
        batches=Batches(64),
        widths=(64, 128, 192, 256, 384, 512, 768),
        checked=(256,),
    ),
}


class Trained(NamedTuple):
    """What runs of one width and rate came to.

    Attributes:
      width: of the net.
      rate: of learning.
      size: N, parameters without those of the embeddings (Kaplan et al. 2020, section 2.1).
      flops: of the training, 6 N a token (the same section).
      losses: of held-out text in nats a token, one for each seed; none where one was not finite.
    """

    width: int
    rate: float
    size: int
    flops: float
    losses: tuple[float, ...]


def main(config: Config) -> dict[str, Any]:
    """Trains all, fits, and writes the figures; returns what scaling.json holds."""
    import numpy as np

    from jaxdl import pages
    from jaxdl.language.power_law import LEVEL, fit_power_law, predict

    folder = Path(config.run.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config.run.config, indent=2) + "\n", "utf-8")
    tuned = [attempt(config, config.decoder.width, rate) for rate in config.rates]
    rate = min(tuned, key=mean).rate
    found = [train(config, width, rate) for width in config.widths]
    checks = [attempt(config, width, rate) for width in config.checked for rate in config.rates]
    sizes = np.array([one.size for one in found])
    losses = np.array([one.losses for one in found])
    law = fit_power_law(sizes[:-1], losses[:-1], seed=config.run.seed)
    predicted = predict(law, sizes)
    result = {
        "rate": rate,
        "tuned": [one._asdict() for one in tuned],
        "checked": [one._asdict() for one in checks],
        "widths": [one._asdict() for one in found],
        "alpha": law.alpha,
        "alpha_interval": np.percentile(law.alphas, LEVEL).tolist(),
        "factor": law.factor,
        "predicted": [x[-1] for x in map(np.ndarray.tolist, predicted)],
        "measured": mean(found[-1]),
    }
    (folder / "scaling.json").write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    head, rows = table(found, predicted)
    pages.print_table(head, rows)
    text = f"{verdict(result)} {carried(result)}"
    pages.print_text(f"{text}\njaxdl: written to {folder / 'scaling.json'} and scaling.html")
    parts = [
        pages.section("Loss by size", text=text, head=head, rows=rows,
                      figures=[pages.svg(draw(found, law), CAPTION)]),
        pages.section("Learning rates", head=RATES,
                      rows=[rate_row(one) for one in (*tuned, *checks)]),
    ]  # fmt: skip
    pages.write_page(folder / "scaling.html", pages.page("scaling", str(folder), parts))
    return result


CAPTION = (
    "Loss of held-out text over parameters without embeddings, with the runs of each size and the "
    "law's 95 % band, which tells the noise of seeds alone. The law has not seen the last size. "
    "All sizes have seen as many tokens, so over compute the law has the same power."
)
RATES = ("width", "learning rate", "loss", "runs")


def train(config: Config, width: int, rate: float) -> Trained:
    """Trains one width at one rate, or goes on with it; finished runs are scored again."""
    import jax

    name = f"width-{width}-rate-{rate:g}"
    cell = gpt2.Config(
        run=config.run,
        text=config.text,
        decoder=replace(
            config.decoder,
            width=width,
            heads=width // config.head,
            base_width=config.decoder.width,
        ),
        optimizer=replace(config.optimizer, learning_rate=rate),
        batches=config.batches,
        pages=0,
    )
    workdir = str(Path(config.run.workdir) / name)
    cell = configure("gpt2", {"cpu": cell}, "cpu", {"workdir": workdir})
    state, result = train_system(gpt2.build, cell, gpt2.ABOUT)
    blocks = state.params["transformer"]
    seeds = config.run.num_seeds
    size = sum(x.size for x in jax.tree.leaves(blocks)) // seeds
    loss = result["metrics"]["eval/loss"]
    losses = tuple(loss["values"]) if seeds > 1 else (loss,)
    tokens = config.run.steps * config.batches.batch_size * config.decoder.context
    return Trained(width, rate, size, 6.0 * size * tokens, losses)


def attempt(config: Config, width: int, rate: float) -> Trained:
    """Trains one width at a rate that may be too high for it."""
    from jaxdl.pages import print_text

    try:
        return train(config, width, rate)
    except NonFinite as error:
        print_text(f"jaxdl: width {width} at the rate {rate:g}: {error}")
        return Trained(width, rate, 0, 0.0, ())


def mean(one: Trained) -> float:
    """Returns the mean loss of the runs; infinity where there is none."""
    return sum(one.losses) / len(one.losses) if one.losses else math.inf


def table(found: list[Trained], predicted: Any) -> tuple[tuple[str, ...], list[tuple]]:
    """Returns the losses of all sizes beside what the law says of them."""
    head = ("width", "parameters", "FLOP", "loss", "by the law", "95 % band", "seen by the law")
    rows = []
    for i, one in enumerate(found):
        law, low, high = (x[i] for x in predicted)
        seen = "no" if i == len(found) - 1 else "yes"
        band = f"{low:.4f} to {high:.4f}"
        loss = round(mean(one), 4)
        rows.append((one.width, one.size, f"{one.flops:.2g}", loss, f"{law:.4f}", band, seen))
    return head, rows


def rate_row(one: Trained) -> tuple:
    """Returns a line of the table of learning rates."""
    loss = f"{mean(one):.4f}" if one.losses else "not finite"
    return one.width, f"{one.rate:g}", loss, len(one.losses)


def verdict(result: dict[str, Any]) -> str:
    """Says how the last size compares with what was predicted."""
    loss, low, high = result["predicted"]
    measured = result["measured"]
    place = "inside" if low <= measured <= high else "outside"
    begin, end = result["alpha_interval"]
    return (
        f"Loss falls with parameters to the power {-result['alpha']:.4f} ({-end:.4f} to "
        f"{-begin:.4f}). Of the largest size the law says {loss:.4f} ({low:.4f} to {high:.4f}); "
        f"measured: {measured:.4f}, {place} the band, {measured / loss - 1:+.1%} off."
    )


def carried(result: dict[str, Any]) -> str:
    """Says whether the tuned rate is the best at the widths that were checked."""
    best: dict[int, dict] = {}
    for one in result["checked"]:
        loss = mean(Trained(**one))
        if one["width"] not in best or loss < mean(Trained(**best[one["width"]])):
            best[one["width"]] = one
    lines = [f"the best at width {width} is {one['rate']:g}" for width, one in best.items()]
    text = "; ".join([f"The tuned width's best rate is {result['rate']:g}", *lines]) + "."
    tried = [one["rate"] for one in result["tuned"]]
    if len(tried) > 1 and result["rate"] in (min(tried), max(tried)):
        text += " It is the first or last that was tried: the best may lie beyond."
    return text


def draw(found: list[Trained], law: Any) -> Any:
    """Draws losses over sizes, on logarithmic axes."""
    import matplotlib
    import numpy as np
    from matplotlib.figure import Figure

    from jaxdl.language.power_law import predict
    from jaxdl.pages import COLORS, STYLE

    sizes = np.geomspace(found[0].size, found[-1].size, 50)
    line = predict(law, sizes)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6, 3.6), layout="constrained")
        panel = figure.subplots()
        panel.fill_between(sizes, line.low, line.high, color=COLORS[0], alpha=0.2, lw=0)
        panel.plot(sizes, line.loss, color=COLORS[0])
        for i, one in enumerate(found):
            color = COLORS[1] if i == len(found) - 1 else COLORS[0]
            panel.plot([one.size] * len(one.losses), one.losses, "o", color=color, ms=4)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("parameters")
        panel.set_ylabel("loss (nats a token)")
    return figure


def shown(widths: tuple[int, ...]) -> str:
    """Writes widths as their flag does."""
    return ",".join(map(str, widths))


if __name__ == "__main__":
    launch_tool(main, PRESETS)
