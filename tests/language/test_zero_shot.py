"""Scores against full forward passes, and against nets whose scores are known."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.language import zero_shot
from jaxdl.language.cloze import Choice, Cloze
from jaxdl.language.scoring import Model, Question, score_answers, score_texts, sliding_windows
from jaxdl.language.tasks import Examples, Task
from jaxdl.language.tokenizers import raw_bytes
from jaxdl.nn import GPT2

BYTES = raw_bytes()
CONTEXT, V = 8, 257
TEXTS = ["one two, one two", "buckle my shoe"]


@pytest.fixture(scope="module")
def model():
    """A net of the bytes of text that was not trained."""

    def init(key):
        params = net.init(key, jnp.zeros((1, 1), jnp.int32))["params"]
        return jax.tree.map(lambda x: 5 * x, params)

    net = GPT2(V, CONTEXT, 8, 1, 1)
    return Model(net, jax.jit(init)(jax.random.key(0)), BYTES)


@pytest.fixture(scope="module")
def wide(model):
    """One that sees a whole prompt; its places are those of `model`, six times."""
    table = jnp.tile(model.params["places"]["embedding"], (6, 1))
    net = model.net.clone(context=48)
    return model._replace(net=net, params=model.params | {"places": {"embedding": table}})


def that_counts(model, shares):
    """A net that gives each token its share, whatever was before it."""
    params = jax.tree.map(jnp.zeros_like, model.params)
    params["words"]["embedding"] = params["words"]["embedding"].at[:, 0].set(jnp.log(shares))
    norm = params["transformer"]["LayerNorm_0"]
    params["transformer"]["LayerNorm_0"] = norm | {"bias": jnp.eye(8)[0]}
    return model._replace(params=params)


def told(model, seen):
    """The logarithms of the shares [V] of what comes next, by a full forward pass."""
    row = np.zeros((1, model.net.context), np.int32)
    row[0, : len(seen)] = seen
    logits = forward(model.net, model.params, row)[0, len(seen) - 1]
    return np.asarray(jax.nn.log_softmax(logits))


@partial(jax.jit, static_argnums=0)
def forward(net, params, row):
    return net.apply({"params": params}, row)


def nats_of(model, context, target):
    most = model.net.context
    seen = [*context, *target][-(most + 1) :]
    size = min(len(target), most)
    return -sum(told(model, seen[:i])[seen[i]] for i in range(len(seen) - size, len(seen)))


@pytest.mark.parametrize("context", [2, 3, 8])
def test_windows_score_each_token_once_behind_half_a_context(context):
    for count in range(2, 40):
        tokens = np.arange(1, count + 1)
        rows, weights = sliding_windows(tokens, context)
        assert sorted(rows[:, 1:][weights > 0]) == list(range(2, count + 1))
        behind = np.tile(np.arange(1, context + 1), (len(rows), 1))[weights > 0]  # tokens seen
        assert all(behind >= np.minimum(rows[:, 1:][weights > 0] - 1, context // 2))


def test_documents_are_scored_as_full_forward_passes_score_them(model):
    blocks = score_texts(model, TEXTS)
    tokens = [256, *TEXTS[0].encode(), 256, *TEXTS[1].encode()]
    nats = 0.0
    for place in range(1, len(tokens)):
        begin = max(-(-(place - CONTEXT) // 4), 0) * 4  # of the window that scores it
        nats -= told(model, tokens[begin:place])[tokens[place]]
    assert blocks.nats.sum() == pytest.approx(nats, rel=1e-5)
    assert blocks.size.sum() == sum(map(len, TEXTS)) and len(blocks.nats) == 7
    assert blocks.counts.tolist() == np.bincount(tokens[1:], minlength=V).tolist()


def test_answers_are_scored_as_full_forward_passes_score_them(model):
    likeliest = int(told(model, [256, 65]).argmax())
    questions = [
        Question([256, 65], [66, 67, 68]),
        Question([256, *range(60, 80)], [70, 71]),  # a context that is too long
        Question([256, 65], list(range(80, 92))),  # a target that is
        Question([256, 65], [likeliest]),
        Question([256, 65], [likeliest, (int(told(model, [256, 65, likeliest]).argmin()))]),
    ]
    answers = score_answers(model, questions)
    expected = [nats_of(model, *question) for question in questions]
    np.testing.assert_allclose(answers.nats, expected, rtol=1e-5)
    assert answers.likeliest.tolist()[-2:] == [True, False]


def test_a_net_that_counts_scores_what_counts_reach_and_one_that_guesses_a_guess(model):
    counts = score_texts(model, TEXTS).counts
    counting = that_counts(model, np.maximum(counts, 1e-30) / counts.sum())
    figure = zero_shot.bits_per_byte(counting, TEXTS, "text")
    assert figure.score == pytest.approx(figure.unigram, rel=1e-5)
    some = counts[counts > 0] / counts.sum()
    bits = -(some * np.log2(some)).sum() * counts.sum() / sum(map(len, TEXTS))
    assert figure.unigram == pytest.approx(bits)
    even = that_counts(model, np.full(V, 1 / V))
    figure = zero_shot.bits_per_byte(even, TEXTS, "text")
    assert figure.score == pytest.approx(figure.chance, rel=1e-5)
    assert figure.chance == pytest.approx(math.log2(V) * 31 / 30)
    question = [Cloze("He met a dog and the dog saw his", "dog"), Cloze("A cat met a", "cat")]
    shares = 1 + np.bincount([*"".join(TEXTS).encode()], minlength=V)
    counting = that_counts(model, shares / shares.sum())
    _, figure = zero_shot.last_word(counting, question, TEXTS)
    assert figure.score == pytest.approx(figure.unigram, rel=1e-5)
    assert figure.chance == pytest.approx(V**4, rel=1e-5)


def test_perplexity_of_wikitext_is_that_of_its_own_words(model):
    text = " = Shoes = \n \n Two well @-@ made shoes , he said . \n"
    even = that_counts(model, np.full(V, 1 / V))
    figure = zero_shot.wikitext(even, text)
    joined = "= Shoes =\n\nTwo well-made shoes, he said.\n"
    assert figure.score == pytest.approx(V ** (len(joined) / (12 + 3)), rel=1e-4)
    assert figure.score == pytest.approx(figure.chance, rel=1e-4)


def test_last_words_are_right_where_all_of_their_tokens_are_the_likeliest(model):
    context = "The old man saw the old man and"
    tokens = [256, *context.encode(), *b" "]
    wanted = that_counts(model, np.where(np.arange(V) == ord("a"), 0.5, 0.5 / (V - 1)))
    figures = zero_shot.last_word(wanted, [Cloze(context, "man")], [context])
    assert figures[0].score == 0 and figures[0].examples[0][1:] == ("man", "wrong")
    assert figures[0].chance == pytest.approx(100 / 6)  # The, old, man, saw, the, and
    assert figures[0].unigram == 0  # old and man are as frequent, and old is the first
    nats = nats_of(wanted, tokens[:-1], list(b" man"))
    assert figures[1].score == pytest.approx(math.exp(nats), rel=1e-4)


def test_blanks_are_filled_by_the_likeliest_sentence(model):
    words = tuple("ann bob cat dan eve fay gil hal ivy jon".split())
    questions = [
        Choice("They met.", "Then XXXXX ran.", words, 3),
        Choice("They met.", "XXXXX ran.", words, 3),
        Choice("They met.", '"XXXXX" ran.', words, 3),
    ]
    begins = [" Then", "", ' "']
    firsts = [" {} ran.", " {} ran.", '{}" ran.']
    hits = []
    for before, form in zip(begins, firsts, strict=True):
        context = [256, *f"They met.{before}".encode()]
        nats = [nats_of(model, context, list(form.format(x).encode())) for x in words]
        hits.append(int(np.argmin(nats)))
    asked = [q._replace(answer=hit) for q, hit in zip(questions, hits, strict=True)]
    figure = zero_shot.fill_in(model, asked, ["dan dan ann"], "names")
    assert (figure.score, figure.chance, figure.count) == (100, 10, 3)
    assert figure.unigram == pytest.approx(100 * np.mean(np.array(hits) == 3))
    wrong = [q._replace(answer=(hit + 1) % 10) for q, hit in zip(questions, hits, strict=True)]
    assert zero_shot.fill_in(model, wrong, ["dan"], "names").score == 0


def test_labels_are_what_the_text_makes_likelier(wide):
    form, (bad, good) = zero_shot.PROMPTS["sst2"]
    texts = ["x", "yy", "a film", "so so"]
    prior = [
        nats_of(wide, [256, *form.format(first="").encode()], list(a.encode())) for a in (bad, good)
    ]
    said = []
    for text in texts:
        context = [256, *form.format(first=text).encode()]
        nats = [nats_of(wide, context, list(a.encode())) for a in (bad, good)]
        said.append(int(np.argmin(np.subtract(nats, prior))))
    assert {*said} == {0, 1}
    examples = Examples(texts, (), np.array(said, np.int32))
    task = Task("sst2", examples, examples, ("negative", "positive"), "accuracy")
    figure = zero_shot.classify(wide, task, examples, ["good good"])
    assert (figure.score, figure.chance, figure.unit) == (100, 50, "%")
    assert figure.unigram == pytest.approx(100 * np.mean(np.array(said) == 1))
    others = examples._replace(labels=1 - examples.labels)
    assert zero_shot.classify(wide, task, others, ["good"]).score == 0


def test_intervals_are_those_of_theory():
    values = np.random.default_rng(0).normal(3, 2, 400)
    low, high = zero_shot.bootstrap(np.mean, values)
    half = 1.96 * values.std() / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.12)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.1 * half)
    assert zero_shot.bootstrap(np.mean, np.ones(5)) == (1, 1)


def test_too_little_text_is_one_line(model):
    for measure in (
        lambda: zero_shot.bits_per_byte(model, [""], "text"),
        lambda: zero_shot.last_word(model, [], TEXTS),
        lambda: zero_shot.fill_in(model, [], TEXTS, "names"),
    ):
        with pytest.raises(BadInput, match="no text to score|too short for questions"):
            measure()
    with pytest.raises(BadInput, match="no token for the end"):
        score_texts(model._replace(tokenizer=raw_bytes(())), TEXTS)
