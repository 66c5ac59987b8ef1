"""How a run is ended from outside: by a signal that all processes obey together, or for hanging."""

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.mesh import AXIS

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Watch(NamedTuple):
    """What the loop asks at the end of each call.

    Attributes:
      stop: () -> the signal to stop for, or 0; the same answer in every process.
      alive: () -> None; puts the watchdog off.
    """

    stop: Callable[[], int]
    alive: Callable[[], None]


@contextmanager
def watch(mesh: Mesh, seconds: int) -> Iterator[Watch]:
    """Listens for SIGTERM and SIGINT, and ends the process if it is not `alive` for `seconds`.

    A second SIGINT ends the process at once, even within a compilation.
    """
    seen: list[int] = []
    with _signals(seen), _watchdog(seconds) as alive:
        yield Watch(_agreement(seen, mesh), alive)


def _agreement(seen: list[int], mesh: Mesh) -> Callable[[], int]:
    """Whether any process has seen a signal.

    Several processes ask their devices, which answer after the call that is under way. So the
    answer is taken one call later, and nobody waits for it.
    """
    if jax.process_count() == 1:
        return lambda: seen[0] if seen else 0
    split, copied = (NamedSharding(mesh, spec) for spec in (P(AXIS), P()))
    largest = jax.jit(lambda x: x.max(), out_shardings=copied)
    asked = None

    def stop():
        nonlocal asked
        number = np.full(len(mesh.local_devices), seen[0] if seen else 0, np.int32)
        before = asked
        asked = largest(jax.make_array_from_process_local_data(split, number))
        return 0 if before is None else int(jax.device_get(before))

    return stop


@contextmanager
def _signals(seen: list[int]) -> Iterator[None]:
    """Collects signals on a thread of its own, since the main one may be busy in a compiler."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are somebody else's
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    old_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    old = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    listener = threading.Thread(target=_listen, args=(reader, seen), daemon=True)
    listener.start()
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(old_writer)
        os.close(writer)  # the listener reads the end of the file
        listener.join()
        os.close(reader)


def _listen(reader: int, seen: list[int]) -> None:
    while number := os.read(reader, 1):
        if number[0] not in SIGNALS:
            continue
        if seen and number[0] == signal.SIGINT:
            cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # the progress bar has hidden it
            os.write(2, f"{cursor}\njaxdl: ended without saving\n".encode())
            os._exit(128 + signal.SIGINT)
        if not seen:
            name = signal.Signals(number[0]).name
            again = "; a second SIGINT ends it at once" if sys.stderr.isatty() else ""
            os.write(2, f"jaxdl: {name}: saving at the end of this call{again}\n".encode())
            seen.append(number[0])


@contextmanager
def _watchdog(seconds: int) -> Iterator[Callable[[], None]]:
    """Python's own timer, which needs no cooperation of the thread that hangs."""
    armed = -float("inf")

    def alive():
        nonlocal armed
        if seconds and time.monotonic() - armed > 0.05 * seconds:  # each arming starts a thread
            faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
            armed = time.monotonic()

    alive()
    try:
        yield alive
    finally:
        if seconds:
            faulthandler.cancel_dump_traceback_later()
