"""How many simulations each search needs until a design is feasible, and where gradients fail.

The rules were stated before anything was measured. Every search runs with the same number of seeds
and may simulate as often as the others; a gradient counts as four simulations. What counts is the
first design that the search takes for feasible, if the judge agrees: ngspice on the same level-1
cards where it is installed, else our simulator in float64, as the summary names. A search without
such a design counts with all that it was allowed, which flatters it. Searches are compared by the
means of the logarithms; medians are told beside them.
"""

from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.science.circuits import PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

TITLES = {
    "bagnet": "BagNet",
    "evolution": "evolution",
    "cem": "cross-entropy",
    "random": "random search",
    "gradient": "gradient descent",
    "ppo": "PPO",
}
BAGNET = "Hakhamaneshi et al. 2019, arXiv 1907.10515, abstract"
AUTOCKT = "Settaluri et al. 2020, arXiv 2001.01808, abstract"
NEAR = 1e-6  # relative error of a response beside ngspice's
TRAPPED = 0.1  # share of descents
CHAINS, DESCENT_STEPS = 8, 150  # of a seed, and of each chain, without a new start


class Tier(NamedTuple):
    """How large the measurements are.

    Attributes:
      seeds: of every search.
      budget: simulations that each may use.
      sizings: random ones beside ngspice's.
      steps: of a descent.
    """

    seeds: int
    budget: int
    sizings: int
    steps: int


TIERS = {
    "smoke": Tier(2, 128, 3, 2),
    "cpu": Tier(24, 800, 20, DESCENT_STEPS),
    "gpu": Tier(256, 2000, 200, DESCENT_STEPS),
}


class Searched(NamedTuple):
    """How the searches of all seeds went.

    Attributes:
      spent: [S] simulations until the first feasible design; the budget where there is none.
      found: [S] bool, whether the judge has agreed to one.
      taken: how many the search took for feasible.
      judge: its name.
    """

    spent: "np.ndarray"
    found: "np.ndarray"
    taken: int
    judge: str


@cache
def search(tier: str, method: str) -> Searched:
    """Lets a search run with all seeds side by side, and has its designs judged."""
    import numpy as np

    from jaxdl.science import circuits

    size = TIERS[tier]
    config = configure("circuits", PRESETS, "cpu", {"method": method})
    system = build(config)
    begun = config.first if method in ("bagnet", "evolution") else 0
    steps = -(-(size.budget - begun) // system.samples_per_step)
    score = _run(system.learner, size.seeds, steps)
    verdicts = circuits.judge_opamps(score["sizes"], circuits.opamp_task().requirements)
    in_time = (score["found"] > 0) & (score["simulations"] <= size.budget)
    found = in_time & verdicts.feasible
    spent = np.where(found, score["simulations"], size.budget)
    return Searched(spent, found, int(in_time.sum()), verdicts.judge)


def fewer_simulations(tier: str, better: str, other: str, factor: float = 1.0) -> Verdict:
    """Decides whether a search needs fewer simulations than another by more than a factor."""
    import numpy as np

    from jaxdl.core.logs import interval

    both = {name: search(tier, name) for name in (better, other)}
    logs = {name: np.log10(each.spent) for name, each in both.items()}
    ratio = interval(logs[other] - logs[better])
    gap = interval(logs[other] - logs[better] - np.log10(factor))
    texts = [
        f"{TITLES[name]} median {np.median(each.spent):.0f} ({each.found.sum()} of "
        f"{len(each.found)} seeds found one; it took {each.taken} for feasible)"
        for name, each in both.items()
    ]
    summary = (
        f"simulations until the first feasible design: {', '.join(texts)}; ratio of the geometric "
        f"means 10^({ratio['mean']:.2f} +- {ratio['ci95']:.2f}); at most {TIERS[tier].budget}; "
        f"judge: {both[better].judge}"
    )
    numbers = {f"{TITLES[name]}, simulations": interval(both[name].spent) for name in both}
    return Verdict(decide(gap), summary, numbers | {"log10 of the ratio": ratio, "gap": gap})


def descents_are_trapped(tier: str) -> Verdict:
    """Decides whether more than a tenth of descents from one start end short of the target."""
    import jax
    import numpy as np

    from jaxdl.core.learner import over_seeds
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    size = TIERS[tier]
    settings = {"method": "gradient", "chains": CHAINS, "patience": 10**6}
    learner = over_seeds(build(configure("circuits", PRESETS, "cpu", settings)).learner, size.seeds)

    def run(key):
        init_key, run_key = jax.random.split(key)
        state = learner.init(init_key)

        def step(state, key):
            state, metrics = learner.step(key, state, ())
            return state, (metrics["feasible"], metrics["flat"], metrics["shortfall"])

        return jax.lax.scan(step, state, jax.random.split(run_key, size.steps))[1]

    feasible, flat, shortfall = (np.asarray(x)[-1] for x in jax.jit(run)(jax.random.key(0)))
    trapped = interval(1 - feasible)
    gap = interval(1 - feasible - TRAPPED)
    numbers = {"trapped": trapped, "flat": interval(flat), "shortfall": interval(shortfall)}
    share = {name: interval(100 * np.asarray(each["values"])) for name, each in numbers.items()}
    summary = (
        f"after {size.steps} steps of Adam {show(share['trapped'])} % of {CHAINS} descents a seed "
        f"are not feasible; {show(share['flat'])} % of all, feasible too, have a gradient of 0; "
        f"mean shortfall {show(numbers['shortfall'])}"
    )
    return Verdict(decide(gap), summary, numbers | {"gap": gap})


def agree_with_ngspice(tier: str) -> Verdict:
    """Decides whether responses of random sizings are ngspice's to 1e-6."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.science import circuits

    if not circuits.find_ngspice():
        return Verdict("undecided", "not measured: ngspice is not installed", {})
    low, high = np.array(list(circuits.SIZES.values())).T
    drawn = np.random.default_rng(2026).uniform(low, high, (TIERS[tier].sizings, len(low)))
    requirements = circuits.opamp_task().requirements
    judged = circuits.judge_opamps(drawn, requirements).response
    with jax.enable_x64(True):
        sizes = dict(zip(circuits.SIZES, jnp.asarray(drawn.T), strict=True))
        ours = np.asarray(jax.jit(jax.vmap(circuits.simulate_opamp))(sizes)[1])
    error = np.max(np.abs(ours - judged) / np.abs(judged), axis=1)
    gap = interval(np.log10(NEAR) - np.log10(error))
    summary = (
        f"greatest relative error over 101 frequencies and {len(drawn)} sizings {error.max():.1e}, "
        f"median {np.median(error):.1e}"
    )
    return Verdict(decide(gap), summary, {"log10 of the error": interval(np.log10(error))})


def _run(learner, seeds: int, steps: int) -> "dict[str, np.ndarray]":
    """Runs a learner with all seeds, in one program, and returns its evaluation [S, ...]."""
    import jax
    import numpy as np

    from jaxdl.core.learner import over_seeds

    learner = over_seeds(learner, seeds)

    def run(key):
        init_key, run_key, score_key = jax.random.split(key, 3)
        state = learner.init(init_key)
        step = lambda state, key: (learner.step(key, state, ())[0], ())  # noqa: E731
        state, _ = jax.lax.scan(step, state, jax.random.split(run_key, steps))
        return learner.evaluate(score_key, state)

    return {name: np.asarray(x) for name, x in jax.jit(run)(jax.random.key(0)).items()}


PAIRS = (
    ("bagnet", "evolution", BAGNET),
    ("evolution", "random", BAGNET),
    ("cem", "evolution", "de Boer et al. 2005, A Tutorial on the Cross-Entropy Method"),
    ("gradient", "random", "Griewank & Walther 2008, chapter 4"),
    ("gradient", "evolution", "Griewank & Walther 2008, chapter 4"),
    ("gradient", "cem", "Griewank & Walther 2008, chapter 4"),
    ("ppo", "evolution", AUTOCKT),
)
CLAIMS = [
    Claim(
        "parity",
        f"The frequency responses of random sizings are ngspice's to {NEAR:g}, each frequency",
        "Shichman & Hodges 1968 (level 1), by ngspice 39: ten frequencies a decade, 1 Hz to 10 GHz",
        agree_with_ngspice,
    ),
    Claim(
        "bagnet_hundredfold",
        "BagNet needs at least two orders of magnitude fewer simulations than evolution (there "
        "with layout parasitics; here schematics)",
        BAGNET,
        partial(fewer_simulations, better="bagnet", other="evolution", factor=100.0),
    ),
    *(
        Claim(
            f"{better}_over_{other}",
            f"{TITLES[better]} needs fewer simulations until the first feasible design than "
            f"{TITLES[other]}",
            source,
            partial(fewer_simulations, better=better, other=other),
        )
        for better, other, source in PAIRS
    ),
    Claim(
        "trapped",
        f"More than {100 * TRAPPED:g} % of gradient descents from one start, without a new one, "
        "never become feasible",
        "Shichman & Hodges 1968: the square law has no slope below the threshold",
        descents_are_trapped,
    ),
]
