"""How a run is ended from outside, by a signal that all processes obey, or because it hangs."""

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from jaxdl.core.logs import is_terminal
from jaxdl.core.mesh import AXIS


class Watch(NamedTuple):
    """What the loop asks at the end of each call.

    Attributes:
      stop: () -> number of the signal to stop for, or 0; the same answer in every process.
      restart: () -> None; restarts the watchdog's timer.
    """

    stop: Callable[[], int]
    restart: Callable[[], None]


@contextmanager
def watch(mesh: Mesh, seconds: int, save_on: Sequence[str]) -> Iterator[Watch]:
    """Listens for signals, and ends the process if `restart` is not called for `seconds`.

    A second SIGINT ends the process at once, even within a compilation.

    Args:
      mesh: its devices agree on when to stop.
      seconds: of the watchdog; 0 for none.
      save_on: names of signals, such as "TERM", after which the run saves and ends.
    """
    received: list[int] = []
    signals = tuple(getattr(signal, f"SIG{name}") for name in save_on)
    with _signals(received, signals), _watchdog(seconds) as restart:
        yield Watch(make_stop(received, mesh), restart)


def make_stop(received: list[int], mesh: Mesh) -> Callable[[], int]:
    """Returns a function that tells which signal any process has received, or 0.

    Several processes ask their devices, which answer after the call that is under way. So the
    answer is taken one call later, and nobody waits for it.
    """
    if jax.process_count() == 1:
        return lambda: received[0] if received else 0
    split = NamedSharding(mesh, P(AXIS))
    copied = NamedSharding(mesh, P())
    largest = jax.jit(lambda x: x.max(), out_shardings=copied)
    asked = None

    def stop():
        nonlocal asked
        number = np.full(len(mesh.local_devices), received[0] if received else 0, np.int32)
        before = asked
        asked = largest(jax.make_array_from_process_local_data(split, number))
        return 0 if before is None else int(jax.device_get(before))

    return stop


@contextmanager
def _signals(received: list[int], signals: Sequence[signal.Signals]) -> Iterator[None]:
    """Collects signals on a second thread, since the main one may be busy in a compiler."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals belong to the main thread's owner
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    old_writer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    old = {number: signal.signal(number, lambda *_: None) for number in signals}
    listener = threading.Thread(target=_listen, args=(reader, received, signals), daemon=True)
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


def _listen(reader: int, received: list[int], signals: Sequence[signal.Signals]) -> None:
    while number := os.read(reader, 1):
        if number[0] not in signals:
            continue
        if received and number[0] == signal.SIGINT:
            cursor = "\x1b[?25h" if is_terminal() else ""  # the progress bar has hidden it
            _write(f"{cursor}\njaxdl: ended without saving\n")
            os._exit(128 + signal.SIGINT)
        if not received:
            name = signal.Signals(number[0]).name
            again = "; a second SIGINT ends it at once" if is_terminal() else ""
            received.append(number[0])
            _write(f"jaxdl: {name}: saving at the end of this call{again}\n")


def _write(text: str) -> None:
    with suppress(OSError):  # the terminal may be gone, which is what SIGHUP says
        os.write(2, text.encode())


@contextmanager
def _watchdog(seconds: int) -> Iterator[Callable[[], None]]:
    """Python's own timer, which needs no cooperation of the thread that hangs."""
    armed_at = -float("inf")
    pause = min(0.05 * seconds, 0.05)  # each arming starts a thread

    def restart():
        nonlocal armed_at
        if seconds and time.monotonic() - armed_at > pause:
            faulthandler.dump_traceback_later(seconds, exit=True, file=sys.__stderr__ or 2)
            armed_at = time.monotonic()

    restart()
    try:
        yield restart
    finally:
        if seconds:
            faulthandler.cancel_dump_traceback_later()
