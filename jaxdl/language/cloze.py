"""Questions with a word left out, made of text that nobody has learned from.

After LAMBADA (Paperno et al. 2016): the last word of a passage, which occurs in it before. After
the Children's Book Test (Hill et al. 2016): twenty sentences, and a word of the next one among ten.
Neither set's own files are needed, nor are people who filter; so scores compare models with each
other, and not with the papers' tables.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput

ENDS = re.compile(
    r"""(?:(?<=[.!?])|(?<=[.!?]["')\]]))\s+(?=["'(\[]?[A-Z])|\n\s*\n""",
)
WORD = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*")
KINDS = ("names", "nouns")
BLANK = "XXXXX"  # as the Children's Book Test writes it
CHOICES = 10
BEFORE = 20  # sentences
# What a name or a noun is not; there is no tagger here. Words that are short or frequent anyway.
COMMON = frozenset(
    """a about above after again against all also although am an and any are as at be because been
    before being below between both but by can cannot could did do does doing done down during each
    either else even ever every few for from further get given had has have having he her here hers
    him his how however i if in instead into is it its itself just least less like made make many
    may me might more most much must my neither never no nor not now of off often on once one only
    or other others our out over own per rather same see set shall she should since so some still
    such than that the their them then there these they this those though through thus to too two
    under unless until up upon us use used uses using very was we well were what when where whether
    which while who whose why will with within without would yes yet you your""".split()
)


class Cloze(NamedTuple):
    """A passage without its last word.

    Attributes:
      context: the passage up to the blank before that word.
      target: the word.
    """

    context: str
    target: str


class Choice(NamedTuple):
    """A sentence with a word left out, and words that it could be.

    Attributes:
      context: the sentences before.
      question: the sentence, in which XXXXX stands for the word.
      candidates: ten words, each of which occurs in context or question.
      answer: the number of the right one.
    """

    context: str
    question: str
    candidates: tuple[str, ...]
    answer: int


def sentences(text: str) -> list[str]:
    """Cuts a text into sentences, each on one line, which blank lines end too."""
    found = (" ".join(part.split()) for part in ENDS.split(text) if part)
    return [sentence for sentence in found if sentence]


def last_words(
    texts: Iterable[str], *, least: int = 40, most: int = 0, longest: int = 120
) -> list[Cloze]:
    """Makes questions for the last word of a passage, after LAMBADA.

    A passage is whole sentences of one document, `least` words or more before the last sentence.
    Its last word is no common one and occurs in what stands before, so that a model that remembers
    can tell it. Passages do not overlap.

    Args:
      texts: documents.
      least: words before the last sentence.
      most: so many questions at most, drawn evenly (0: all).
      longest: words of a passage.
    """
    found = [cloze for text in texts for cloze in _last_words(sentences(text), least, longest)]
    return _evenly(found, most)


def _last_words(parts: Sequence[str], least: int, longest: int) -> Iterable[Cloze]:
    passage: list[str] = []
    for sentence in parts:
        before = [word.lower() for part in passage for word in WORD.findall(part)]
        words = WORD.findall(sentence)
        if len(before) >= least and words:
            target = words[-1]
            ends = sentence.rstrip(".!?\"')]").endswith(target)
            is_found = target.lower() in before and target.lower() not in COMMON
            if ends and is_found and len(target) > 2 and len(words) > 2:
                start = sentence.rindex(target)
                yield Cloze(" ".join([*passage, sentence[:start].rstrip()]), target)
                passage = []
                continue
        passage.append(sentence)
        while passage and sum(len(WORD.findall(part)) for part in passage) > longest:
            passage.pop(0)


def choices(
    texts: Iterable[str], kind: str, *, seed: int = 0, most: int = 0, before: int = BEFORE
) -> list[Choice]:
    """Makes questions with ten candidates, after the Children's Book Test.

    Names are words with a capital that never stand without one in the document, nor only at the
    beginning of a sentence; nouns stand for all other uncommon words of four letters or more, since
    there is no tagger. All candidates are of one kind and occur in the 21 sentences.

    Args:
      texts: documents.
      kind: "names" or "nouns".
      seed: of what is left out and of the order of candidates.
      most: so many questions at most, drawn evenly (0: all).
      before: sentences of the context.

    Raises:
      BadInput: the kind is unknown.
    """
    if kind not in KINDS:
        raise BadInput(f"kind={kind!r} should be {' or '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    found = []
    for text in texts:
        parts = sentences(text)
        names = _names(parts)
        for begin in range(0, len(parts) - before, before + 1):
            context, question = parts[begin : begin + before], parts[begin + before]
            if made := _choice(context, question, names, kind, rng):
                found.append(made)
    return _evenly(found, most)


def _choice(
    context: Sequence[str], question: str, names: set[str], kind: str, rng: np.random.Generator
) -> Choice | None:
    def fits(word):
        if kind == "names":
            return word in names
        return word.islower() and word not in COMMON and len(word) > 3

    before = Counter(word for part in context for word in WORD.findall(part) if fits(word))
    asked = [word for word in WORD.findall(question) if fits(word) and before[word]]
    if not asked:
        return None
    answer = asked[int(rng.integers(len(asked)))]
    inside = {word for word in WORD.findall(question) if fits(word)}
    others = sorted((before.keys() | inside) - {answer})
    if len(others) < CHOICES - 1:
        return None
    drawn = [others[i] for i in rng.permutation(len(others))[: CHOICES - 1]]
    order = rng.permutation(CHOICES)
    candidates = tuple([answer, *drawn][i] for i in order)
    blank = re.sub(rf"(?<![\w'-]){re.escape(answer)}(?![\w'-])", BLANK, question, count=1)
    return Choice(" ".join(context), blank, candidates, candidates.index(answer))


def _names(parts: Sequence[str]) -> set[str]:
    """Words that always begin with a capital, and not only where every word does."""
    inside = {word for part in parts for word in WORD.findall(part)[1:] if word[0].isupper()}
    lower = {word for part in parts for word in WORD.findall(part) if word.islower()}
    return {
        word
        for word in inside
        if word.lower() not in lower and word.lower() not in COMMON and len(word) > 2
    }


def _evenly(found: list, most: int) -> list:
    if not most or len(found) <= most:
        return found
    return [found[i * len(found) // most] for i in range(most)]
