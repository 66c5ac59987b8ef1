"""The judge: ngspice simulates designs that were found here, in a process of its own.

ngspice (Debian's package `ngspice`, section 17.5 of its manual for the commands) reads the netlist
once; each design is `alterparam`, `reset` and a new analysis in the same process.
"""

import math
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput

PROGRAM = "ngspice"
SECONDS = 120.0  # that a process may take
MOST_DESIGNS = 5000  # of a process
MOST_BYTES = 256_000_000  # of its results
OPTIONS = ".options reltol=1e-9 abstol=1e-15 vntol=1e-9 gmin=1e-15 noacct"
NODE = re.compile(r"[a-z0-9_]+")


class Judged(NamedTuple):
    """What ngspice found of M designs.

    Attributes:
      voltages: name -> [M] V, of the operating point.
      currents: name of a voltage source -> [M] A; negative where it supplies power.
      response: [M, F] complex, V, of one node.
      frequencies: [F] in Hz.
    """

    voltages: Mapping[str, np.ndarray]
    currents: Mapping[str, np.ndarray]
    response: np.ndarray
    frequencies: np.ndarray


def find_ngspice(program: str = PROGRAM) -> str | None:
    """Returns where the program lies; None where it is missing."""
    return shutil.which(program)


def judge(
    text: str,
    designs: Sequence[Mapping[str, float]],
    *,
    nodes: Sequence[str],
    sources: Sequence[str],
    output: str,
    program: str = PROGRAM,
    seconds: float = SECONDS,
) -> Judged:
    """Simulates designs by ngspice: operating points, and responses of ten frequencies a decade.

    Args:
      text: a netlist that `read_netlist` takes, which names the parameters.
      designs: M of them, name of a parameter -> number.
      nodes: whose voltages are told.
      sources: voltage sources whose currents are told.
      output: the node whose response from 1 Hz to 10 GHz is told.
      program: to start.
      seconds: that the process may take.

    Raises:
      BadInput: one line, where ngspice is missing, fails, or takes too long.
    """
    if len(designs) > MOST_DESIGNS:
        raise BadInput(f"{len(designs)} designs are more than {MOST_DESIGNS} for one process")
    told = [f"v({node})" for node in nodes] + [f"i({source})" for source in sources]
    with tempfile.TemporaryDirectory(prefix="jaxdl-ngspice-") as folder:
        deck = write_deck(text, designs, told=told, output=output)
        run_deck(deck, folder, program=program, seconds=seconds)
        points = [read_columns(Path(folder, f"op{i}.txt")) for i in range(len(designs))]
        sweeps = [read_columns(Path(folder, f"ac{i}.txt")) for i in range(len(designs))]
    rows = np.array([point[0, 1::2] for point in points])  # a scale stands before each value
    columns = dict(zip(told, rows.T, strict=True))
    return Judged(
        {node: columns[f"v({node})"] for node in nodes},
        {source: columns[f"i({source})"] for source in sources},
        np.array([sweep[:, 1] + 1j * sweep[:, 2] for sweep in sweeps]),
        sweeps[0][:, 0],
    )


def write_deck(
    text: str, designs: Sequence[Mapping[str, float]], *, told: Sequence[str], output: str
) -> str:
    """Writes the netlist with the commands that simulate all designs.

    Raises:
      BadInput: a name or a number could be a command.
    """
    body = [line for line in text.splitlines() if line.strip().lower() != ".end"]
    commands = ["set wr_singlescale=0", "set numdgt=15"]
    for number, design in enumerate(designs):
        for name, value in design.items():
            if not NODE.fullmatch(name) or not math.isfinite(value):
                raise BadInput(f"{ascii(name)[:40]} = {value} is no parameter")
            commands.append(f"alterparam {name}={float(value)!r}")
        commands += ["reset", "op", f"wrdata op{number}.txt {' '.join(told)}"]
        commands += ["ac dec 10 1 1e10", f"wrdata ac{number}.txt v({output})", "destroy all"]
    return "\n".join([*body, OPTIONS, ".control", *commands, "quit", ".endc", ".end", ""])


def read_columns(path: Path) -> np.ndarray:
    """Reads what `wrdata` has written: [rows, columns].

    Raises:
      BadInput: the file is missing, too large, or holds other than finite numbers.
    """
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        raise BadInput(f"ngspice wrote no {path.name}")
    try:
        table = np.array([line.split() for line in path.read_text().splitlines()], np.float64)
    except ValueError:
        table = np.zeros((0, 0))
    if table.ndim != 2 or table.shape[0] == 0 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise BadInput(f"ngspice wrote no table of numbers into {path.name}")
    return table


def run_deck(deck: str, folder: str, *, program: str = PROGRAM, seconds: float = SECONDS) -> None:
    """Runs ngspice to its end, without input, our environment, or its own start-up files.

    Args:
      deck: what `write_deck` has written.
      folder: where it works and writes.
      program: to start.
      seconds: that it may take.

    Raises:
      BadInput: one line, where it is missing, fails, or takes too long.
    """
    place = find_ngspice(program)
    if place is None:
        raise BadInput(f"{program} is not installed: apt-get install ngspice")
    Path(folder, "deck.cir").write_text(deck, "ascii")
    environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "OMP_NUM_THREADS": "1", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [place, "-n", "-b", "deck.cir"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BadInput(f"ngspice took more than {seconds:g} s") from None
    if done.returncode:
        words = done.stderr.decode("ascii", "replace").split()
        raise BadInput(f"ngspice ended with {done.returncode}: {ascii(' '.join(words))[:200]}")
