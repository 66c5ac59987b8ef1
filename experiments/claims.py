"""Measures what the papers state: `./run claims [--only=ppo] [--tier=cpu]`.

Writes experiments/results/<tier>/<system>.json, and renders experiments/RESULTS.md and the tables
of the documentation out of these files. No figure in them is written by hand.

    ./run claims --only=ppo,rl2/near_optimal --tier=gpu
    ./run claims --render                              measure nothing, render again
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments._claim import Claim
from experiments._results import write_results
from experiments._systems import (
    RESULTS,
    SystemFile,
    claims_measured,
    claims_of,
    find,
    results_file,
    systems,
)
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool


@dataclass(frozen=True)
class Config:
    """Which claims are measured, in which sizes."""

    only: tuple[str, ...] = option((), "systems or system/claim, by comma (all if empty)")
    tier: Literal["smoke", "cpu", "gpu"] = option("cpu", "the sizes to measure them in")
    render: bool = option(False, "measure nothing, render the tables again")
    results: str = option(str(RESULTS), "where the measured figures lie")

    def __post_init__(self):
        for name in self.only:
            try:
                chosen_claims(*split(name))
            except BadInput as error:
                raise BadInput(f"--only={name}: {error}") from None


PRESETS = {"cpu": Config()}


def main(config: Config) -> None:
    """Measures, writes and renders.

    Raises:
      BadInput: the claims of some system could not be read; all others were measured.
    """
    broken = []
    for name, wanted in [] if config.render else chosen(config.only):
        try:
            measure(find(name), wanted, config)
        except BadInput as error:
            broken.append(error)
            print(f"jaxdl: {error}", file=sys.stderr, flush=True)
    if config.tier != "smoke":
        render(Path(config.results))
    if broken:
        raise BadInput(f"the claims of {len(broken)} systems could not be measured")


def chosen(only: Sequence[str]) -> list[tuple[str, set[str]]]:
    """Returns the systems that are to be measured, each with its claims; an empty set is all."""
    if not only:
        return [(name, set()) for name in systems()]
    wanted: dict[str, list[str]] = {}
    for system, claim in map(split, only):
        wanted.setdefault(system, []).append(claim)
    return [(name, set() if "" in claims else {*claims}) for name, claims in wanted.items()]


def split(name: str) -> tuple[str, str]:
    """Returns the system and the claim ("" for all) of "system/claim"; a path is a system."""
    if name.endswith(".py"):
        return name, ""
    system, _, claim = name.rpartition("/")
    return (system, claim) if system else (claim, "")


def chosen_claims(system: str, claim: str) -> list[Claim]:
    """Returns the claims that are meant.

    Raises:
      BadInput: there is no such system, or no such claim of it.
    """
    claims = claims_of(find(system))
    if claim and claim not in [one.name for one in claims]:
        names = ", ".join(one.name for one in claims) or "nothing"
        raise BadInput(f"{system} claims {names}")
    return [one for one in claims if claim in ("", one.name)]


def measure(system: SystemFile, wanted: set[str], config: Config) -> None:
    """Measures claims of one system; those not asked for keep their last figures."""
    results = Path(config.results)
    claims = claims_of(system)
    old = claims_measured(config.tier, system, results)
    rows = {claim.name: old[claim.name] for claim in claims if claim.name in old}
    for claim in claims:
        if wanted and claim.name not in wanted:
            continue
        row = measure_claim(claim, config.tier)
        text = f"{row['answer'].upper()} in {row['seconds']} s. {row['summary']}"
        print(f"{system.name}/{claim.name}: {text}", flush=True)
        rows[claim.name] = row
        write_rows(results_file(config.tier, system, results), system.name, rows)


def measure_claim(claim: Claim, tier: str) -> dict[str, Any]:
    """Measures one claim; returns what the results file holds of it."""
    from jaxdl.core.report import device, versions

    started_at = time.monotonic()
    verdict = claim.measure(tier)
    return {
        "statement": claim.statement,
        "source": claim.source,
        **verdict._asdict(),
        "seconds": round(time.monotonic() - started_at, 1),
        "device": device(1),
        "versions": versions(),
    }


def write_rows(file: Path, system: str, rows: Mapping[str, Any]) -> None:
    """Writes a results file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps({"system": system, "claims": rows}, indent=1) + "\n", "utf-8")
    part.rename(file)


def render(results: Path) -> None:
    """Writes RESULTS.md beside the results, and of the house's own the documentation's tables."""
    write_results(results)
    if results.resolve() == RESULTS.resolve():
        from experiments import _docs

        _docs.render(results)


if __name__ == "__main__":
    launch_tool(main, PRESETS)
