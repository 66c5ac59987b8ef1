"""Measures what a trained GPT-2 can do untaught (Radford et al. 2019, section 3).

Held-out text and text of another domain in bits per byte, WikiText in perplexity per word, the last
word of passages (after LAMBADA), names and nouns left out (after the Children's Book Test), and a
task of classification by what goes on from a prompt. Beside each score stand what counts of words
reach without a net, and what a guess does. Prints a table, and writes zero_shot.json and
zero_shot.html into the run's folder.

    ./run zero_shot --workdir=latest
    ./run zero_shot --hf=<folder> --out=scores --wikitext=wiki.test.tokens
    ./run zero_shot --workdir=latest --task=sentence_polarity --task_dir=nltk_data/corpora
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from experiments._finished import check_folders
from experiments._language_model import LanguageModel, Source, open_model
from experiments.language._options import Text
from jaxdl.core.run import option
from jaxdl.launch.flags import launch_tool

HEAD = ("what", "unit", "score", "95 % interval", "counts", "guess", "n")
FEW = 10  # questions, of which no share can be told


@dataclass(frozen=True)
class Config(Source):
    """Which model, and what it is asked."""

    out: str = option("", "where the figures go (default: the model's own folder)")
    text: str = option(
        "", "what questions are made of (default: what the run held out; of a folder, python)"
    )
    other: str = option(
        "", "text of another domain (default: scikit-learn's descriptions of its data sets)"
    )
    wikitext: str = option("", "a file of WikiText as it is published (default: none)")
    task: Literal["word_order", "sentence_polarity", "subjectivity", "sst2", "cola", "rte"] = (
        option("word_order", "what is classified")
    )
    task_dir: str = option("", "where the task's files lie (word_order needs none)")
    questions: int = option(200, "of each kind, at most", at_least=2)
    text_bytes: int = option(200_000, "of each text that is scored, at most (0: all)", at_least=0)
    seed: int = option(0, "of questions and intervals", at_least=0)

    def __post_init__(self):
        super().__post_init__()
        check_folders("", self.out)


PRESETS = {"smoke": Config(questions=10, text_bytes=2_000), "cpu": Config()}


def main(config: Config) -> list[Any]:
    """Measures everything, prints the table and writes both files; returns the figures.

    Raises:
      BadInput: there is no such model, or a text or task is missing.
    """
    from jaxdl import pages
    from jaxdl.language.scoring import Model

    found = open_model(config, "zero_shot")
    wanted = list(open_texts(found, config))  # before anything is computed
    model = Model(found.net, found.params, found.tokenizer, found.packed)
    figures = [figure for measure in wanted for figure in measure(model)]
    folder = Path(config.out) if config.out else found.folder
    write(folder, found, config, figures)
    pages.print_table(HEAD, [row_of(figure) for figure in figures])
    pages.print_text(f"jaxdl: written to {folder / 'zero_shot.json'} and zero_shot.html")
    return figures


def open_texts(found: LanguageModel, config: Config) -> Iterator[Callable[[Any], list[Any]]]:
    """Reads all texts, and yields what is to be measured: model -> figures."""
    import numpy as np

    from jaxdl.language import cloze, tasks, zero_shot
    from jaxdl.language.texts import read_file

    texts = held_out(found.text or Text(), config.text)
    own = cut(texts, config.text_bytes)
    other = cut(read(config.other or own_rst()), config.text_bytes)
    yield lambda model: [zero_shot.bits_per_byte(model, own, "held-out text")]
    yield lambda model: [zero_shot.bits_per_byte(model, other, "text of another domain")]
    if config.wikitext:
        (wiki,) = cut([read_file(Path(config.wikitext))], config.text_bytes)
        yield lambda model: [zero_shot.wikitext(model, wiki)]
    passages = cloze.last_words(texts, most=config.questions)
    if are_enough(passages, "last words", config):
        yield lambda model: zero_shot.last_word(model, passages, texts)
    for kind in cloze.KINDS:
        blanks = cloze.choices(texts, kind, seed=config.seed, most=config.questions)
        if are_enough(blanks, kind, config):
            yield lambda model, blanks=blanks, kind=kind: [
                zero_shot.fill_in(model, blanks, texts, kind)
            ]
    task = tasks.open_task(config.task, config.task_dir)
    # A stream of its own: tasks are made by seeds too, and the same order would choose one class.
    rng = np.random.default_rng((config.seed, 1))
    chosen = rng.permutation(len(task.test.labels))[: config.questions]
    some = tasks.take(task.test, chosen)
    yield lambda model: [zero_shot.classify(model, task, some, texts)]


def are_enough(questions: list[Any], name: str, config: Config) -> bool:
    """Returns whether a share can be told of so many questions; says so where it cannot."""
    from jaxdl import pages

    fine = len(questions) >= min(FEW, config.questions)
    if not fine:
        pages.print_text(f"jaxdl: the text gives {len(questions)} questions about {name}: too few")
    return fine


def held_out(text: Text, other: str) -> list[str]:
    """Returns the documents that a run did not learn from, or all of another text."""
    from jaxdl.language import corpus, tokenizers

    if other:
        return read(other)
    # Which documents are held out does not depend on the tokenizer, and bytes need no file.
    words = tokenizers.raw_bytes()
    side = corpus.open_corpus(text.text, words, held_out=text.held_out).held_out
    return corpus.decoded(side, words)


def read(name: str) -> list[str]:
    """Reads all documents of a text."""
    from jaxdl.language import texts

    return [document.text for document in texts.open_texts(name).documents()]


def own_rst() -> str:
    """Returns the folder of scikit-learn's descriptions of its data sets, 14 pages of prose."""
    import sklearn.datasets

    return str(Path(sklearn.datasets.__file__).parent / "descr")


def cut(texts: list[str], most: int) -> list[str]:
    """Returns the first documents that have so many bytes together; the last is cut at a line."""
    if not most:
        return texts
    kept = []
    for text in texts:
        content = text.encode("utf-8", "surrogatepass")
        if len(content) > most:
            start = content[:most]
            content = start[: start.rfind(b"\n") + 1] or start
            most = 0
        kept.append(content.decode("utf-8", "ignore"))
        most -= len(content)
        if most <= 0:
            break
    return [text for text in kept if text.strip()]


def row_of(figure: Any) -> tuple[str, ...]:
    """Writes a figure as a line of the table."""
    numbers = [
        f"{x:.4g}" for x in (figure.score, figure.low, figure.high, figure.unigram, figure.chance)
    ]
    score, low, high, unigram, chance = numbers
    return (
        figure.name, figure.unit, score, f"{low} to {high}", unigram, chance, str(figure.count)
    )  # fmt: skip


def write(folder: Path, found: LanguageModel, config: Config, figures: list[Any]) -> None:
    """Writes the figures as JSON and as a page."""
    import jax

    from jaxdl import pages

    size = sum(x.size for x in jax.tree.leaves(found.params))
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "model": str(found.folder),
        "parameters": size,
        "settings": asdict(config),
        "figures": [figure._asdict() for figure in figures],
    }
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    (folder / "zero_shot.json").write_text(text, "utf-8", "backslashreplace")
    about = (
        "Counts know how often tokens or words occur, and nothing else: those of bits per byte and "
        "WikiText are of the scored text itself, the best that there could be. Intervals are of "
        "the bootstrap over n questions, or n pieces of a text."
    )
    parts = [pages.section("Scores", text=about, head=HEAD, rows=[*map(row_of, figures)])]
    head = ("question", "answer", "the net is")
    for figure in figures:
        if figure.examples:
            parts.append(pages.section(figure.name, head=head, rows=figure.examples))
    html = pages.page("zero-shot", f"{found.folder}: {size:,} parameters", parts)
    pages.write_page(folder / "zero_shot.html", html)


if __name__ == "__main__":
    launch_tool(main, PRESETS)
