"""How rates of learning and losses go with width, by muP and by a law, and how it is measured.

All rates of a width are one program, and all seeds of a rate are side by side in it. That is sound
since the rate is the last factor of AdamW's updates, so that it need not be known when the program
is compiled. The text is the held-out part of Python's own documentation.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.language import _setup
from experiments.language.gpt2 import PRESETS
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

    from jaxdl.core import TrainState
    from jaxdl.nn import GPT2

SCORED_ROWS = 64  # that are scored at a time


class Tier(NamedTuple):
    """What a tier trains.

    Attributes:
      seeds: runs of each width and rate.
      settings: of all of them.
      head: size of a head, the same at all widths.
      rates: that are tried, each twice the one before.
      widths: of the nets, rising. muP leads from the first one; of a law, the last is predicted.
    """

    seeds: int
    settings: dict[str, Any]
    head: int
    rates: tuple[float, ...]
    widths: tuple[int, ...]


SMALL = {"depth": 1, "context": 8, "batch_size": 2, "scored_tokens": 200, "text": "topics"}
MUP = {
    "smoke": Tier(2, SMALL | {"steps": 2}, 4, (1e-2, 2e-2, 4e-2), (4, 8)),
    "cpu": Tier(
        5,
        {"steps": 300, "depth": 2, "context": 32, "batch_size": 4, "scored_tokens": 20_000},
        16,
        (1.25e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3),
        (64, 256),
    ),
    "gpu": Tier(
        5,
        {"steps": 2_000, "depth": 4, "context": 128, "batch_size": 32, "scored_tokens": 100_000},
        32,
        (6.25e-5, 1.25e-4, 2.5e-4, 5e-4, 1e-3, 2e-3, 4e-3, 8e-3),
        (64, 256),
    ),
}
LAW = {
    "smoke": Tier(2, SMALL | {"steps": 2}, 4, (1e-2, 2e-2), (4, 8, 12)),
    "cpu": Tier(
        5,
        {"steps": 1_500, "depth": 2, "batch_size": 8, "scored_tokens": 40_000},
        8,
        (2e-3, 4e-3, 8e-3, 1.6e-2),
        (8, 16, 24, 32, 48, 64),
    ),
    "gpu": Tier(
        5,
        {"steps": 5_000, "depth": 4, "context": 128, "batch_size": 64, "scored_tokens": 200_000},
        32,
        (1e-3, 2e-3, 4e-3, 8e-3),
        (32, 64, 96, 128, 192, 256, 384),
    ),
}


class Trained(NamedTuple):
    """What runs of one width came to.

    Attributes:
      size: parameters without those of the embeddings (Kaplan et al. 2020, section 2.1).
      losses: of held-out text in nats a token [R, S], of each rate and seed.
    """

    size: int
    losses: "np.ndarray"


def train_rates(plan: Tier, width: int, base_width: int, rates: Sequence[float]) -> Trained:
    """Trains nets of one width at several rates, each from the same seeds and on the same text.

    Args:
      plan: what else they have in common.
      width: of the nets.
      base_width: of muP; 0 for the standard parametrization.
      rates: R, at their peak.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    from jaxdl import language
    from jaxdl.ops.mup import mup_rates

    heads = max(width // plan.head, 1)
    settings = plan.settings | {"width": width, "heads": heads, "base_width": base_width}
    config = configure("gpt2", PRESETS, "cpu", settings | {"learning_rate": 1.0})
    text, context = config.text, config.decoder.context
    net = _setup.decoder(config.decoder, text)
    tx = _setup.optimizer(config.optimizer, config.run)
    tx = mup_rates(tx, width, base_width) if base_width else tx
    rows = config.batches.batch_size
    stretches = _setup.training(text, context=context, batch_size=rows).arrays
    scored = _setup.held_out(text, context=context)

    def run(rate, key, stretches, windows, weights):
        learner = language.gpt2(net, optax.chain(tx, optax.scale(rate)))
        init_key, train_key = jax.random.split(key)

        def step(state: "TrainState", key):
            draw_key, step_key = jax.random.split(key)
            drawn = jax.random.randint(draw_key, (rows,), 0, len(stretches))
            return learner.step(step_key, state, stretches[drawn])[0], ()

        keys = jax.random.split(train_key, config.run.steps)
        state, _ = jax.lax.scan(step, learner.init(init_key), keys)
        return score(net, state.params, windows, weights)

    @jax.jit
    def run_all(rates, keys, *texts):
        of_seeds = jax.vmap(run, (None, 0, None, None, None))
        return jax.lax.map(lambda rate: of_seeds(rate, keys, *texts), rates)

    keys = jax.vmap(jax.random.key)(np.arange(plan.seeds))
    losses = run_all(np.float32(rates), keys, stretches, np.int32(scored.rows), scored.weights)
    tokens = jnp.zeros((1, 1), jnp.int32)
    shapes = jax.eval_shape(net.init, jax.random.key(0), tokens)["params"]["transformer"]
    return Trained(sum(x.size for x in jax.tree.leaves(shapes)), np.asarray(losses, np.float64))


def score(net: "GPT2", params: Any, windows: Any, weights: Any) -> Any:
    """Returns the mean loss of windows [M, T + 1] where their weights [M, T] are 1."""
    import jax
    import jax.numpy as jnp

    from jaxdl.language.gpt2 import token_losses

    def nats(row):
        window, weight = row
        return jnp.sum(weight * token_losses(net, params, window[None])[0])

    found = jax.lax.map(nats, (windows, weights), batch_size=SCORED_ROWS)
    return jnp.sum(found) / jnp.sum(weights)


def best_rates(rates: Sequence[float], losses: "np.ndarray") -> "np.ndarray":
    """Finds each seed's best rate by a parabola through its lowest loss and the two beside it.

    Args:
      rates: R, each twice the one before.
      losses: [R, S]; where one is not finite, the rate is out of the question.

    Returns:
      Logarithms [S] to the base 2. Where the lowest loss is the first or the last, that is taken.
    """
    import numpy as np

    found = []
    for row in np.where(np.isfinite(losses), losses, np.inf).T:
        best = int(row.argmin())
        sides = row[[max(best - 1, 0), min(best + 1, len(row) - 1)]]
        offset = 0.0
        if 0 < best < len(row) - 1 and np.isfinite(sides).all():
            bend = sides.sum() - 2 * row[best]
            offset = (sides[0] - sides[1]) / (2 * bend) if bend else 0.0
        found.append(np.log2(rates[best]) + offset)
    return np.array(found)


def compare_widths(tier: str) -> Verdict:
    """Measures how far the best rate of the wider nets lies from that of the narrower, by seed.

    Holds where the interval of the distance with muP, in doublings, lies below 1, and the interval
    of how far it falls without muP lies above 1.
    """
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    plan = MUP[tier]
    narrow, wide = plan.widths
    # At the base width muP changes nothing: one net stands for both.
    kinds = {
        f"width {narrow}": (narrow, 0),
        f"width {wide} by muP": (wide, narrow),
        f"width {wide} without": (wide, 0),
    }
    losses = {name: train_rates(plan, *kind, plan.rates).losses for name, kind in kinds.items()}
    best = {name: best_rates(plan.rates, found) for name, found in losses.items()}
    at_base, by_mup, without = best.values()
    gaps = {
        "a factor of 2 over the distance by muP, in doublings": interval(1 - abs(by_mup - at_base)),
        "fall without muP over a factor of 2, in doublings": interval(at_base - without - 1),
    }
    numbers = {f"best rate of {name}, log2": interval(x) for name, x in best.items()}
    for name, found in losses.items():
        rows = zip(plan.rates, found, strict=True)
        numbers |= {f"loss of {name} at {rate:g}": interval(x) for rate, x in rows}
    means = [f"{name} {2 ** x.mean():.2g}" for name, x in best.items()]
    ends = np.isin(np.stack([*best.values()]), np.log2([plan.rates[0], plan.rates[-1]]))
    shifts = [show(interval(x - at_base)) for x in (by_mup, without)]
    summary = (
        f"best rates: {', '.join(means)}; in doublings from the narrow one's {shifts[0]} by muP, "
        f"{shifts[1]} without; {int(ends.sum())} of {ends.size} bests are the first or the last "
        f"rate that was tried; {plan.settings['steps']:,} steps"
    )
    return Verdict(decide(*gaps.values()), summary, numbers | gaps)


def compare_with_law(tier: str) -> Verdict:
    """Compares the loss of the largest net with what a law of the smaller ones' says of it.

    The rate is tuned at the second width, and muP carries it. Holds where the mean loss lies within
    the law's 95 % band and the largest net's interval of gain over the next one, which the law has
    seen, lies above 0; fails where the interval of the loss lies outside the band as a whole.
    """
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.language.power_law import fit_power_law, predict
    from jaxdl.pages import show

    plan = LAW[tier]
    base = plan.widths[1]
    tuned = train_rates(plan, base, base, plan.rates)
    best = int(np.nanargmin(tuned.losses.mean(axis=1)))
    rate = plan.rates[best]
    found = {
        width: train_rates(plan, width, base, (rate,)) for width in plan.widths if width != base
    }
    found[base] = Trained(tuned.size, tuned.losses[best : best + 1])
    sizes = np.array([found[width].size for width in plan.widths])
    losses = np.stack([found[width].losses[0] for width in plan.widths])  # [K, S]
    law = fit_power_law(sizes[:-1], losses[:-1])
    predicted, low, high = (float(x[0]) for x in predict(law, sizes[-1:]))
    measured, gain = interval(losses[-1]), interval(losses[-2] - losses[-1])
    outside = max(low - measured["mean"], measured["mean"] - high)
    answer = decide(gain)
    if outside > 0:
        answer = "fails" if outside > measured["ci95"] else "undecided"
    numbers = {
        f"nats a token, {size:,} parameters": interval(row)
        for size, row in zip(sizes, losses, strict=True)
    }
    numbers["gain of the largest over the next"] = gain
    band = {"predicted": predicted, "the band begins at": low, "and ends at": high}
    numbers |= {name: interval(value) for name, value in band.items()}
    off = measured["mean"] / predicted - 1
    summary = (
        f"{show(measured)} nats a token of {sizes[-1]:,} parameters; the law of "
        f"{len(sizes) - 1} sizes from {sizes[0]:,} to {sizes[-2]:,} says {predicted:.4f} "
        f"({low:.4f} to {high:.4f}), {off:+.1%} off; power -{law.alpha:.3f}, rate {rate:g}"
    )
    return Verdict(answer, summary, numbers)


CLAIMS = [
    Claim(
        "mup",
        "the best learning rate of width 64 is within a factor 2 of the best at width 256 under "
        "muP; without it, the wider net's is lower by more than that",
        "Yang et al. 2022, figure 1",
        compare_widths,
    ),
    Claim(
        "scaling",
        "loss falls with the parameters by a power law, which tells the loss of a larger net than "
        "it was fitted to: the measured mean lies within its 95 % band",
        "Kaplan et al. 2020, eq. 1.1 and figure 1 (there nets that are trained until they learn no "
        "more)",
        compare_with_law,
    ),
]
