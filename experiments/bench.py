"""Times every hot path, with the peers beside it: `./run bench [--only=ntxent] [--peers]`.

Each case compiles its candidates and runs them in turns in this one process; the table gives
medians. The rows are appended to a JSONL file, one object a candidate, with device and versions.
"""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch

CASES = {  # case -> the file in experiments/benchmarks that holds it
    "ppo_cartpole": "ppo",
    "ppo_pendulum": "ppo",
    "rl2_bandit": "rl2",
    "ntxent": "simclr",
    "simclr_step": "simclr",
    "render": "render",
    "render_env": "render",
    "fit_overhead": "driver",
    "save_100mb": "saves",
    "restore_100mb": "saves",
    "warm_start": "saves",
}
COLUMNS = (
    ("compile CPU-s", "compile_cpu_seconds", "{:.2f}"),
    ("items/s", "items_per_second", "{:,.0f}"),
    ("items/CPU-s", "items_per_cpu_second", "{:,.0f}"),
    ("MFLOP", "flops", "{:,.1f}"),
    ("temp MB", "temp_bytes", "{:,.1f}"),
)


@dataclass(frozen=True)
class Config:
    """Which cases are timed."""

    only: tuple[str, ...] = option((), f"cases, by comma: {', '.join(CASES)} (all if empty)")
    peers: bool = option(False, "time the peers too (extra `peers`)")
    out: str = option("runs/bench.jsonl", "where the rows are appended")

    def __post_init__(self):
        for name in self.only:
            if name not in CASES:
                raise BadInput(f"--only={name}: should be one of {', '.join(CASES)}")


PRESETS = {"cpu": Config()}


def main(config: Config) -> list[dict]:
    """Runs the cases and prints the table; returns the rows."""
    from jaxdl.core.report import device, versions

    rows = []
    Path(config.out).parent.mkdir(parents=True, exist_ok=True)
    print(f"{'case':<24}{'who':<16}" + "".join(f"{head:>15}" for head, *_ in COLUMNS), flush=True)
    for case in config.only or CASES:
        module = importlib.import_module(f"experiments.benchmarks.{CASES[case]}")
        for row in getattr(module, case)(peers=config.peers):
            row |= {"device": device(1), "versions": versions()}
            with open(config.out, "a") as file:
                file.write(json.dumps(row) + "\n")
            print(as_line(row), flush=True)
            rows.append(row)
    return rows


def as_line(row: dict) -> str:
    """One row of the table."""
    cells = [(row.get(key), form) for _, key, form in COLUMNS]
    scale = {"flops": 1e-6, "temp_bytes": 1e-6}
    texts = [
        "-" if value is None else form.format(value * scale.get(key, 1))
        for (value, form), (_, key, _) in zip(cells, COLUMNS, strict=True)
    ]
    line = f"{row['case']:<24}{row['who']:<16}" + "".join(f"{text:>15}" for text in texts)
    return f"{line}   {remark(row)}"


def remark(row: dict) -> str:
    """What to know beside a row's figures."""
    score = f"mean return {row['mean_return']:.4g}" if "mean_return" in row else ""
    if "mean_return_ci95" in row:
        score += f" ± {row['mean_return_ci95']:.2g}"
    return "; ".join(part for part in (score, row.get("note")) if part)


if __name__ == "__main__":
    launch(main, PRESETS)
