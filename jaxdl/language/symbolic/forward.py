"""FWD: random functions that SymPy can integrate (section 4.1), on the host.

Each worker is a process of its own, with limits of time and memory: an integral that takes longer
ends with its worker, and another one is begun. This is the only path of data through the host, and
a slow one: less than one integral a second on a core.
"""

import multiprocessing
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.symbolic.expressions import ARITIES, FRACTION, NAMES, read_number, unpack
from jaxdl.language.symbolic.parser import parse

MEMORY = 2 << 30  # bytes of a worker's address space
SECONDS = 5.0
START_SECONDS = 60.0  # in which a worker loads SymPy


def load_sympy() -> Any:
    """Returns SymPy.

    Raises:
      BadInput: it is not installed.
    """
    try:
        import sympy
    except ImportError:
        raise BadInput("this needs SymPy: install the extra symbolic") from None
    return sympy


def to_sympy(program: np.ndarray) -> Any:
    """Builds a program's expression [L], with the names that it has as symbols.

    Raises:
      BadInput: SymPy is not installed.
    """
    sympy = load_sympy()
    constants = {"e": sympy.E, "pi": sympy.pi, "i": sympy.I}
    binary = {
        "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
        "/": lambda a, b: a / b, "^": lambda a, b: a**b,
    }  # fmt: skip
    stack: list[Any] = []
    for token in reversed(unpack(program)):
        name = NAMES[token] if token < FRACTION else ""
        if not name:
            stack.append(sympy.Rational(*read_number(token)))
        elif name in binary:
            stack.append(binary[name](stack.pop(), stack.pop()))
        elif ARITIES[token]:
            stack.append(getattr(sympy, name)(stack.pop()))
        else:
            stack.append(constants.get(name) or sympy.Symbol(name))
    return stack[0]


def integrate(
    programs: Sequence[np.ndarray], *, length: int, seconds: float = SECONDS
) -> Iterator[np.ndarray | None]:
    """Integrates programs by SymPy, one after the other.

    Args:
      programs: of x, [L] int32 each.
      length: of the integrals.
      seconds: that each may take.

    Yields:
      The integral [length], not simplified; None where SymPy found none in time, or one of
      functions that the vocabulary lacks.

    Raises:
      BadInput: SymPy is not installed.
    """
    load_sympy()
    context = multiprocessing.get_context("spawn")
    worker, pipe = None, None
    try:
        for program in programs:
            if worker is None:
                pipe, end = context.Pipe()
                worker = context.Process(target=_work, args=(end,), daemon=True)
                worker.start()
                if not pipe.poll(START_SECONDS):
                    raise BadInput("a worker that loads SymPy did not begin")
                pipe.recv()
            pipe.send(np.asarray(program))
            text = pipe.recv() if pipe.poll(seconds) else None
            if text is None:
                worker.kill()
                worker.join()
                worker = None
            yield _read(text, length) if text else None
    finally:
        if worker is not None:
            worker.kill()
            worker.join()


def _work(pipe: Any) -> None:
    """Integrates what comes through a pipe; answers "" where there is no closed form."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sympy = load_sympy()
    pipe.send("ready")
    while True:
        try:
            found = sympy.integrate(to_sympy(pipe.recv()), sympy.Symbol("x"))
            pipe.send("" if found.has(sympy.Integral) else str(found))
        except EOFError:
            return
        except Exception:  # whatever SymPy does not know of an integral, it is none
            pipe.send("")


def _read(text: str, length: int) -> np.ndarray | None:
    try:
        return parse(text, length=length)
    except ValueError:
        return None
