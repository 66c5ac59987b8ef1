"""Times every hot path, with the peers beside it: `./run bench [--only=ntxent] [--peers]`.

Each case compiles its candidates and runs them in turns in this one process; the table gives
medians. The rows are appended to a JSONL file, one object a candidate, with device and versions.

    ./run bench --only=ppo                  all cases of a system, or of a file in benchmarks/
    ./run bench --only=ppo_cartpole --peers one case
    ./run bench --only=alphafold --peer_path=<checkout>     beside code that is not installed
    ./run bench --only=moco --peers=torch   those of torch too, on CPUs
    taskset -c 0 ./run bench --only=moco --peers=torch    both on one core

torch's peers run on one thread. Two threads that share a core count their seconds twice, so that
on such machines the two are to be compared on one.
"""

import inspect
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from experiments._results import as_text, remark
from experiments._systems import (
    HERE,
    bench_file,
    case_names,
    find,
    read_name,
    suggestion,
    systems,
)
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool

HEAD = ("case", "who", "compile CPU-s", "items/s", "items/CPU-s", "MFLOP", "temp MB", "note")


@dataclass(frozen=True)
class Config:
    """Which cases are timed."""

    only: tuple[str, ...] = option((), "cases or systems, by comma (all if empty)")
    peers: Literal[False, True, "torch"] = option(
        False, "time the peers too (extra `peers`); torch: those of the extra `torch` as well"
    )
    peer_path: str = option("", "a checkout of google-deepmind/alphafold, to be timed beside ours")
    out: str = option("runs/bench.jsonl", "where the rows are appended")

    def __post_init__(self):
        for name in self.only:
            cases_named(name)


PRESETS = {"cpu": Config()}


def main(config: Config) -> list[dict[str, Any]]:
    """Runs the cases and prints the table; returns the rows."""
    from jaxdl.core.report import device, versions
    from jaxdl.pages import print_table

    rows = []
    Path(config.out).parent.mkdir(parents=True, exist_ok=True)
    for case, file in chosen(config.only).items():
        print(f"{case} ...", flush=True)
        for row in run_case(read_name(file, "CASES")[case], config):
            row |= {"device": device(1), "versions": versions()}
            with open(config.out, "a", encoding="utf-8") as out:
                out.write(json.dumps(row) + "\n")
            rows.append(row)
    print_table(HEAD, [cells(row) for row in rows])
    return rows


def run_case(case: Callable[..., list[dict[str, Any]]], config: Config) -> list[dict[str, Any]]:
    """Times one case; only those that compare with a checkout take its path."""
    takes_path = "peer_path" in inspect.signature(case).parameters
    return case(config.peers, config.peer_path) if takes_path else case(config.peers)


def benchmark_files() -> dict[str, Path]:
    """Returns the files that hold cases, by the name of their system or shared room."""
    own = {name: bench_file(system) for name, system in systems().items()}
    shared = {path.stem: path for path in sorted((HERE / "benchmarks").glob("[!_]*.py"))}
    return {name: path for name, path in {**own, **shared}.items() if path.exists()}


def all_cases() -> dict[str, Path]:
    """Returns every case with the file that holds it; a file that is broken is told and passed."""
    cases = {}
    for file in benchmark_files().values():
        try:
            cases |= dict.fromkeys(case_names(file), file)
        except (BadInput, SyntaxError) as error:
            print(f"jaxdl: {file.name}: {error}", file=sys.stderr)
    return cases


def chosen(only: Sequence[str]) -> dict[str, Path]:
    """Returns the cases that are to be timed, each with its file; all where none is named."""
    named = {case: file for name in only for case, file in cases_named(name).items()}
    return named or all_cases()


def cases_named(name: str) -> dict[str, Path]:
    """Returns the cases that a name stands for: a case, or a file with all its cases.

    Raises:
      BadInput: it is neither, with the name that was perhaps meant.
    """
    files = benchmark_files()
    file = bench_file(find(name)) if name.endswith(".py") else files.get(name)
    if file and file.exists():
        return dict.fromkeys(case_names(file), file)
    cases = all_cases()
    if name in cases:
        return {name: cases[name]}
    known = {**files, **cases}
    hint = suggestion(name, known).removesuffix("; ./run lists them")
    raise BadInput(f"--only={name}{hint}; should be one of {', '.join(known)}")


def cells(row: Mapping[str, Any]) -> list[str]:
    """Returns one row of the table."""
    return [
        row["case"],
        row["who"],
        as_text(row.get("compile_cpu_seconds"), ".2f"),
        as_text(row.get("items_per_second"), ",.0f"),
        as_text(row.get("items_per_cpu_second"), ",.0f"),
        as_text(row.get("flops"), ",.1f", scale=1e-6),
        as_text(row.get("temp_bytes"), ",.1f", scale=1e-6),
        remark(row),
    ]


if __name__ == "__main__":
    launch_tool(main, PRESETS)
