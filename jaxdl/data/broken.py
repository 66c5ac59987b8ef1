"""Files that cannot be read: they end the run, or are left out, named and counted."""

import sys
from collections.abc import Callable
from threading import Lock

from jaxdl.core.run import BadInput

OnBroken = Callable[[BadInput], None]
MAX_NAMED = 20  # of them; a folder of broken files should not fill the terminal


def refuse_broken(error: BadInput) -> None:
    """Raises the error."""
    raise error


def leave_out_broken() -> OnBroken:
    """Makes a function that names each broken file once on standard error, with their number."""
    known: set[str] = set()
    lock = Lock()

    def leave_out(error):
        message = str(error)
        with lock:
            if message in known:
                return
            known.add(message)
            if len(known) <= MAX_NAMED:
                print(f"jaxdl: broken file {len(known)} is left out: {message}", file=sys.stderr)
            elif len(known) % 100 == 0:
                print(f"jaxdl: {len(known)} broken files are left out so far", file=sys.stderr)

    return leave_out
