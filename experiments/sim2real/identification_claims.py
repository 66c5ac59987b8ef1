"""What can be identified of a machine, from how many seconds, by which method, and what cannot.

The rule of every claim was stated before anything was measured. The world is MuJoCo in C with
constants that are drawn, each the believed one times 1/2 to 2, and hidden; an interval is over
machines, each with constants, controls and starts of its own. The error of an estimate is the mean
of |estimate / truth - 1| over the fitted constants of a machine. Methods are compared after equally
many simulated windows, where a simulation with its derivative along a direction counts as two.
"""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments._claim import Claim, Verdict, decide
from experiments.sim2real.identification import PRESETS, build
from jaxdl.launch import configure

if TYPE_CHECKING:
    import numpy as np

EXACT, NOISY = 0.0, 0.01  # noise of the sensors, in units of each coordinate's deviation
NEAR = {EXACT: 0.05, NOISY: 0.1}  # the error that counts as found
FAINT = 1e-6  # of all information, where nothing is told
SECONDS = (1, 2, 4, 8)  # of record
BUDGETS = (120, 240, 480)  # windows that are simulated, as often as each of a batch
TITLES = {
    "gradient": "gradients (Adam)",
    "gauss_newton": "Gauss-Newton",
    "cma_es": "CMA-ES",
    "random": "random search",
}
HANSEN = "Hansen 2016, arXiv 1604.00772"
LJUNG = "Ljung 1999, System Identification, chapter 7"


class Tier(NamedTuple):
    """How large the measurements are.

    Attributes:
      preset: of the launch file.
      env: the world of most claims.
      contacts: worlds in which friction is identified, too.
      machines: of each.
      shrink: divides the steps of every run.
      settings: of the launch file, for all runs.
    """

    preset: str
    env: str
    contacts: tuple[str, ...]
    machines: int
    shrink: int
    settings: Mapping[str, Any]


TIERS = {
    "smoke": Tier("smoke", "swingup", (), 2, 20, {}),
    "cpu": Tier("cpu", "swingup", ("mjx/cheetah",), 8, 1, {"batch_size": 40}),
    "gpu": Tier(
        "cpu",
        "mjx/cartpole",
        ("mjx/cheetah", "mjx/walker", "mjx/finger"),
        16,
        1,
        {"batch_size": 40},
    ),
}
STEPS = {"gradient": 300, "gauss_newton": 40, "cma_es": 200, "random": 200}


def identify(tier: str, **settings: Any) -> "dict[str, np.ndarray]":
    """Identifies all machines of a setting; returns the arrays of the last evaluation."""
    return _identify(tier, tuple(sorted(settings.items())))


@cache
def _identify(tier: str, settings: tuple[tuple[str, Any], ...]) -> "dict[str, np.ndarray]":
    import numpy as np

    from jaxdl.core import fit

    size = TIERS[tier]
    values = {"env": size.env, "machines": size.machines, **size.settings, **dict(settings)}
    steps = max(values.pop("steps") // size.shrink, 1)
    values |= {"steps": steps, "steps_per_call": 1}  # one program for all lengths
    config = configure("identification", PRESETS, size.preset, values)
    system = build(config)
    with tempfile.TemporaryDirectory() as folder:
        run = replace(config.run, workdir=str(Path(folder, "run")))
        fit(system.learner, system.data(), run)
        with np.load(Path(run.workdir, "evaluation.npz")) as file:
            return dict(file)


def misses(found: "Mapping[str, np.ndarray]") -> "np.ndarray":
    """Returns the error of each machine's estimates [H]."""
    return found["parameter_errors"].mean(axis=1)


def find_constants(tier: str, method: str, noise: float) -> Verdict:
    """Decides whether the constants are found, by the error's distance to what counts as that."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show
    from jaxdl.sim2real.identified_exhibits import times_text

    found = identify(tier, method=method, noise=noise, steps=STEPS[method])
    error = 100 * misses(found)
    gap = interval(100 * NEAR[noise] - error)
    off = interval(error)
    believed = interval(100 * found["nominal_parameter_errors"].mean(axis=1))
    better = interval(
        np.log10(found["nominal_errors"] / np.maximum(found["held_out_errors"], 1e-9))
    )
    numbers = {
        "error of the estimates": off,
        "error of what was believed": believed,
        "gap": gap,
        "log10 of times better on held-out trajectories": better,
    }
    summary = (
        f"estimates are off by {show(off)} %, what was believed by {show(believed)} %; held-out "
        f"trajectories are predicted {times_text(10 ** better['mean'])} times better"
    )
    return Verdict(decide(gap), summary, numbers)


def predict_better(tier: str) -> Verdict:
    """Decides whether identified models predict what was held out better than the nominal one."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.sim2real.identified_exhibits import times_text

    numbers, texts = {}, []
    for noise in (EXACT, NOISY):
        for method in STEPS:
            found = identify(tier, method=method, noise=noise, steps=STEPS[method])
            after = np.maximum(found["held_out_errors"], 1e-9)
            name = f"{TITLES[method]}, noise {noise:g}"
            numbers[name] = interval(np.log10(found["nominal_errors"] / after))
            mean, half = numbers[name]["mean"], numbers[name]["ci95"]
            low, high = (times_text(10 ** (mean + side)) for side in (-half, half))
            texts.append(f"{name}: {low} to {high}")
    summary = f"times better, 95 % interval: {'; '.join(texts)}"
    return Verdict(decide(*numbers.values()), summary, numbers)


def compare_methods(tier: str, better: str, other: str, noise: float) -> Verdict:
    """Decides which method's estimates are nearer after equally many simulations."""
    import numpy as np

    from jaxdl.core.logs import interval

    numbers, texts = {}, []
    for budget in BUDGETS:
        errors = {
            method: misses(
                identify(tier, method=method, noise=noise, steps=budget // _runs(tier, method))
            )
            for method in (better, other)
        }
        logs = {method: np.log10(np.maximum(x, 1e-9)) for method, x in errors.items()}
        name = f"log10 of the errors' ratio after {budget}"
        numbers[name] = interval(logs[other] - logs[better])
        numbers |= {f"{TITLES[m]} after {budget}": interval(100 * x) for m, x in errors.items()}
        typical = {method: 100 * 10 ** x.mean() for method, x in logs.items()}
        both = " and ".join(f"{TITLES[m]} {x:.2g} %" for m, x in typical.items())
        texts.append(
            f"after {budget} {both} (ratio 10^{numbers[name]['mean']:.2f} +- "
            f"{numbers[name]['ci95']:.2f})"
        )
    summary = f"geometric mean error of the estimates {'; '.join(texts)}"
    return Verdict(decide(numbers[name]), summary, numbers)  # by the largest budget


def more_record_tells_more(tier: str) -> Verdict:
    """Decides whether the error falls with the seconds of a noisy record, by machines' slopes."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    logs, numbers = [], {}
    for seconds in SECONDS:
        found = identify(
            tier,
            method="gauss_newton",
            noise=NOISY,
            episodes=seconds,
            length=100,
            window=10,
            batch_size=10 * seconds,
            steps=STEPS["gauss_newton"],
        )
        logs.append(np.log2(misses(found)))
        numbers[f"error after {seconds} s"] = interval(100 * misses(found))
    slope = interval(np.polyfit(np.log2(SECONDS), np.stack(logs), 1)[0])
    errors = ", ".join(f"{s} s {show(numbers[f'error after {s} s'])} %" for s in SECONDS)
    summary = f"error of the estimates: {errors}; power of the seconds {show(slope)}"
    down = slope | {"mean": -slope["mean"]}
    return Verdict(decide(down), summary, numbers | {"slope": slope})


def common_factor_is_unseen(tier: str) -> Verdict:
    """Decides whether a record tells anything of what scales masses, dampings and force alike."""
    import numpy as np

    from jaxdl.core.logs import interval
    from jaxdl.sim2real import open_machine
    from jaxdl.sim2real.identified import condition_number

    found = identify(tier, method="gauss_newton", noise=EXACT, steps=STEPS["gauss_newton"])
    names = open_machine(TIERS[tier].env).constants
    fisher = found["fisher"]
    together = np.array([name not in ("pole_length", "gravity") for name in names])
    direction = together / np.linalg.norm(together)
    told = np.abs(direction @ fisher @ direction)
    share = np.maximum(told / np.trace(fisher, axis1=1, axis2=2), 1e-12)
    unknown = {
        "force and gravity known": [name for name in names if name not in ("force", "gravity")],
        "gravity known": [name for name in names if name != "gravity"],
    }
    conditions = {
        title: condition_number(fisher[:, rows][:, :, rows])
        for title, rows in ((t, [names.index(n) for n in each]) for t, each in unknown.items())
    }
    numbers = {f"log10 of the condition, {n}": interval(np.log10(x)) for n, x in conditions.items()}
    gap = interval(np.log10(FAINT) - np.log10(share))
    texts = [f"{n} 10^{x['mean']:.1f}" for n, x in zip(conditions, numbers.values(), strict=True)]
    summary = (
        f"its share of all information is 10^{np.log10(share).mean():.1f}; condition number of the "
        f"Fisher information: {', '.join(texts)} (10^7 is the most that float32 can tell)"
    )
    return Verdict(decide(gap), summary, numbers | {"gap": gap})


def find_contacts(tier: str) -> Verdict:
    """Decides whether friction is found beside mass and damping, through MJX's contact solver."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    if not TIERS[tier].contacts:
        return Verdict("undecided", "not measured in this tier", {})
    gaps, numbers, texts = [], {}, []
    for env in TIERS[tier].contacts:
        found = identify(
            tier, env=env, method="gauss_newton", window=5, ahead=20, batch_size=40, steps=20
        )
        error = 100 * misses(found)
        gaps.append(interval(100 * NEAR[EXACT] - error))
        numbers |= {f"{env}, error": interval(error), f"{env}, gap": gaps[-1]}
        texts.append(f"{env}: off by {show(numbers[f'{env}, error'])} %")
    return Verdict(decide(*gaps), "; ".join(texts), numbers)


def find_dm_controls(tier: str) -> Verdict:
    """Decides whether dm_control's own constants are found in its trajectories."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    path = Path(os.environ.get("JAXDL_DATA", ""), "mjcf/dmc_traj.npz")
    if not path.is_file():
        return Verdict("undecided", "not measured: JAXDL_DATA has no mjcf/dmc_traj.npz", {})
    found = identify(
        tier,
        env="mjx/reacher",
        record=str(path),
        method="gauss_newton",
        window=5,
        batch_size=8,
        steps=20,
    )
    error, first = 100 * misses(found), 100 * found["nominal_parameter_errors"].mean(axis=1)
    numbers = {"error": interval(error), "error of the start": interval(first)}
    gap = interval(100 * NEAR[EXACT] - error)
    summary = (
        f"off by {show(numbers['error'])} % from starts that were by {show(interval(first))} %"
    )
    return Verdict(decide(gap), summary, numbers | {"gap": gap})


@cache
def _runs(tier: str, method: str) -> int:
    """Simulations of a batch in a step of a method."""
    size = TIERS[tier]
    values = {"env": size.env, "machines": 1, "method": method, "batch_size": 1}
    config = configure("identification", PRESETS, size.preset, values)
    return build(config).samples_per_step // config.window


CLAIMS = [
    *(
        Claim(
            f"found_{method}" + ("_noisy" if noise else ""),
            f"{TITLES[method]} find the masses, the length and the dampings of a cartpole to "
            f"{100 * NEAR[noise]:g} % from 8 s of record, "
            + (f"with sensor noise of {100 * noise:g} %" if noise else "exact"),
            HANSEN if method == "cma_es" else LJUNG,
            partial(find_constants, method=method, noise=noise),
        )
        for noise in (EXACT, NOISY)
        for method in ("gradient", "gauss_newton", "cma_es")
    ),
    Claim(
        "predicts_better",
        "The identified model predicts held-out trajectories half a second ahead better than the "
        "nominal one, by every method, exact or with sensor noise of 1 %",
        LJUNG,
        predict_better,
    ),
    *(
        Claim(
            f"{better}_over_{other}",
            f"{TITLES[better]}: estimates are nearer to the truth than those of {TITLES[other]} "
            f"after {BUDGETS[-1]} simulations of the record",
            source,
            partial(compare_methods, better=better, other=other, noise=EXACT),
        )
        for better, other, source in (
            ("gradient", "cma_es", HANSEN),
            ("gauss_newton", "cma_es", HANSEN),
            ("cma_es", "random", HANSEN),
        )
    ),
    Claim(
        "seconds",
        "With sensor noise of 1 % the error falls with the seconds of record",
        LJUNG,
        more_record_tells_more,
    ),
    Claim(
        "common_factor",
        "Of the factor that scales masses, dampings and force alike a record tells nothing: its "
        f"share of the Fisher information is below {FAINT:g}",
        LJUNG,
        common_factor_is_unseen,
    ),
    Claim(
        "friction",
        "Through MJX's contacts, mass, damping and friction are found to 5 % from 8 s of what "
        "MuJoCo in C recorded",
        LJUNG,
        find_contacts,
    ),
    Claim(
        "dm_control",
        "Of 0.8 s of dm_control's own reacher its mass and damping are found to 5 %, from wrong "
        "starts",
        "Tassa et al. 2018, arXiv 1801.00690, by recordings of dm_control 1.0.50",
        find_dm_controls,
    ),
]
