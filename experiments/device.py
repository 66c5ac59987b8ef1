"""Measures what an accelerator can in a few minutes, the most valuable things first.

Goes down one list: the smoke preset of every system, the learners' contract, benchmarks, gpu
presets, gpu claims (on a CPU: cpu presets, smoke claims). Each is a process of its own with a time
limit. What the folder holds of this device already is passed over, so that the next call goes on.
Nothing is started that cannot fit into the time left, and what overruns is stopped.

    ./run device --minutes=7 --out=runs/h100
    ./run device --minutes=2 --only=smoke,bench/ntxent
    JAXDL_VENV=none ./run device --minutes=7 --out=$OUT      where nothing can be installed

Compiling takes most of the time on a GPU, and one core. Where there are many, several calls with an
--only and an --out of their own go side by side, for what is not timed:

    XLA_PYTHON_CLIENT_MEM_FRACTION=.05 ./run device --minutes=3 --only=smoke/ppo,contract/ppo ... &

The folder gets rows.jsonl (a line each, written as soon as it is known), logs/, runs/ (report,
metrics, figures), bench.jsonl and claims/.
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments._device_items import KINDS, Item, fits, limit_of, list_items
from experiments._device_process import environment, run_process
from experiments._device_results import collect
from experiments._device_rows import Device, Row, append, is_measured, print_rows, read_rows
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool

RESERVE = 4.0  # seconds at the end: to stop what overruns, and to print the table
PROBE = """
import json, jax
from jaxdl.core import report
first = jax.devices()[0]
versions = report.versions()
print(json.dumps([report.device(1), first.platform, len(jax.devices()), versions]))
"""


@dataclass(frozen=True)
class Config:
    """How long, where to, and what."""

    minutes: float = option(7.0, "all in all", above=0)
    out: str = option("runs/device", "the folder of the rows; it goes on with what it holds")
    only: tuple[str, ...] = option(
        (), f"kinds ({', '.join(KINDS)}), systems, or items such as bench/ntxent (all if empty)"
    )
    again: bool = option(False, "measure again what was measured on this device already")

    def __post_init__(self):
        if Path(self.out).exists() and not Path(self.out).is_dir():
            raise BadInput(f"--out={self.out} is not a folder")


PRESETS = {"cpu": Config()}


def main(config: Config) -> list[Row]:
    """Measures, and prints one table; returns the rows of this call.

    Raises:
      BadInput: there is no such item, or JAX finds no device.
      SystemExit: 130 or 143 after a signal. The rows so far are kept.
    """
    from jaxdl.pages import print_text

    deadline = time.monotonic() + 60 * config.minutes - RESERVE
    out = Path(config.out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"--out={out} cannot be made: {error.strerror}") from None
    device = probe(deadline)
    earlier = [] if config.again else read_rows(out)
    items = list_items(config.only, on_accelerator=device.platform != "cpu")
    todo = [item for item in items if not is_measured(item.name, device, earlier)]
    rows = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    try:
        for item in todo:
            if fits(item, deadline - time.monotonic(), device.name, earlier):
                print_text(f"{item.name} ...", sys.stderr)
                rows.append(measure(item, device, out, deadline))
    finally:
        done = {row["item"] for row in rows}
        left = [item.name for item in todo if item.name not in done]
        print_rows(device, rows, known=len(items) - len(todo), left=left)
    return rows


def measure(item: Item, device: Device, out: Path, deadline: float) -> Row:
    """Runs one item and writes its row."""
    began = time.monotonic()
    with item.folder() as folder:
        log = out / "logs" / f"{item.name.replace('/', '_')}.txt"
        limit = limit_of(item, deadline - began)
        ended = run_process(item.command(folder), log, limit)
        row: dict[str, Any] = {
            "item": item.name,
            "device": device.name,
            "platform": device.platform,
            "devices": device.count,
            "seconds": round(time.monotonic() - began, 1),
            "limit": round(limit, 1),
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
            **collect(item, ended, folder, out, log),
            "versions": device.versions,
        }
    append(out, row)
    return row


def probe(deadline: float) -> Device:
    """Asks another process for the device: this one must not take the accelerator's memory.

    Raises:
      BadInput: JAX finds none in time.
    """
    left = max(deadline - time.monotonic(), 1.0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROBE],
            capture_output=True,
            text=True,
            timeout=left,
            env=environment(),
        )
        name, platform, count, versions = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired:
        raise BadInput(f"JAX has found no device within {left:.0f} s") from None
    except (ValueError, IndexError):
        why = next(iter(done.stderr.strip().splitlines()[-1:]), "it printed nothing")
        raise BadInput(f"JAX finds no device: {why}") from None
    return Device(name, platform, count, versions)


def _leave(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    launch_tool(main, PRESETS)
