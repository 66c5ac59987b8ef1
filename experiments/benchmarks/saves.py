"""What checkpoints cost the loop, and what the compilation cache spares a second start."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from jaxdl.core.checkpoint import open_checkpoints

LEAVES, ROWS = 4, 6_250_000  # 4 x 25 MB of float32
REPEATS = 7


def _state() -> list[jax.Array]:
    keys = jax.random.split(jax.random.key(0), LEAVES)
    return [jax.block_until_ready(jax.random.normal(key, (ROWS,))) for key in keys]


def _like(state):
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device), state)


def _row(case: str, who: str, seconds: list[tuple[float, float]], note: str, **more) -> dict:
    """Medians of (wall, CPU) seconds of moving the 100 MB."""
    wall, cpu = np.median(np.asarray(seconds), axis=0)
    size = 4 * LEAVES * ROWS
    return {
        "case": case,
        "who": who,
        "items": size,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "items_per_second": size / wall,
        "items_per_cpu_second": size / max(cpu, 1e-9),
        "note": note,
        **more,
    }


def _timed(call) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def _in_turns(todo: Callable[[int], dict[str, Callable]]) -> dict[str, list]:
    """Who -> (wall, CPU) seconds of each turn but the first; `todo` says who does what then."""
    seconds = defaultdict(list)
    for turn in range(REPEATS + 1):
        for who, call in todo(turn).items():
            took = _timed(call)
            if turn:
                seconds[who].append(took)
    return seconds


def save_100mb(peers: bool) -> list[dict]:
    """Seconds until 100 MB are on the disk with their manifest, and how long the loop is blocked.

    The disk's own write-back is not waited for. Peers: Orbax without a manifest, numpy's savez.
    """
    state, folder = _state(), Path(tempfile.mkdtemp())
    blocked: list[float] = []
    warm = open_checkpoints(folder / "warm", keep=1)

    def ours(turn):
        def save():
            began = time.perf_counter()
            warm.save(turn, state)
            blocked.append(time.perf_counter() - began)
            while not (folder / "warm" / str(turn) / "manifest.json").exists():
                time.sleep(0.001)

        return save

    orbax = ocp.StandardCheckpointer()
    arrays = {str(i): x for i, x in enumerate(state)}
    theirs = {
        "orbax": lambda: (
            orbax.save(folder / "orbax", state, force=True),
            orbax.wait_until_finished(),
        ),
        "numpy": lambda: np.savez(folder / "arrays.npz", **arrays),
    }
    seconds = _in_turns(lambda turn: {"jaxdl": ours(turn), **(theirs if peers else {})})
    warm.close()
    orbax.close()
    shutil.rmtree(folder)
    block = float(np.median(blocked[1:]))
    note = f"blocks the loop for {1000 * block:.0f} ms, at most {1000 * max(blocked[1:]):.0f}"
    rows = [_row("save_100mb", "jaxdl", seconds["jaxdl"], note, blocked_seconds=block)]
    notes = {"orbax": "no manifest, waited for", "numpy": "savez"}
    return rows + [_row("save_100mb", who, seconds[who], notes[who]) for who in notes if peers]


def restore_100mb(peers: bool) -> list[dict]:
    """Seconds to verify 100 MB by their sums and to restore them; the peers verify nothing."""
    state, folder = _state(), Path(tempfile.mkdtemp())
    checkpoints = open_checkpoints(folder / "run")
    checkpoints.save(1, state)
    checkpoints.close()
    checkpoints, orbax = open_checkpoints(folder / "run"), ocp.StandardCheckpointer()
    np.savez(folder / "arrays.npz", **{str(i): x for i, x in enumerate(state)})
    like = _like(state)

    def load():
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            jax.block_until_ready([jnp.asarray(arrays[name]) for name in arrays])

    todo = {"jaxdl": lambda: jax.block_until_ready(checkpoints.restore(like))}
    if peers:
        path = folder / "run/1/default"
        todo["orbax"] = lambda: jax.block_until_ready(orbax.restore(path, like))
        todo["numpy"] = load
    seconds = _in_turns(lambda turn: todo)
    checkpoints.close()
    orbax.close()
    shutil.rmtree(folder)
    notes = {"jaxdl": "verified by SHA-256", "orbax": "not verified", "numpy": "not verified"}
    return [_row("restore_100mb", who, took, notes[who]) for who, took in seconds.items()]


def warm_start(peers: bool, turns: int = 3) -> list[dict]:
    """Compile seconds of a first and of a second start of PPO, in processes of their own."""
    del peers
    rows = {"cold": [], "warm": []}
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            for who in rows:
                rows[who].append(_start(Path(folder), who))
    prints = {row["fingerprint"] for taken in rows.values() for row in taken}
    assert len(prints) == 1, "a program out of the cache computes something else"
    compiled = {who: np.median([row["compile_seconds"] for row in rows[who]]) for who in rows}
    return [
        {
            "case": "warm_start",
            "who": who,
            "compile_wall_seconds": compiled[who],
            "wall_seconds": float(np.median([row["wall_seconds"] for row in rows[who]])),
            "note": f"compiles in {compiled[who]:.2f} s, {compiled[who] / compiled['cold']:.0%}",
        }
        for who in rows
    ]


def _start(folder: Path, who: str) -> dict:
    command = ["-m", "experiments", "ppo", "--preset=smoke", "--steps=1", "--steps_per_call=1"]
    environment = os.environ | {"JAXDL_CACHE": str(folder / "cache")}
    subprocess.run(
        [sys.executable, *command, f"--workdir={folder / who}"],
        env=environment,
        check=True,
        capture_output=True,
    )
    return json.loads((folder / who / "result.json").read_text())


CASES = {"save_100mb": save_100mb, "restore_100mb": restore_100mb, "warm_start": warm_start}
