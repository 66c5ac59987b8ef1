"""What fine-tuning learns from: texts as a net reads them, and which of them have labels."""

from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.learner import Learner, TrainState, first_state
from jaxdl.core.run import BadInput, Run
from jaxdl.language.bag_of_words import bag_of_words
from jaxdl.language.encoding import Encoded, encode_causal, encode_examples
from jaxdl.language.finetune import Exam, Lesson, reading_part, scorer
from jaxdl.language.tasks import Examples, Task, few_rows, take
from jaxdl.language.tokenizers import Tokenizer
from jaxdl.nn.bert import BERT
from jaxdl.nn.gpt2 import GPT2


def encode_task(task: Task, tokenizer: Tokenizer, net: BERT | GPT2, *, length: int) -> Exam:
    """Encodes a task for a net; texts that are too long are cut at their ends.

    Args:
      task: what is to be told.
      tokenizer: of the net's text.
      net: BERT reads [CLS] A [SEP] B [SEP] with token types, GPT-2 A and B between ends.
      length: T, tokens that are read of a text.

    Raises:
      BadInput: the net has fewer words or positions, or a text is empty.
    """
    if tokenizer.vocab_size > net.vocabulary:
        raise BadInput(
            f"the tokenizer has {tokenizer.vocab_size} tokens, and the net {net.vocabulary}"
        )
    if length > net.context:
        raise BadInput(f"{length} tokens of a text exceed the net's context of {net.context}")
    train, test = (_encode(half, task.name, tokenizer, net, length) for half in task[1:3])
    return Exam(train, test, task.metric)


def full_rows(exam: Exam) -> tuple[int, int]:
    """Counts the texts of an exam that fill all T tokens, which may have been cut, and all."""
    masks = [half.mask[:, -1] for half in (exam.train, exam.test)]
    return int(sum(mask.sum() for mask in masks)), sum(map(len, masks))


def draw_lessons(task: Task, counts: Sequence[int], seeds: Iterable[int]) -> Lesson:
    """Draws which texts have labels, and scores a bag of words by the same labels.

    Args:
      task: what is to be told.
      counts: L numbers of labels a class, rising.
      seeds: S of them.

    Returns:
      A Lesson with leaves [S, ...].

    Raises:
      BadInput: the numbers do not rise, or there are not so many labels.
    """
    if any(a >= b for a, b in zip(counts, counts[1:], strict=False)):
        raise BadInput(f"the numbers of labels {', '.join(map(str, counts))} should rise")
    score = scorer(task.metric, len(task.classes))
    labels = task.test.labels
    lessons = []
    for seed in seeds:
        rows = few_rows(task.train.labels, counts[-1], seed)
        few = [take(task.train, rows[: len(task.classes) * count]) for count in counts]
        baseline = [score(bag_of_words(some, task.test), labels) for some in few]
        lessons.append(Lesson(rows.astype(np.int32), np.array(baseline, np.float32), np.float32(1)))
    return jax.tree.map(lambda *x: np.stack(x), *lessons)


def begin_with(learner: Learner, lessons: Lesson, run: Run, params: Any) -> TrainState:
    """Makes the state in which fine-tuning begins.

    Args:
      learner: of `finetune`.
      lessons: of all seeds, leaves [S, ...].
      run: its seeds.
      params: of the net as it was pretrained, the same for all seeds.

    Returns:
      A state with leaves [S, ...] where there are several seeds.
    """
    several = run.num_seeds > 1
    state = first_state(learner, run)
    pretrained = (slice(None), 0) if several else 0  # of [S, 2, L, ...], or of [2, L, ...]
    both = jax.tree.map(
        lambda fresh, x: fresh.at[pretrained].set(jnp.asarray(x, fresh.dtype)),
        state.params["net"],
        reading_part(params),
    )
    extra = lessons if several else jax.tree.map(lambda x: x[0], lessons)
    extra = jax.tree.map(jnp.asarray, extra)
    return state._replace(params=state.params | {"net": both}, extra=extra)


def _encode(
    examples: Examples, name: str, tokenizer: Tokenizer, net: BERT | GPT2, length: int
) -> Encoded:
    for texts in (examples.first, examples.second):
        if empty := [i for i, text in enumerate(texts) if not text.strip()]:
            raise BadInput(f"{name}: text {empty[0] + 1} of {len(texts)} is empty")
    if isinstance(net, BERT):
        return encode_examples(examples, tokenizer, context=length)
    found = encode_causal(examples, tokenizer, context=length)
    return Encoded(found.tokens, np.zeros_like(found.tokens), found.mask, found.labels)
