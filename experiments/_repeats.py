"""Prints how much of each learner and launch file stands in a sibling too; fails above 15 %.

Lines are compared without blanks, comments, imports, docstrings and closing brackets. Lines of one
name, and those that the contract prescribes for every file (`FORM`), are left out. A line counts as
repeated as often as the sibling has it too; the sibling is the one with the most such lines.
"""

import ast
import io
import sys
import tokenize
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from experiments._imports import ROOT, find_launch_files, find_learners

MOST_REPEATED = 0.15
LEFT_OUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}


FORM = """
ABOUT = About(
ABOUT = describe(
@dataclass(frozen=True)
class Config:
PRESETS = {
"smoke": Config(
"smoke": Config(),
"cpu": Config(
"cpu": Config(),
"gpu": Config(
"gpu": Config(),
"paper": Config(
"paper": Config(),
def build(config: Config) -> System:
return System(
if __name__ == "__main__":
launch(build, PRESETS, ABOUT)
env: Env,
net: ActorCritic,
net: nn.Module,
tx: optax.GradientTransformation,
augment: Augment,
image_shape: tuple[int, int, int],
) -> Learner:
def init(key):
def step(key, state, batch):
def update(key, state, batch):
def evaluate(key, state):
return Learner(init, step, evaluate)
"""


class Repeated(NamedTuple):
    """How much of a file its most alike sibling holds.

    Attributes:
      file: the file.
      sibling: the other file.
      share: repeated lines over all lines, 0 to 1.
    """

    file: str
    sibling: str
    share: float


def code_lines(source: str) -> Counter[str]:
    """Returns normalized line -> how often a source holds it."""
    skipped = _skipped_lines(ast.parse(source))
    lines: dict[int, list[str]] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in LEFT_OUT and token.start[0] not in skipped:
            lines.setdefault(token.start[0], []).append(token.string)
    form = {normalize(line) for line in FORM.split("\n")}
    texts = (normalize(" ".join(words)) for words in lines.values())
    return Counter(text for text in texts if text not in form and not text.isidentifier())


def normalize(line: str) -> str:
    """Returns a line without blanks and a last comma; "" if it holds nothing but brackets."""
    text = "".join(line.split()).rstrip(",")
    return text if any(letter.isalnum() for letter in text) else ""


def _skipped_lines(tree: ast.Module) -> set[int]:
    """Returns the numbers of the lines of imports and docstrings."""
    skipped = set()
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            is_text and isinstance(node.value.value, str)
        ):
            skipped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return skipped


def compare(sources: Mapping[str, str]) -> list[Repeated]:
    """Compares each source with all others, file name -> text; the most repeated come first."""
    counts = {name: code_lines(source) for name, source in sources.items()}
    found = []
    for name, lines in counts.items():
        total = max(lines.total(), 1)
        shares = {
            other: (lines & others).total() / total
            for other, others in counts.items()
            if other != name
        }
        if shares:
            sibling = max(shares, key=lambda other: shares[other])
            found.append(Repeated(name, sibling, shares[sibling]))
    return sorted(found, key=lambda each: -each.share)


def report(groups: Mapping[str, Sequence[Path]], root: Path = ROOT) -> int:
    """Prints the shares of each group of siblings; returns 1 if one is above the bound, else 0."""
    code = 0
    for title, paths in groups.items():
        found = compare({str(path.relative_to(root)): path.read_text() for path in paths})
        print(f"lines of {title} that a sibling repeats (at most {MOST_REPEATED:.0%}):")
        for file, sibling, share in found:
            mark = "  too many" if share > MOST_REPEATED else ""
            print(f"  {share:4.0%}  {file}, in {sibling}{mark}")
            code |= share > MOST_REPEATED
    return int(code)


def main() -> int:
    """Compares the learners and the launch files of this repository."""
    learners = sorted(set(find_learners().values()))
    return report({"learners": learners, "launch files": find_launch_files()})


if __name__ == "__main__":
    sys.exit(main())
