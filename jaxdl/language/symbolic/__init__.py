"""Deep learning for symbolic mathematics (Lample & Charton 2019, arXiv 1912.01412).

Expressions are rows of int32, and all that is done with them is done on the device, for thousands
at a time: they are drawn, differentiated, simplified, evaluated and compared. Text is read and
written on the host. The names are loaded on first use.
"""

from typing import TYPE_CHECKING

from jaxdl.lazy import keep_functions, load_lazily

if TYPE_CHECKING:
    from jaxdl.language.symbolic.backward import backward as backward
    from jaxdl.language.symbolic.derivative import derivative as derivative
    from jaxdl.language.symbolic.parser import parse as parse
    from jaxdl.language.symbolic.printer import to_latex as to_latex
    from jaxdl.language.symbolic.printer import to_text as to_text
    from jaxdl.language.symbolic.simplify import make_readable as make_readable
    from jaxdl.language.symbolic.simplify import simplify as simplify
    from jaxdl.language.symbolic.stack_machine import evaluate as evaluate
    from jaxdl.language.symbolic.stack_machine import evaluate_dual as evaluate_dual
    from jaxdl.language.symbolic.trees import count_trees as count_trees
    from jaxdl.language.symbolic.trees import sample_expression as sample_expression
    from jaxdl.language.symbolic.verify import equal as equal
    from jaxdl.language.symbolic.verify import is_antiderivative as is_antiderivative

_HOME = {
    "backward": "backward",
    "count_trees": "trees",
    "derivative": "derivative",
    "equal": "verify",
    "evaluate": "stack_machine",
    "evaluate_dual": "stack_machine",
    "is_antiderivative": "verify",
    "make_readable": "simplify",
    "parse": "parser",
    "sample_expression": "trees",
    "simplify": "simplify",
    "to_latex": "printer",
    "to_text": "printer",
}

__getattr__, __dir__ = load_lazily(__name__, _HOME)
keep_functions(__name__, _HOME)
