"""What an item of `./run device` has left: the part of its row that says what was measured."""

import json
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments._device_items import Item
from experiments._device_process import Ended

Part = dict[str, Any]
KEPT = ("report.html", "result.json", "metrics.jsonl", "figures")  # of a run; states are large
MISSING = re.compile(r"No module named '([\w.]+)'|needs the extra `?(\w+)")


def collect(item: Item, ended: Ended, folder: Path, out: Path, log: Path) -> Part:
    """Returns status, text and numbers of an item that has ended, and keeps its small files.

    Args:
      item: what was run.
      ended: how it ended.
      folder: where it has written to.
      out: where the rows are.
      log: its output.
    """
    readers = {
        "smoke": _read_run,
        "preset": _read_run,
        "contract": _read_contract,
        "bench": _read_bench,
        "claims": _read_claims,
    }
    found: Part = {}
    with suppress(OSError, ValueError, KeyError):  # what was cut, or was not written
        found = readers[item.kind](item, folder, out, log)
    lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    if ended.overran:
        reached = f"; {found['text']}" if found else ""
        return {**found, "status": "overran", "text": f"stopped by the time limit{reached}"}
    if ended.code == 0 and found:
        return {"status": "ok", **found}
    missing = next((match for line in lines[-5:] if (match := MISSING.search(line))), None)
    if missing:
        package = missing[1] or missing[2]
        return {"status": "skipped", "missing": package, "text": f"needs {package}"}
    last = lines[-1].strip() if lines else "it printed nothing"
    return {**found, "status": "failed", "text": f"exit code {ended.code}: {last[:200]}"}


def _read_run(item: Item, folder: Path, out: Path, log: Path) -> Part:
    """Reads a run's result, or how far its curves have come."""
    from jaxdl.core.logs import read_metrics
    from jaxdl.core.report import headline_text

    _keep(folder, out / "runs" / item.name.replace("/", "_"))
    runs = sorted(folder.glob("**/result.json"), key=lambda path: path.stat().st_mtime_ns)
    if not runs:
        log_files = sorted(folder.glob("**/metrics.jsonl"), key=lambda x: x.stat().st_mtime_ns)
        last = read_metrics(log_files[-1])[-1] if log_files else {}
        return {"text": f"step {last['step']}", "reached": last}
    result = json.loads(runs[-1].read_text("utf-8"))
    numbers = {
        name: result.get(name)
        for name in ("metrics", "samples_per_second", "compile_seconds", "wall_seconds", "unit")
    }
    speed = f"{result['samples_per_second'] or 0:,.0f} {result.get('unit') or 'samples'}/s"
    parts = [speed, f"compiled in {result['compile_seconds']:.1f} s"]
    if (result.get("about") or {}).get("headline"):
        name = result["about"]["headline"].removeprefix("eval/")
        parts.insert(0, f"{name} {headline_text(result)}")
    return {"text": ", ".join(parts), **numbers}


def _keep(folder: Path, target: Path) -> None:
    """Copies the small files of a run and of its stages."""
    for path in folder.glob("**/*"):
        relative = path.relative_to(folder)
        if any(part in KEPT for part in relative.parts) and path.is_file():
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / relative)


def _read_contract(item: Item, folder: Path, out: Path, log: Path) -> Part:
    report = json.loads(log.read_text("utf-8").splitlines()[-1])
    failed = [name for name, holds in report.items() if not holds]
    held = f"{len(report) - len(failed)} of {len(report)} hold"
    broken = f"; not: {', '.join(failed)}" if failed else ""
    return {"status": "failed" if failed else "ok", "text": held + broken, "contract": report}


def _read_bench(item: Item, folder: Path, out: Path, log: Path) -> Part:
    lines = (folder / "bench.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    with (out / "bench.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    texts = [
        f"{row['case']} {row['who']} {row['items_per_second']:,.0f}/s"
        for row in rows
        if row.get("items_per_second")
    ]
    return {"text": "; ".join(texts) or f"{len(rows)} rows", "rows": rows}


def _read_claims(item: Item, folder: Path, out: Path, log: Path) -> Part:
    (file,) = folder.glob(f"*/{item.subject}.json")
    target = out / "claims" / file.parent.name / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    claims = json.loads(file.read_text("utf-8"))["claims"]
    answers = [f"{name} {claim['answer']}" for name, claim in claims.items()]
    return {"text": ", ".join(answers), "answers": {n: x["answer"] for n, x in claims.items()}}
