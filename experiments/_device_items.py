"""What `./run device` measures, in the order of its value, made of the systems that are found."""

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from experiments._systems import case_names, claims_of, suggestion, systems
from jaxdl.core.run import BadInput

Command = list[str]


class Kind(NamedTuple):
    """A kind of item.

    Attributes:
      limit: seconds after which one is stopped.
      least: seconds that must be left for one to be started.
    """

    limit: float
    least: float


KINDS = {  # in the order of their value
    "smoke": Kind(limit=75, least=15),
    "contract": Kind(limit=90, least=20),
    "bench": Kind(limit=120, least=20),
    "preset": Kind(limit=150, least=45),
    "claims": Kind(limit=240, least=60),
}


class Item(NamedTuple):
    """Something to measure, in a process of its own.

    Attributes:
      kind: a name in KINDS.
      subject: a system, or a case of a benchmark.
      arguments: of `python -m`; "{folder}" stands for a folder that is thrown away afterwards.
    """

    kind: str
    subject: str
    arguments: tuple[str, ...]

    @property
    def name(self) -> str:
        """The kind and the subject."""
        return f"{self.kind}/{self.subject}"

    def command(self, folder: Path) -> Command:
        """Returns the command line, which writes into the folder."""
        arguments = [text.replace("{folder}", str(folder)) for text in self.arguments]
        return [sys.executable, "-u", "-m", *arguments]

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Makes the folder; checkpoints, which are large, go with it."""
        with tempfile.TemporaryDirectory(prefix="jaxdl-device-") as folder:
            yield Path(folder) / self.subject


def list_items(only: Sequence[str], *, on_accelerator: bool) -> list[Item]:
    """Lists what is to be measured, the most valuable first.

    Args:
      only: kinds, systems or names of items; empty for all.
      on_accelerator: measures gpu presets and claims, else those of smaller machines.

    Raises:
      BadInput: a name in `only` fits nothing.
    """
    makers: Mapping[str, Callable[[bool], list[Item]]] = {
        "smoke": lambda _: [_training("smoke", name, "smoke") for name in systems()],
        "contract": _contracts,
        "bench": _benchmarks,
        "preset": _presets,
        "claims": _claims,
    }
    items = [item for kind in KINDS for item in makers[kind](on_accelerator)]
    known = {name for item in items for name in (item.kind, item.subject, item.name)} | {*KINDS}
    for name in only:
        if name not in known:
            hint = suggestion(name, dict.fromkeys(sorted(known))).removesuffix("; ./run lists them")
            raise BadInput(f"--only={name}: there is no such kind, system or item{hint}")
    wanted = {*only}
    return [x for x in items if not only or wanted & {x.kind, x.subject, x.name}]


def _training(kind: str, system: str, preset: str) -> Item:
    arguments = ("experiments", system, f"--preset={preset}", "--workdir={folder}")
    return Item(kind, system, arguments)


def _contracts(on_accelerator: bool) -> list[Item]:
    names = systems()
    return [Item("contract", name, ("experiments._device_contract", name)) for name in names]


def _benchmarks(on_accelerator: bool) -> list[Item]:
    from experiments.bench import benchmark_files

    items = []
    for name, path in benchmark_files().items():
        try:
            cases = case_names(path)
        except BadInput:
            cases = [name]  # it is run, so that its row says what is wrong
        for case in cases:
            arguments = ("experiments", "bench", f"--only={case}", "--out={folder}/bench.jsonl")
            items.append(Item("bench", case, arguments))
    return items


def _presets(on_accelerator: bool) -> list[Item]:
    preset = "gpu" if on_accelerator else "cpu"
    files = systems().values()
    return [_training("preset", x.name, preset) for x in files if preset in x.module.PRESETS]


def _claims(on_accelerator: bool) -> list[Item]:
    tier = "gpu" if on_accelerator else "smoke"
    arguments = (f"--tier={tier}", "--results={folder}")
    return [
        Item("claims", file.name, ("experiments", "claims", f"--only={file.name}", *arguments))
        for file in systems().values()
        if _has_claims(file)
    ]


def _has_claims(file: Any) -> bool:
    try:
        return bool(claims_of(file))
    except BadInput:
        return True  # it is measured, so that its row says what is wrong


def limit_of(item: Item, left: float) -> float:
    """Returns after how many seconds an item is stopped, with so many left for all."""
    return min(KINDS[item.kind].limit, left)


def fits(item: Item, left: float, device: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Says whether an item can be started with so many seconds left.

    One that overran on this device before is only given another try with more time.
    """
    mine = [row for row in rows if row["item"] == item.name and row["device"] == device]
    tried = max((row["limit"] for row in mine if row["status"] == "overran"), default=0.0)
    return left >= KINDS[item.kind].least and limit_of(item, left) > 1.1 * tried
