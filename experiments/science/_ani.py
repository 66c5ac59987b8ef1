"""Makes what ANI consists of, and lets a committee choose what is labeled. No JAX at import."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from jaxdl.core.run import BadInput, horizon, option

if TYPE_CHECKING:
    import numpy as np

    from experiments.science.ani import Config
    from jaxdl.core import Learner
    from jaxdl.launch import About, System
    from jaxdl.science.ani import AEVParameters, Molecules, MoleculeSet

WALKERS, KEPT = 64, 8  # molecules of our own side by side, and geometries of each
ROUND = "round"


@dataclass(frozen=True)
class Conformers:
    """Which molecules are learned from."""

    group: ClassVar[str] = "data"

    data: Literal["springs", "ethanol", "ethanol_methanol", "acac", "acac_hot", "3bpa"] = option(
        "springs", "the molecules; springs is a potential of our own and needs no file"
    )
    data_dir: str = option(
        "",
        "where the folders ethanol, acac, 3BPA lie ('': science/ani below JAXDL_DATA)",
        free=True,
    )
    train: int = option(0, "learn from so many molecules, drawn once (0: all)", at_least=0)
    test: int = option(0, "evaluate on so many of each held-out set (0: all)", at_least=0)
    isolated: bool = option(
        False, "take off the energies of single atoms, not those that fit the pool best"
    )


@dataclass(frozen=True)
class Nets:
    """Which nets learn, and what counts."""

    group: ClassVar[str] = "net"

    members: int = option(1, "nets of each element, a committee", at_least=1)
    hidden: tuple[int, ...] = option((), "widths of hidden layers (none: ANI-1x's)", at_least=1)
    energy_weight: float = option(1.0, "of squared errors of energies, eV^2/atom", at_least=0)
    force_weight: float = option(0.3, "of squared errors of forces, eV^2/A^2", at_least=0)


@dataclass(frozen=True)
class Selection:
    """How the molecules that are labeled are chosen, in rounds."""

    group: ClassVar[str] = "selection"

    rounds: int = option(1, "of learning and choosing (1: all molecules have labels)", at_least=1)
    rule: Literal["committee", "random"] = option("committee", "which are labeled next")
    first: int = option(20, "labels of the first round, at random", at_least=1)
    growth: float = option(1.6, "labels of a round over those of the one before", above=1)


def parameters(config: "Config") -> "AEVParameters":
    """Returns the features of the set's elements, by ANI-1x's constants."""
    from jaxdl.science.ani import ANI1X, places_of

    return ANI1X._replace(elements=tuple(places_of(config.molecules.data)))


@cache
def molecules(options: Conformers) -> "MoleculeSet":
    """Reads or makes the molecules.

    Raises:
      BadInput: files are not there, or fewer molecules than are asked for.
    """
    import numpy as np

    from jaxdl.science import ani

    if options.data == ani.SPRINGS:
        whole = springs()
    else:
        whole = ani.open_set(options.data, options.data_dir, isolated=options.isolated)
    count = len(whole.pool.energy)
    if options.train > count:
        raise BadInput(f"--train={options.train}: {options.data} has {count} molecules")
    order = np.random.default_rng(0).permutation(count)[: options.train or None]
    kept = slice(options.test or None)
    held_out = {name: ani.take(more, kept) for name, more in whole.held_out.items()}
    return whole._replace(pool=ani.take(whole.pool, order), held_out=held_out)


@cache
def springs() -> "MoleculeSet":
    """Lets molecules of our own move on the device, at 300 K and at 600 K."""
    import jax

    from jaxdl.science import ani

    sample = jax.jit(lambda key, kelvin: ani.sample_springs(key, WALKERS, KEPT, kelvin))
    pool, cool, hot = (
        ani.spring_frames(*sample(jax.random.key(seed), kelvin))
        for seed, kelvin in enumerate((300.0, 300.0, 600.0))
    )
    half = len(cool) // 2
    return ani.make_springs(pool, {"300K": cool[:half], "600K": hot[:half]})


def learner(config: "Config") -> "Learner":
    """Makes the learner; no molecule is read."""
    from jaxdl.ops import make_optimizer
    from jaxdl.science import ani

    net, seen = config.net, parameters(config)
    made = ani.ani(
        ani.species_of(ani.places_of(config.molecules.data)),
        make_optimizer(**asdict(config.optimizer), steps=horizon(config.run)),
        held_out=lambda: molecules(config.molecules).held_out,
        parameters=seen,
        widths={e: net.hidden or ani.WIDTHS[e] for e in seen.elements},
        members=net.members,
        energy_weight=net.energy_weight,
        force_weight=net.force_weight,
        motion=ani.Motion(moments=config.moments),
    )
    if config.selection.rounds == 1:
        return made
    sizes = {"most": label_counts(config)[-1], "rounds": config.selection.rounds}
    return ani.learn_labeled(made, lambda: pool(config), batch_size=config.batch_size, **sizes)


def pool(config: "Config") -> "Molecules":
    """Returns the molecules that can be learned from."""
    return molecules(config.molecules).pool


def data(config: "Config") -> Any:
    """Returns what the driver takes: the pool, or nothing where a learner draws its own."""
    from jaxdl.core import DeviceData

    labels = label_counts(config)[-1]
    if labels > len(pool(config).energy):
        raise BadInput(f"{labels} labels are more than the {len(pool(config).energy)} molecules")
    return DeviceData(pool(config), config.batch_size) if config.selection.rounds == 1 else ()


def label_counts(config: "Config") -> list[int]:
    """Returns how many labels each round has; of one round, as many as a batch at least."""
    chosen = config.selection
    if chosen.rounds == 1:
        return [1]
    return [round(chosen.first * chosen.growth**i) for i in range(chosen.rounds)]


def run_rounds(
    build: "Callable[..., System]", config: "Config", about: "About"
) -> tuple[Any, dict[str, Any]]:
    """Learns and chooses, round by round; returns the state and the result of the last one.

    A finished round is loaded and not learned again, and what was chosen after it is the same.
    """
    import numpy as np

    from jaxdl.launch import train_stage

    counts, seeds = label_counts(config), config.run.seeds
    size = len(pool(config).energy)
    rows = [np.random.default_rng(seed).permutation(size)[: counts[0]] for seed in seeds]
    curve = np.zeros((len(rows), len(counts), 3), np.float32)
    for number, count in enumerate(counts):
        start = _begin(build(config), config, rows, curve, counts[-1])
        name = f"{ROUND}{number + 1}"
        state, result = train_stage(build, config, name, config.run.steps, about=about, start=start)
        curve[:, number] = _measured(result, count)
        if number + 1 < len(counts):
            rows = _choose(config, state, rows, counts[number + 1] - count)
    return state, result | {"selection": curve}


def _begin(system: "System", config: "Config", rows: Any, curve: "np.ndarray", most: int) -> Any:
    """Returns the state in which a round begins: new nets, and what has labels."""
    import jax.numpy as jnp
    import numpy as np

    from jaxdl.core.learner import first_state
    from jaxdl.science.ani import Labels

    filled = np.stack([np.pad(chosen, (0, most - len(chosen))) for chosen in rows])
    labels = Labels(
        jnp.asarray(filled, jnp.int32), jnp.full(len(rows), len(rows[0])), jnp.asarray(curve)
    )
    if len(rows) == 1:
        labels = Labels(*(x[0] for x in labels))
    return first_state(system.learner, config.run)._replace(extra=labels)


def _measured(result: dict[str, Any], count: int) -> "np.ndarray":
    """Returns labels and errors [S, 3] of a round."""
    import numpy as np

    names = "eval/energy_mae", "eval/force_mae"
    errors = [np.array(result["metrics"][name]["values"]) for name in names]
    return np.stack([np.full_like(errors[0], count), *errors], axis=1)


def _choose(config: "Config", state: Any, rows: Any, more: int) -> list[Any]:
    """Adds to the labeled rows of each seed."""
    import jax
    import numpy as np

    from jaxdl.science import ani

    chosen = molecules(config.molecules)
    judge = jax.jit(
        lambda params: ani.disagreement(params, chosen.species, chosen.pool, parameters(config))
    )
    added = []
    for place, (seed, labeled) in enumerate(zip(config.run.seeds, rows, strict=True)):
        several = config.run.num_seeds > 1
        params = jax.tree.map(lambda x, i=place: x[i], state.params) if several else state.params
        random = config.selection.rule == "random"
        scores = np.zeros(len(chosen.pool.energy)) if random else np.asarray(judge(params))
        fresh = ani.choose_rows(
            config.selection.rule, scores, labeled, more, seed=(seed, len(labeled))
        )
        added.append(np.concatenate([labeled, fresh]))
    return added
