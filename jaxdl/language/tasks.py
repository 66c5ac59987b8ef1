"""Tasks for fine-tuning: one text or two, and a label; and few of the labels.

`word_order` needs no file. The others are read from where they lie: sentence_polarity and
subjectivity (Pang & Lee 2005, 2004) from nltk's archives, sst2, cola and rte from GLUE's folders.
"""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.corpus import Split, decoded, open_corpus
from jaxdl.language.task_files import read_lines_of, read_table, value_of
from jaxdl.language.tokenizers import raw_bytes

SENTENCE = re.compile(r"[A-Z][a-z]+(?: [A-Za-z][a-z]*,?){4,24}\.(?=\s|$)")
HELP = """a task is one of
  word_order (of Python's documentation, needs no file)
  sentence_polarity, subjectivity: sentence_polarity.zip, subjectivity.zip as nltk_data has them, in
    the folder or in nltk_zips/
  sst2, cola, rte: SST-2/, CoLA/, RTE/ with GLUE's train.tsv and dev.tsv, there or in glue/"""


class Examples(NamedTuple):
    """Texts with labels.

    Attributes:
      first: N texts.
      second: N texts that are compared with them, or () where there is one each.
      labels: [N] int32.
    """

    first: Sequence[str]
    second: Sequence[str]
    labels: np.ndarray


class Task(NamedTuple):
    """What is to be told of texts.

    Attributes:
      name: what it was asked for by.
      train: to learn from.
      test: to be scored on. None of its texts is learned from, but for GLUE's own halves, which are
        left as they are: 16 sentences are in both of CoLA's.
      classes: what the labels 0, 1, ... mean.
      metric: "accuracy" or "matthews", which the paper reports.
    """

    name: str
    train: Examples
    test: Examples
    classes: tuple[str, ...]
    metric: str


def open_task(name: str, folder: str | os.PathLike = "") -> Task:
    """Reads a task.

    Args:
      name: "word_order", "sentence_polarity", "subjectivity", "sst2", "cola" or "rte".
      folder: where its files lie.

    Raises:
      BadInput: the name is unknown, or a file is missing or damaged.
    """
    if name not in READERS:
        raise BadInput(f"there is no task {name!r}; {HELP}")
    if name == "word_order":
        return word_order(open_corpus("python", raw_bytes()))
    if not str(folder) or not Path(folder).is_dir():
        raise BadInput(f"{name} needs the folder of its files, not {str(folder)!r}; {HELP}")
    return READERS[name](Path(folder))


def word_order(split: Split, seed: int = 0) -> Task:
    """Makes a task of plain text, to tell whether the words of a sentence are in their order.

    Every sentence is there once, as it is or with all words but the first mixed, so counts of words
    tell nothing. Those to be scored on are of held-out documents, which pretraining on the same
    text has not seen either: which documents are held out does not depend on the tokenizer.

    Args:
      split: of the tokenizer `raw_bytes`.
      seed: of the mixtures.

    Raises:
      BadInput: a side has no sentences.
    """
    rng = np.random.default_rng(seed)
    seen: set[str] = set()
    halves = []
    for side in (split.held_out, split.train):
        texts = decoded(side, raw_bytes())
        found = [" ".join(s.split()) for text in texts for s in SENTENCE.findall(text)]
        found = [s for s in dict.fromkeys(found) if s not in seen]
        seen.update(found)
        halves.append(_mixed(found, rng))
    if not all(len(half.first) for half in halves):
        raise BadInput("the text has no plain sentences to make a task of")
    test, train = halves
    return Task("word_order", train, test, ("mixed", "in order"), "accuracy")


def few_labels(examples: Examples, per_class: int, seed: int) -> Examples:
    """Draws equally many examples of each class, those of `few_rows`."""
    return take(examples, few_rows(examples.labels, per_class, seed))


def few_rows(labels: np.ndarray, per_class: int, seed: int) -> np.ndarray:
    """Draws the numbers of equally many examples of each class, one of each in turns.

    More of them begin with the fewer of the same seed.

    Args:
      labels: [N] int.
      per_class: how many of each of the K classes.
      seed: of the draws.

    Returns:
      [K per_class] int.

    Raises:
      BadInput: a class has not so many.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    ranked = [order[labels[order] == label] for label in np.unique(labels)]
    most = min(map(len, ranked))
    if not 1 <= per_class <= most:
        raise BadInput(f"labels per class must be 1 to {most}, got {per_class}")
    return np.stack([rank[:per_class] for rank in ranked], axis=1).reshape(-1)


def take(examples: Examples, rows: np.ndarray) -> Examples:
    """Returns some examples, by their numbers."""
    second = [examples.second[i] for i in rows] if examples.second else ()
    return Examples([examples.first[i] for i in rows], second, examples.labels[rows])


def _mixed(sentences: Sequence[str], rng: np.random.Generator) -> Examples:
    texts = []
    labels = np.zeros(len(sentences), np.int32)
    labels[rng.permutation(len(sentences))[: len(sentences) // 2]] = 1
    for sentence, label in zip(sentences, labels, strict=True):
        first, *words = sentence.removesuffix(".").split(" ")
        mixed = list(words)
        while not label and mixed == words and len(set(words)) > 1:
            mixed = [words[i] for i in rng.permutation(len(words))]
        texts.append(" ".join([first, *mixed]) + ".")
    return Examples(texts, (), labels)


def _of_two_files(
    name: str, member: Callable[[str], str], classes: tuple[str, str], folder: Path
) -> Task:
    """A task of two files with one text a line; a tenth of each class is held out, by its hash."""
    path = _find(folder, f"{name}.zip", ("", "nltk_zips", "language/nltk_zips"))
    labels: dict[str, int] = {}
    for label, kind in enumerate(classes):
        for line in read_lines_of(path, member(kind)):
            labels.setdefault(line, label)  # some are there twice
    halves: tuple[list[str], list[str]] = ([], [])
    for label in range(2):
        texts = [text for text, found in labels.items() if found == label]
        texts.sort(key=lambda text: hashlib.sha256(text.encode()).digest())
        halves[0].extend(texts[: len(texts) // 10])
        halves[1].extend(texts[len(texts) // 10 :])
    test, train = (
        Examples(texts, (), np.array([labels[text] for text in texts], np.int32))
        for texts in halves
    )
    return Task(name, train, test, classes, "accuracy")


def _sentence_polarity(folder: Path) -> Task:
    classes = ("negative", "positive")
    return _of_two_files(
        "sentence_polarity",
        lambda kind: f"sentence_polarity/rt-polarity.{kind[:3]}",
        classes,
        folder,
    )


def _subjectivity(folder: Path) -> Task:
    files = {"objective": "plot", "subjective": "quote"}
    return _of_two_files(
        "subjectivity", lambda kind: f"subjectivity/{files[kind]}.tok.gt9.5000", (*files,), folder
    )


def _sst2(folder: Path) -> Task:
    """The development set of GLUE is 872 rows, which some copies name test.tsv."""
    home = _find(folder, "SST-2", ("", "glue", "language/glue"))
    columns = ("sentence", "label")
    parts = {}
    for part in ("train", "dev", "test"):
        path = home / f"{part}.tsv"
        # GLUE's own test.tsv has no labels.
        if path.is_file() and path.open("rb").readline().strip() == b"sentence\tlabel":
            parts[part] = _examples(path, read_table(path, columns), ("0", "1"))
    train, dev, test = (parts.get(part) for part in ("train", "dev", "test"))
    if test is not None and len(test.labels) == 872:
        train, dev = _joined(train, dev), test
    return _checked("sst2", home, train, dev, ("negative", "positive"), "accuracy")


def _cola(folder: Path) -> Task:
    home = _find(folder, "CoLA", ("", "glue", "language/glue"))
    columns = ("source", "label", "mark", "sentence")
    train, test = _halves(home, columns, ("0", "1"), header=False)
    return _checked("cola", home, train, test, ("unacceptable", "acceptable"), "matthews")


def _rte(folder: Path) -> Task:
    home = _find(folder, "RTE", ("", "glue", "language/glue"))
    columns = ("index", "sentence1", "sentence2", "label")
    classes = ("entailment", "not_entailment")
    train, test = _halves(home, columns, classes, header=True)
    return _checked("rte", home, train, test, classes, "accuracy")


def _halves(
    home: Path, columns: tuple[str, ...], values: tuple[str, ...], *, header: bool
) -> tuple[Examples | None, Examples | None]:
    """GLUE's two halves; some copies have cut a val.tsv off train.tsv, which is joined again."""
    train, val, test = (
        _examples(path, read_table(path, columns, header=header), values)
        if (path := home / f"{part}.tsv").is_file()
        else None
        for part in ("train", "val", "dev")
    )
    return _joined(train, val), test


READERS: dict[str, Callable[[Path], Task] | None] = {
    "word_order": None,
    "sentence_polarity": _sentence_polarity,
    "subjectivity": _subjectivity,
    "sst2": _sst2,
    "cola": _cola,
    "rte": _rte,
}


def _examples(path: Path, rows: list[dict[str, str]], values: tuple[str, ...]) -> Examples:
    labels = np.array([value_of(path, row, values) for row in rows], np.int32)
    if rows and "sentence2" in rows[0]:
        return Examples([r["sentence1"] for r in rows], [r["sentence2"] for r in rows], labels)
    return Examples([row["sentence"] for row in rows], (), labels)


def _joined(one: Examples | None, other: Examples | None) -> Examples | None:
    if one is None or other is None:
        return one
    second = [*one.second, *other.second] if one.second else ()
    labels = np.concatenate([one.labels, other.labels])
    return Examples([*one.first, *other.first], second, labels)


def _checked(
    name: str,
    home: Path,
    train: Examples | None,
    test: Examples | None,
    classes: tuple[str, ...],
    metric: str,
) -> Task:
    if train is None or test is None:
        raise BadInput(f"{home} has no {'train' if train is None else 'dev'}.tsv with labels")
    return Task(name, train, test, classes, metric)


def _find(folder: Path, name: str, below: Sequence[str]) -> Path:
    for place in below:
        if (path := folder / place / name).exists():
            return path
    raise BadInput(f"there is no {name} in {folder}; {HELP}")
