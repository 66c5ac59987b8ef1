"""Renders the tables of README.md and BUILD.md, docs/reading.md and RESULTS.md; measures nothing.

./run docs
"""

from collections.abc import Sequence

from experiments import _docs, claims
from experiments._systems import RESULTS
from jaxdl.core.run import BadInput


def main(arguments: Sequence[str] = ()) -> int:
    """Renders all pages."""
    if {*arguments} & {"-h", "--help", "--helpfull"}:
        print(__doc__)
        return 0
    if arguments:
        raise BadInput(f"./run docs takes no arguments, got {arguments[0]!r}")
    claims.render(RESULTS)
    _docs.render(RESULTS)
    return 0
