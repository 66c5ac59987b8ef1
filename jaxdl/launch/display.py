"""Standard output and standard error that never end a run. No JAX here."""

import contextlib
import io
import os
import sys


class _Display(io.FileIO):
    """A file whose writes do not fail: what nobody reads any more is dropped."""

    def write(self, data, /):
        try:
            return super().write(data)
        except OSError:  # a closed pipe, a lost terminal, a full disk behind `>`
            return len(data)


def steady_display() -> None:
    """Makes both streams write UTF-8 whatever the locale, and survive their reader.

    A stream that was closed before the start is opened on the null device, lest the next file that
    is opened takes its number and gets what was meant for the terminal.
    """
    for number, name, original in ((1, "stdout", sys.__stdout__), (2, "stderr", sys.__stderr__)):
        stream = getattr(sys, name)
        if stream is not original:  # somebody captures it
            continue
        if stream is None:
            _open_null(number)
        else:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        raw = _Display(number, "w", closefd=False)
        buffer = io.BufferedWriter(raw, 1 if number == 2 else io.DEFAULT_BUFFER_SIZE)
        # A name whose bytes are no text reaches Python as lone surrogates, which are written out.
        steady = io.TextIOWrapper(
            buffer,
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=number == 2 or raw.isatty(),
            write_through=number == 2,
        )
        setattr(sys, name, steady)
        setattr(sys, f"__{name}__", steady)


def _open_null(number: int) -> None:
    """Opens the null device under a file's number, if that is free."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
