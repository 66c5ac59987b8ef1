"""What a language model can do without having been trained for it (Radford et al. 2019, section 3).

Beside each score stand two that need no net: `chance`, and `unigram`, which knows how often tokens
or words occur and nothing else. Intervals are of the bootstrap (Efron 1979, percentiles), over
questions, or over pieces of about half a context of a text.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.cloze import BLANK, COMMON, WORD, Choice, Cloze
from jaxdl.language.detokenize import detokenize_wikitext, wikitext_words
from jaxdl.language.scoring import Blocks, Model, Question, score_answers, score_texts
from jaxdl.language.shards import end_of
from jaxdl.language.tasks import Examples, Task

DRAWS = 1000  # of the bootstrap
LEVEL = (2.5, 97.5)  # percentiles
SHOWN = 4  # questions that a report shows


class Figure(NamedTuple):
    """One line of what was measured.

    Attributes:
      name: of what is scored.
      unit: "%", "bits per byte" or "perplexity".
      score: of the net.
      low: where its 95 % interval begins.
      high: where it ends.
      unigram: what counts alone reach.
      chance: what a guess reaches.
      count: of questions, or of pieces of a text.
      examples: (question, truth, "right" or "wrong") of some.
    """

    name: str
    unit: str
    score: float
    low: float
    high: float
    unigram: float
    chance: float
    count: int
    examples: Sequence[tuple[str, str, str]] = ()


class Prompt(NamedTuple):
    """How a net is asked for a label.

    Attributes:
      form: a text with {first}, and perhaps {second}.
      answers: what goes on from it, by label.
    """

    form: str
    answers: tuple[str, ...]


PROMPTS = {  # a task's classes in their order
    "word_order": Prompt("{first}\nThe words of this sentence are", (" mixed", " in order")),
    "sentence_polarity": Prompt("{first}\nAll in all, it was", (" bad", " good")),
    "sst2": Prompt("{first}\nAll in all, it was", (" bad", " good")),
    "subjectivity": Prompt("{first}\nThis is from", (" the plot", " a review")),
    "cola": Prompt("{first}\nThis sentence is", (" wrong", " right")),
    "rte": Prompt("{first}\nQuestion: {second} Yes or no?\nAnswer:", (" yes", " no")),
}


def bootstrap(
    statistic: Callable[..., float], *columns: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Estimates a 95 % interval from samples with replacement (Efron 1979).

    Args:
      statistic: columns -> a number.
      columns: [N, ...] each, of which the same rows are drawn.
      seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    count = len(columns[0])
    drawn = []
    for _ in range(DRAWS):
        rows = rng.integers(count, size=count)
        drawn.append(statistic(*(column[rows] for column in columns)))
    low, high = np.percentile(drawn, LEVEL)
    return float(low), float(high)


def bits_per_byte(model: Model, texts: Sequence[str], name: str) -> Figure:
    """Measures the bits that a byte of some documents takes."""
    blocks = score_texts(model, texts)
    return _of_blocks(blocks, name, "bits per byte", lambda nats: nats / math.log(2))


def wikitext(model: Model, text: str, name: str = "WikiText") -> Figure:
    """Measures the perplexity per word of WikiText, whose words are joined again before."""
    whole = detokenize_wikitext(text)
    blocks = score_texts(model, [whole])
    ratio = blocks.size.sum() / wikitext_words(text)  # bytes of a word
    return _of_blocks(blocks, name, "perplexity", lambda nats: _exp(nats * ratio))


def last_word(model: Model, questions: Sequence[Cloze], texts: Iterable[str]) -> list[Figure]:
    """Measures how often the last word of a passage is written, and how likely it is (LAMBADA).

    A guess takes any word of the passage. Counts take that of its uncommon words which is the most
    frequent in all texts; for the perplexity, they are counts of tokens.

    Args:
      model: what is asked.
      questions: N passages.
      texts: what is counted in.

    Raises:
      BadInput: there are no questions.
    """
    _check(questions, "last words")
    texts = list(texts)
    encode, end = model.tokenizer.encode, end_of(model.tokenizer)
    asked = [Question([end, *encode(q.context)], encode(f" {q.target}")) for q in questions]
    answers = score_answers(model, asked)
    words = _words(texts)
    inside = [WORD.findall(q.context) for q in questions]
    guesses = [
        max((w for w in some if w.lower() not in COMMON), key=words.__getitem__, default="")
        for some in inside
    ]
    hits = np.array([a == q.target for a, q in zip(guesses, questions, strict=True)])
    chance = np.array([1 / len({*some}) for some in inside])
    shown = [
        (f"... {q.context[-120:]}", q.target, _verdict(right))
        for q, right in zip(questions, answers.likeliest, strict=True)
    ]
    right = _of_hits("last word", answers.likeliest, hits.mean(), chance.mean(), shown)
    frequency = np.log(_token_shares(model, texts))
    unigram = np.array([-frequency[list(q.target)].sum() for q in asked])
    even = np.array([len(q.target) for q in asked]) * math.log(model.tokenizer.vocab_size)

    def perplexity(nats):
        return _exp(nats.mean())

    low, high = bootstrap(perplexity, answers.nats)
    scores = (perplexity(answers.nats), low, high, perplexity(unigram), perplexity(even))
    return [right, Figure("last word", "perplexity", *scores, len(asked))]


def fill_in(model: Model, questions: Sequence[Choice], texts: Iterable[str], name: str) -> Figure:
    """Measures how often the right one of ten words is the likeliest (Children's Book Test).

    A word is as likely as it and the rest of its sentence are together (Radford et al. 2019,
    section 3.2). Counts take the word that is the most frequent in all texts.

    Args:
      model: what is asked.
      questions: N sentences with a blank.
      texts: what is counted in.
      name: of the kind of words.

    Raises:
      BadInput: there are no questions.
    """
    _check(questions, name)
    encode, end = model.tokenizer.encode, end_of(model.tokenizer)
    asked = []
    for question in questions:
        before, _, after = f"{question.context} {question.question}".partition(BLANK)
        blank = " " if before.endswith(" ") else ""  # which belongs to the word behind it
        context = [end, *encode(before.removesuffix(" "))]
        asked += [Question(context, encode(f"{blank}{x}{after}")) for x in question.candidates]
    nats = score_answers(model, asked).nats.reshape(len(questions), -1)
    truth = np.array([question.answer for question in questions])
    hits = nats.argmin(1) == truth
    words = _words(texts)
    counted = np.array([[words[x] for x in question.candidates] for question in questions])
    shown = [
        (f"... {q.question}", q.candidates[q.answer], _verdict(right))
        for q, right in zip(questions, hits, strict=True)
    ]
    return _of_hits(name, hits, np.mean(counted.argmax(1) == truth), 1 / nats.shape[1], shown)


def classify(model: Model, task: Task, examples: Examples, texts: Iterable[str]) -> Figure:
    """Measures how often the label's words are what goes on the best from a prompt with the text.

    An answer counts by how much likelier the text makes it than a prompt without text does (PMI_DC
    of Holtzman et al. 2021). Counts always give the answer whose tokens are the most frequent.

    Args:
      model: what is asked.
      task: one of PROMPTS.
      examples: N of its texts.
      texts: what is counted in.

    Raises:
      BadInput: there are no examples.
    """
    _check(examples.first, task.name)
    form, answers = PROMPTS[task.name]
    encode, end = model.tokenizer.encode, end_of(model.tokenizer)
    targets = [encode(answer) for answer in answers]
    second = examples.second or [""] * len(examples.first)
    filled = [form.format(first="", second="")]
    filled += [form.format(first=a, second=b) for a, b in zip(examples.first, second, strict=True)]
    asked = [Question([end, *encode(text)], target) for text in filled for target in targets]
    nats = score_answers(model, asked).nats.reshape(len(filled), -1)
    chosen = np.argmin(nats[1:] - nats[0], axis=1)
    labels = np.asarray(examples.labels)
    score = _matthews if task.metric == "matthews" else _accuracy
    frequency = np.log(_token_shares(model, texts))
    usual = np.argmax([frequency[target].mean() for target in targets])
    low, high = bootstrap(score, chosen, labels)
    shown = [
        (text[-160:], answers[label].strip(), _verdict(label == said))
        for text, label, said in zip(filled[1:], labels, chosen, strict=True)
    ]
    chance = 0.0 if task.metric == "matthews" else 100 / len(answers)
    unit = "MCC x 100" if task.metric == "matthews" else "%"
    unigram = score(np.full_like(chosen, usual), labels)
    return Figure(
        task.name, unit, score(chosen, labels), low, high, unigram, chance, len(labels),
        shown[:SHOWN],
    )  # fmt: skip


def _of_blocks(blocks: Blocks, name: str, unit: str, scale: Callable[[float], float]) -> Figure:
    """Makes a figure of nats per byte; counts are the text's own, the best that there could be."""

    def score(nats, size):
        return scale(nats.sum() / size.sum())

    counts, size = blocks.counts, blocks.size.sum()
    tokens = counts.sum()
    some = counts[counts > 0]
    unigram = scale(float(-(some * np.log(some / tokens)).sum()) / size)
    chance = scale(tokens * math.log(len(counts)) / size)
    low, high = bootstrap(score, blocks.nats, blocks.size)
    return Figure(
        name, unit, score(blocks.nats, blocks.size), low, high, unigram, chance, len(blocks.nats)
    )


def _of_hits(
    name: str, hits: np.ndarray, unigram: float, chance: float, shown: Sequence[tuple]
) -> Figure:
    low, high = bootstrap(lambda x: 100 * x.mean(), hits)
    score = 100 * float(hits.mean())
    return Figure(
        name, "%", score, low, high, 100 * float(unigram), 100 * float(chance), len(hits),
        shown[:SHOWN],
    )  # fmt: skip


def _accuracy(chosen: np.ndarray, labels: np.ndarray) -> float:
    return 100 * float(np.mean(chosen == labels))


def _matthews(chosen: np.ndarray, labels: np.ndarray) -> float:
    spread = chosen.std() * labels.std()
    return 100 * float(np.cov(chosen, labels, bias=True)[0, 1] / spread) if spread else 0.0


def _token_shares(model: Model, texts: Iterable[str]) -> np.ndarray:
    """Returns how often tokens [V] are, with one more of each, so that none has no share."""
    ids = model.tokenizer.encode_all(list(texts))
    counts = 1 + np.bincount(np.concatenate(ids), minlength=model.tokenizer.vocab_size)
    return counts / counts.sum()


def _words(texts: Iterable[str]) -> Counter[str]:
    return Counter(word for text in texts for word in WORD.findall(text))


def _check(questions: Sequence, name: str) -> None:
    if not len(questions):
        raise BadInput(f"the text is too short for questions about {name}")


def _verdict(right: bool) -> str:
    return "right" if right else "wrong"


def _exp(nats: float) -> float:
    return math.exp(min(nats, 700.0))  # a float holds no more
