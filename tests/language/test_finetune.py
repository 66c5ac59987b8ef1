"""Fine-tuning: its loss and gradient, what a net reads, the lessons, and what is refused."""

import json
import math
from functools import cache
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from experiments.language import _tuning, finetune, gpt2
from jaxdl import language
from jaxdl.core import Run, TrainState
from jaxdl.core.learner import over_seeds
from jaxdl.core.run import BadInput
from jaxdl.language import tokenizers
from jaxdl.language.bag_of_words import bag_of_words
from jaxdl.language.finetune import classify, init_classifier, text_loss
from jaxdl.language.label_exhibits import curve_of
from jaxdl.language.label_lessons import begin_with, draw_lessons, encode_task, full_rows
from jaxdl.language.tasks import Examples, Task, few_rows, take
from jaxdl.launch import Outcome, configure, train
from jaxdl.launch.train import described_as
from jaxdl.nn import BERT, GPT2

KEY = jax.random.key(0)
MASKED = tokenizers.open_tokenizer("bytes", masked=True)
PLAIN = tokenizers.raw_bytes()
LENGTH = 12
NETS = {
    "bert": BERT(MASKED.vocab_size, LENGTH, width=8, depth=1, heads=2),
    "gpt2": GPT2(PLAIN.vocab_size, LENGTH, width=8, depth=1, heads=2),
}
TOKENIZERS = {"bert": MASKED, "gpt2": PLAIN}
COUNTS = (2, 8)
RATE = 0.1


def make_task(name="letters", pairs=False, metric="accuracy"):
    """Texts of one of two letters, 40 to learn from and 200 to be scored on."""
    rng = np.random.default_rng(1)

    def half(count):
        labels = np.tile(np.array([0, 1], np.int32), count // 2)
        sizes = rng.integers(1, 8, count)
        texts = ["ab"[label] * size + " x" for label, size in zip(labels, sizes, strict=True)]
        return Examples(texts, texts[::-1] if pairs else (), labels)

    return Task(name, half(40), half(200), ("A", "B"), metric)


TASK = make_task()


@cache
def exam_of(kind, pairs=False):
    return encode_task(make_task(pairs=pairs), TOKENIZERS[kind], NETS[kind], length=LENGTH)


def make_learner(kind, exam=None, tx=None, counts=COUNTS):
    return language.finetune(
        NETS[kind],
        tx or optax.sgd(RATE),
        lambda: exam or exam_of(kind),
        counts=counts,
        batch_size=6,
    )


def normalize(x, layer, epsilon):
    mean, deviation = x.mean(-1, keepdims=True), np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return (x - mean) / deviation * layer["scale"] + layer["bias"]


def dense(x, layer):
    return x @ layer["kernel"] + layer["bias"]


def attend(x, layer, heads, causal):
    tokens, width = x.shape
    q, k, v = dense(x, layer["Dense_0"]).reshape(tokens, 3, heads, -1).transpose(1, 2, 0, 3)
    scores = q @ k.transpose(0, 2, 1) / math.sqrt(width // heads)
    if causal:
        scores = np.where(np.tri(tokens, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return dense((weights @ v).transpose(1, 0, 2).reshape(tokens, width), layer["Dense_1"])


ERF = np.vectorize(math.erf)


def plain_logits(net, params, tokens, types):
    """One text without padding, in NumPy: Devlin et al. 2018, or Radford et al. 2019."""
    p, block = params["net"], params["net"]["transformer"]["Block_0"]
    x = p["words"]["embedding"][tokens] + p["places"]["embedding"][: len(tokens)]
    if isinstance(net, BERT):
        x = normalize(x + p["kinds"]["embedding"][types], p["norm"], net.epsilon)
        x = normalize(
            x + attend(x, block["Attention_0"], net.heads, False), block["LayerNorm_0"], net.epsilon
        )
        hidden = dense(x, block["Dense_0"])
        hidden = hidden * (1 + ERF(hidden / math.sqrt(2))) / 2
        x = normalize(x + dense(hidden, block["Dense_1"]), block["LayerNorm_1"], net.epsilon)
        state = np.tanh(dense(x[0], p["pooler"]))  # of [CLS]
    else:
        seen = normalize(x, block["LayerNorm_0"], net.epsilon)
        x = x + attend(seen, block["Attention_0"], net.heads, True)
        hidden = dense(normalize(x, block["LayerNorm_1"], net.epsilon), block["Dense_0"])
        inner = math.sqrt(2 / math.pi) * (hidden + 0.044715 * hidden**3)
        x = x + dense(hidden * (1 + np.tanh(inner)) / 2, block["Dense_1"])
        state = normalize(x, p["transformer"]["LayerNorm_0"], net.epsilon)[-1]  # of the last token
    return dense(state, params["head"])


def plain_loss(net, params, texts):
    losses = []
    for tokens, types, mask, label in zip(*texts, strict=True):
        logits = plain_logits(net, params, tokens[mask], types[mask])
        losses.append(np.log(np.exp(logits).sum()) - logits[label])
    return np.mean(losses)


def large_params(kind):
    """Parameters at which nothing is nearly linear."""
    params = jax.jit(lambda key: init_classifier(key, NETS[kind], 2))(KEY)
    keys = iter(jax.random.split(jax.random.key(1), len(jax.tree.leaves(params))))
    return jax.tree.map(lambda x: x + 0.3 * jax.random.normal(next(keys), x.shape), params)


@pytest.mark.parametrize("pairs", [False, True], ids=["texts", "pairs"])
@pytest.mark.parametrize("kind", NETS)
def test_loss_and_gradient_are_those_of_a_plain_net(kind, pairs):
    """The gradient of every array, along a random direction, by central differences."""
    net, texts = NETS[kind], jax.tree.map(lambda x: x[:5], exam_of(kind, pairs).train)
    assert len(set(texts.mask.sum(axis=1).tolist())) > 1
    params = large_params(kind)
    (loss, hits), gradient = jax.jit(
        jax.value_and_grad(lambda params: text_loss(net, params, texts), has_aux=True)
    )(params)
    exact = jax.tree.map(lambda x: np.asarray(x, np.float64), params)
    assert loss == pytest.approx(plain_loss(net, exact, texts), abs=1e-5)
    found = [
        plain_logits(net, exact, tokens[mask], types[mask]).argmax() == label
        for tokens, types, mask, label in zip(*texts, strict=True)
    ]
    assert hits == pytest.approx(np.mean(found))
    rng = np.random.default_rng(2)
    leaves, structure = jax.tree.flatten(exact)
    for place, (x, slope) in enumerate(zip(leaves, jax.tree.leaves(gradient), strict=True)):
        direction = rng.normal(size=x.shape) / math.sqrt(x.size)

        def moved(size, place=place, x=x, direction=direction):
            new = [*leaves[:place], x + size * direction, *leaves[place + 1 :]]
            return plain_loss(net, jax.tree.unflatten(structure, new), texts)

        expected = (moved(1e-5) - moved(-1e-5)) / 2e-5
        assert np.vdot(slope, direction) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("kind", NETS)
def test_padding_changes_no_bit_and_every_token_counts(kind):
    net, params = NETS[kind], large_params(kind)
    texts = jax.tree.map(lambda x: x[:6], exam_of(kind).test)
    read = jax.jit(lambda texts: classify(net, params, texts))
    before = read(texts)
    noise = np.random.default_rng(3).integers(0, 200, texts.tokens.shape, dtype=np.int32)
    padded = texts._replace(tokens=np.where(texts.mask, texts.tokens, noise))
    assert (padded.tokens != texts.tokens).any()
    np.testing.assert_array_equal(read(padded), before)
    for row in range(len(texts.labels)):
        for place in np.flatnonzero(texts.mask[row]):
            tokens = texts.tokens.copy()
            tokens[row, place] += 1 if tokens[row, place] < 255 else -1
            changed = (read(texts._replace(tokens=tokens)) != before).any(axis=1)
            assert np.flatnonzero(changed).tolist() == [row]


def draw_params(kind, seed):
    """All of a net's parameters, those that only pretraining uses among them."""
    init = jax.jit(lambda key: NETS[kind].init(key, jnp.zeros((1, 1), jnp.int32)))
    return init(jax.random.key(seed))["params"]


def begin(kind, seeds=1, learner=None):
    run = Run(num_seeds=seeds)
    learner = learner or make_learner(kind)
    lessons = draw_lessons(TASK, COUNTS, run.seeds)
    params = draw_params(kind, 5)
    return learner, lessons, params, begin_with(learner, lessons, run, params)


def test_a_step_is_one_of_each_net_on_its_own_labels():
    learner, lessons, _, state = begin("bert")
    after, metrics = jax.jit(learner.step)(KEY, state, ())
    sizes = 2 * np.array(COUNTS)
    places = jax.random.randint(jax.random.split(KEY)[0], (2, 6), 0, sizes[:, None])
    losses = np.zeros((2, 2))
    descend = jax.jit(jax.value_and_grad(lambda p, texts: text_loss(NETS["bert"], p, texts)[0]))
    for number, count in enumerate(COUNTS):
        rows = lessons.rows[0][places[number]]
        assert set(rows) <= set(few_rows(TASK.train.labels, count, seed=0))
        texts = jax.tree.map(lambda x, rows=rows: x[rows], exam_of("bert").train)
        for kind in range(2):
            before, now = (
                jax.tree.map(lambda x, at=(kind, number): x[at], s.params) for s in (state, after)
            )
            losses[kind, number], gradient = descend(before, texts)
            expected = jax.tree.map(lambda x, g: x - RATE * g, before, gradient)
            jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-6), expected, now)
    assert metrics["loss"] == pytest.approx(losses[0].mean(), abs=1e-6)
    assert metrics["scratch_loss"] == pytest.approx(losses[1].mean(), abs=1e-6)
    assert losses[0].mean() != losses[1].mean()


def test_pretrained_nets_begin_with_what_was_pretrained_and_the_others_do_not():
    learner, lessons, params, state = begin("bert", seeds=2)
    fresh = jax.jit(over_seeds(learner, 2).init)(jax.random.key(0))
    for name, x in state.params["net"].items():
        for got, given, own in zip(
            *map(jax.tree.leaves, (x, params[name], fresh.params["net"][name])), strict=True
        ):
            np.testing.assert_array_equal(got[:, 0], np.broadcast_to(given, got[:, 0].shape))
            np.testing.assert_array_equal(got[:, 1], own[:, 1])
    head = state.params["head"]["kernel"]  # [S, 2, L, D, K]
    np.testing.assert_array_equal(head[:, 0], head[:, 1])
    assert (head[0] != head[1]).any() and (head[:, :, 0] != head[:, :, 1]).any()
    np.testing.assert_array_equal(state.extra.rows, lessons.rows)
    assert (lessons.rows[0] != lessons.rows[1]).any()


@pytest.mark.parametrize("kind", NETS)
def test_what_is_exported_is_the_pretrained_net_with_the_most_labels(kind):
    deployment = language.classifier_deployment(NETS[kind], LENGTH, text="A test.")
    one = large_params(kind)
    others = jax.tree.map(lambda x: jnp.stack([jnp.zeros_like(x), x]), one)  # [L, ...]
    state = TrainState(jax.tree.map(lambda x: jnp.stack([x, 0 * x]), others), ())
    (rows,) = jax.export.symbolic_shape("b")
    shapes = {
        name: jax.ShapeDtypeStruct((rows, *x.shape), x.dtype)
        for name, x in deployment.inputs.items()
    }
    weights = deployment.weights(state)
    program = jax.export.export(jax.jit(lambda inputs: deployment.apply(weights, inputs)))(shapes)
    texts = jax.tree.map(lambda x: x[:5].astype(np.int32), exam_of(kind).test)
    inputs = {name: getattr(texts, name) for name in shapes}
    expected = jax.nn.softmax(classify(NETS[kind], one, texts))
    np.testing.assert_allclose(program.call(inputs)["probabilities"], expected, atol=1e-6)


def test_scores_are_of_the_test_texts_and_the_baseline_has_the_same_labels():
    read = jax.jit(lambda params, texts: classify(NETS["gpt2"], params, texts).argmax(axis=1))
    for metric, of in {"accuracy": plain_accuracy, "matthews": plain_matthews}.items():
        exam = exam_of("gpt2")._replace(metric=metric)
        labels = np.where(np.arange(200) < 40, 1, exam.test.labels)  # unequal classes
        exam = exam._replace(test=exam.test._replace(labels=labels))
        learner, lessons, _, state = begin("gpt2", learner=make_learner("gpt2", exam))
        found = jax.jit(learner.evaluate)(KEY, state)
        for kind, name in enumerate(("pretrained", "scratch")):
            for number, count in enumerate(COUNTS):
                one = jax.tree.map(lambda x, at=(kind, number): x[at], state.params)
                guesses = read(one, exam.test)
                np.testing.assert_array_equal(found["guesses"][kind, number], guesses)
                assert found[f"{name}_{count}"] == pytest.approx(of(guesses, labels), abs=1e-6)
            assert found[name] == found[f"{name}_8"]
        assert found["most_frequent"] == pytest.approx(of(np.ones(200), labels), abs=1e-6)
        few = take(TASK.train, lessons.rows[0][:4])
        score = (bag_of_words(few, TASK.test) == TASK.test.labels).mean()
        assert found["bag_of_words_2"].total == pytest.approx(score)
        untaught = jax.eval_shape(learner.init, KEY).extra
        assert untaught.rows.shape == lessons.rows[0].shape


def plain_accuracy(guesses, labels):
    return np.mean(np.asarray(guesses) == labels)


def plain_matthews(guesses, labels):
    return np.nan_to_num(np.corrcoef(guesses, labels)[0, 1]) if len({*map(int, guesses)}) > 1 else 0


def test_shuffled_labels_tell_nothing_and_true_ones_all():
    """One program; labels are its argument."""
    plain = exam_of("bert")
    lessons = draw_lessons(TASK, (8, 20), range(1))

    @jax.jit
    def learn(labels, state):
        exam = plain._replace(train=plain.train._replace(labels=labels))
        learner = make_learner("bert", exam, optax.adam(1e-2), counts=(8, 20))
        fresh = learner.init(KEY)._replace(extra=jax.tree.map(lambda x: x[0], state))

        def step(state, key):
            return learner.step(key, state, ())

        state, metrics = jax.lax.scan(step, fresh, jax.random.split(KEY, 80))
        return metrics["accuracy"][-20:].mean(), learner.evaluate(KEY, state)

    seen, found = learn(plain.train.labels, lessons)
    assert seen > 0.95 and found["pretrained"] > 0.95 and found["scratch"] > 0.95
    blind = np.tile(np.array([0, 0, 1, 1], np.int32), 10)  # as often A as B for either letter
    _, found = learn(blind, lessons)
    assert abs(found["pretrained"] - 0.5) < 0.2


def test_a_launch_pretrains_then_learns_and_prints_the_baseline(tmp_path, capsys):
    settings = {"steps": 2, "steps_per_call": 1, "pretrain_steps": 3, "num_seeds": 2}
    settings |= {"workdir": str(tmp_path / "run")}
    config = configure("finetune", finetune.PRESETS, "smoke", settings)
    with described_as({"verdicts": ["HOLDS: of fine-tuning"], "command": "./run finetune"}):
        _, result = finetune.main(config)
    printed = "".join(capsys.readouterr())
    for text in ("labels a class", "pretrained", "from scratch", "bag of words", "texts fill 32"):
        assert text in printed
    assert sorted(x.parent.name for x in tmp_path.glob("run/*/result.json")) == [
        "finetune",
        "pretrain",
    ]
    task = _tuning.open_task("word_order", "")
    for seed, score in enumerate(result["metrics"]["eval/bag_of_words_16"]["values"]):
        few = take(task.train, few_rows(task.train.labels, 16, seed))
        assert score == pytest.approx((bag_of_words(few, task.test) == task.test.labels).mean())
    report = (tmp_path / "run" / "finetune" / "report.html").read_text()
    assert "labels that were learned from" in report and "Fresh texts" in report
    assert "HOLDS: of fine-tuning" in report
    before = (tmp_path / "run" / "pretrain" / "report.html").read_text()
    assert "HOLDS: of fine-tuning" not in before and "./run finetune" in before


def test_a_net_is_taken_from_a_run_or_a_folder_with_its_bits(tmp_path):
    settings = {"steps": 1, "steps_per_call": 1, "pages": 0, "workdir": str(tmp_path / "run")}
    state, _ = train(gpt2.build, configure("gpt2", gpt2.PRESETS, "smoke", settings))
    language.save(tmp_path / "hf", NETS["bert"], draw_params("bert", 0))
    tokenizers.save(MASKED, tmp_path / "hf")
    of_run = _tuning.find_net(options(pretrained=str(tmp_path / "run"), dropout=0.1))
    assert (of_run.net.context, of_run.net.width, of_run.net.dropout) == (32, 32, 0.1)
    jax.tree.map(np.testing.assert_array_equal, of_run.read(), state.params)
    of_folder = _tuning.find_net(options(hf=str(tmp_path / "hf")))
    assert isinstance(of_folder.net, BERT) and of_folder.net.width == 8
    assert of_folder.open_tokenizer().specials == MASKED.specials
    for found in (of_run, of_folder):
        config = options(pretrained=str(tmp_path / "run"), counts=(4,))
        exam = encode_task(TASK, found.open_tokenizer(), found.net, length=LENGTH)
        learner = language.finetune(
            found.net, optax.sgd(1.0), lambda e=exam: e, counts=(4,), batch_size=2
        )
        lessons = draw_lessons(TASK, (4,), range(1))
        start = begin_with(learner, lessons, config.run, found.read())
        words = start.params["net"]["words"]["embedding"]
        np.testing.assert_array_equal(words[0, 0], found.read()["words"]["embedding"])


def options(**settings):
    return configure("finetune", finetune.PRESETS, "smoke", settings)


def test_texts_that_may_have_been_cut_are_counted():
    long = TASK._replace(train=Examples(["a" * 30, "b"], (), np.array([0, 1], np.int32)))
    exam = encode_task(long, MASKED, NETS["bert"], length=8)
    assert exam.train.tokens.shape == (2, 8) and full_rows(exam)[1] == 202
    assert exam.train.mask[0].all() and not exam.train.mask[1].all()
    assert full_rows(exam)[0] == 1 + exam.test.mask[:, -1].sum()


def refused(call, *args, **kwargs):
    with pytest.raises(BadInput) as raised:
        call(*args, **kwargs)
    assert "\n" not in str(raised.value).strip()
    return str(raised.value)


def test_what_does_not_fit_is_told_in_one_line(tmp_path):
    empty = TASK._replace(train=Examples(["a", " "], (), np.array([0, 1], np.int32)))
    fit = lambda task=TASK, length=LENGTH, tokenizer=MASKED: refused(  # noqa: E731
        encode_task, task, tokenizer, NETS["bert"], length=length
    )
    assert "text 2 of 2 is empty" in fit(empty)
    assert "exceed the net's context of 12" in fit(length=13)
    wide = SimpleNamespace(vocab_size=500)
    assert "has 500 tokens, and the net 261" in fit(tokenizer=wide)
    assert "no special token" in fit(tokenizer=PLAIN)
    assert "should rise" in refused(options, counts=(4, 4))
    assert "should rise" in refused(draw_lessons, TASK, (4, 2), range(1))
    assert "must be 1 to 20, got 21" in refused(draw_lessons, TASK, (21,), range(1))
    assert "one of them should be left out" in refused(options, pretrained="a", hf="b")
    latest = options(pretrained="latest")  # which the run itself would be, once it has begun
    assert "--pretrained=latest is not a folder" in refused(finetune.build, latest)
    assert "is not a folder" in refused(finetune.build, options(hf=str(tmp_path / "no")))
    assert "holds no config.json" in refused(finetune.build, options(hf=str(tmp_path)))
    assert "is not for --model=bert" in refused(finetune.build, options(tokenizer="gpt2"))
    assert "is not for --model=gpt2" in refused(
        finetune.build, options(tokenizer="bert", model="gpt2")
    )
    assert "holds no run" in refused(finetune.build, options(pretrained=str(tmp_path)))
    assert "exceeds the net's context, 32" in refused(finetune.build, options(length=33))
    assert "must be 1 to " in refused(finetune.main, options(counts=(9_999,)))
    (tmp_path / "checkpoints").mkdir()
    settings = {"system": "bert", "preset": "smoke", "causal": True}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    causal = options(pretrained=str(tmp_path))
    assert "whose [CLS] sees no text" in refused(finetune.build, causal)
    assert "not divisible by devices=3" in refused(
        _tuning.no_data, options(devices=3), lambda: None
    )
    with pytest.raises(BadInput, match="rte needs the folder"):
        finetune.main(options(task="rte"))


def test_a_report_without_scores_shows_nothing():
    outcome = Outcome({}, {}, [], 1)
    assert curve_of({}, COUNTS) == {}
    assert language.few_labels_exhibit(outcome, COUNTS, lambda: TASK) == []
