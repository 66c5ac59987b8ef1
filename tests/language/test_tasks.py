import zipfile

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.language import tasks, tokenizers
from jaxdl.language.corpus import open_corpus
from jaxdl.language.encoding import encode_causal, encode_examples, truncated
from jaxdl.language.tasks import Examples, few_labels, open_task, word_order

BYTES = tokenizers.raw_bytes(("end", "pad", "start", "separator", "mask"))
END, PAD, START, SEPARATOR = range(256, 260)
SIZES = {  # of the public sets: learned from, scored on
    "sst2": (67_349, 872),
    "cola": (8_551, 1_043),
    "rte": (2_490, 277),
}


def refused(function, *arguments, **settings):
    with pytest.raises(BadInput) as error:
        function(*arguments, **settings)
    return str(error.value)


def write(folder, name, *lines):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join(lines))


def test_the_task_of_word_order_needs_no_file_and_counts_of_words_tell_nothing(tmp_path):
    plain = "The {} list of words is {} and it ends here."
    for i in range(40):
        lines = [plain.format(a, b) for a in "abcde" for b in (f"x{'abcdefghij'[i % 10]}", "y")]
        write(tmp_path, f"{i:02d}.txt", *lines, f"one{i}")
    split = open_corpus(tmp_path, tokenizers.raw_bytes())
    task = word_order(split)
    assert not set(task.test.first) & set(task.train.first)
    held_out = tokenizers.raw_bytes().decode(np.concatenate(split.held_out.shards))
    for half in (task.train, task.test):
        assert abs(2 * int(half.labels.sum()) - len(half.labels)) <= 1
        keys = {" ".join(sorted(text.rstrip(".").split())) for text in half.first}
        assert len(keys) == len(half.first)  # no sentence is there both ways
        for text, label in zip(half.first, half.labels, strict=True):
            assert (text in held_out) == bool(label)
            assert text.startswith("The ") and text.endswith(".")
    again = word_order(split)
    assert again.train.first == task.train.first
    assert word_order(split, seed=1).train.first != task.train.first


def test_the_embedded_task_is_there():
    task = open_task("word_order")
    assert len(task.train.labels) > 2000 and len(task.test.labels) > 200
    assert task.metric == "accuracy"
    assert abs(task.test.labels.mean() - 0.5) < 0.01


def test_glue_is_read_in_both_layouts(tmp_path):
    official, joined = tmp_path / "a", tmp_path / "b" / "glue"
    for folder in (official, joined):
        write(folder, "SST-2/train.tsv", "sentence\tlabel", 'so "good" \t1', "bad \t0", "")
        write(folder, "SST-2/dev.tsv", "sentence\tlabel", "fine\t1", "")
        write(folder, "RTE/train.tsv", "index\tsentence1\tsentence2\tlabel", "0\ta\tb\tentailment")
        write(folder, "RTE/dev.tsv", "index\tsentence1\tsentence2\tlabel", "0\te\tf\tentailment")
        write(folder, "CoLA/train.tsv", "gj\t0\t*\tWent he.", "gj\t1\t\tHe went.")
        write(folder, "CoLA/dev.tsv", "gj\t1\t\tShe went.")
    write(official, "SST-2/test.tsv", "index\tsentence", "0\tunknown")
    write(joined, "SST-2/test.tsv", "sentence\tlabel", *["fine\t1"] * 872)
    write(joined, "RTE/val.tsv", "7\tc\td\tnot_entailment")
    write(joined, "CoLA/val.tsv", "gj\t0\t*\tWent she.")
    task = open_task("sst2", official)
    assert task.train.first == ['so "good"', "bad"] and task.train.labels.tolist() == [1, 0]
    assert task.test.first == ["fine"]
    task = open_task("sst2", tmp_path / "b")
    assert task.train.first == ['so "good"', "bad", "fine"] and len(task.test.first) == 872
    task = open_task("rte", tmp_path / "b")
    assert (task.train.first, task.train.second) == (["a", "c"], ["b", "d"])
    assert task.train.labels.tolist() == [0, 1] and task.test.second == ["f"]
    task = open_task("cola", official)
    assert task.train.first == ["Went he.", "He went."] and task.metric == "matthews"
    assert len(open_task("cola", tmp_path / "b").train.labels) == 3


def test_damaged_tables_are_refused_in_one_line(tmp_path):
    write(tmp_path, "RTE/train.tsv", "index\tsentence1\tsentence2\tlabel", "0\ta\tentailment")
    assert "line 2 has 3 columns, not 4" in refused(open_task, "rte", tmp_path)
    write(tmp_path, "RTE/train.tsv", "0\ta\tb\tperhaps")
    assert "'perhaps' should be entailment or not_entailment" in refused(open_task, "rte", tmp_path)
    write(tmp_path, "RTE/train.tsv", "0\ta\tb\tentailment")
    assert "has no dev.tsv" in refused(open_task, "rte", tmp_path)
    (tmp_path / "RTE/dev.tsv").write_bytes(b"0\ta\xff\tb\tentailment")
    assert "dev.tsv is not utf-8" in refused(open_task, "rte", tmp_path)
    write(tmp_path, "RTE/dev.tsv", "")
    assert "dev.tsv has no rows" in refused(open_task, "rte", tmp_path)
    assert "there is no CoLA" in refused(open_task, "cola", tmp_path)
    assert "no task 'mrpc'" in refused(open_task, "mrpc", tmp_path)
    assert "needs the folder" in refused(open_task, "rte")


def write_polarity(path, negative, positive):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("sentence_polarity/rt-polarity.neg", negative)
        archive.writestr("sentence_polarity/rt-polarity.pos", positive)


def test_archives_are_divided_by_hash_without_repetitions(tmp_path):
    negative = [f"bad {i} ." for i in range(50)]
    positive = [f"good {i} ." for i in range(50)]
    path = tmp_path / "sentence_polarity.zip"
    write_polarity(path, "\n".join(negative + negative[:9]), "\n".join([*positive, "", "bad 3 ."]))
    task = open_task("sentence_polarity", tmp_path)
    assert sorted([*task.train.first, *task.test.first]) == sorted(negative + positive)
    assert np.bincount(task.test.labels).tolist() == [5, 5]
    for half in (task.train, task.test):
        for text, label in zip(half.first, half.labels, strict=True):
            assert text.startswith(("bad", "good")[label])
    path.write_bytes(path.read_bytes()[:100])
    assert "cannot be read" in refused(open_task, "sentence_polarity", tmp_path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", "y")
    assert "has no sentence_polarity/rt-polarity.neg" in refused(
        open_task, "sentence_polarity", tmp_path
    )


def test_few_labels_are_balanced_and_grow():
    labels = np.array([0] * 30 + [1] * 10 + [2] * 20, np.int32)
    examples = Examples([f"{i}" for i in range(60)], [f"{i}'" for i in range(60)], labels)
    small, large = (few_labels(examples, n, seed=3) for n in (2, 7))
    assert np.bincount(small.labels).tolist() == [2, 2, 2]
    assert np.bincount(large.labels).tolist() == [7, 7, 7]
    assert large.first[:6] == small.first
    assert large.second == [f"{text}'" for text in large.first]
    assert (labels[[int(text) for text in large.first]] == large.labels).all()
    assert few_labels(examples, 2, seed=4).first != small.first
    assert "must be 1 to 10, got 11" in refused(few_labels, examples, 11, 0)


def test_texts_are_encoded_as_bert_reads_them():
    examples = Examples(["abc", ""], (), np.array([1, 0], np.int32))
    single = encode_examples(examples, BYTES, context=6)
    assert single.tokens.tolist() == [
        [START, 97, 98, 99, SEPARATOR, PAD],
        [START, SEPARATOR, PAD, PAD, PAD, PAD],
    ]
    assert single.mask.sum(axis=1).tolist() == [5, 2]
    assert not single.token_types.any()
    pair = encode_examples(examples._replace(second=["x", "yz"]), BYTES, context=7)
    assert pair.tokens.tolist() == [
        [START, 97, 98, 99, SEPARATOR, 120, SEPARATOR],
        [START, SEPARATOR, 121, 122, SEPARATOR, PAD, PAD],
    ]
    assert pair.token_types.tolist() == [[0, 0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 0, 0]]
    assert pair.labels.tolist() == [1, 0]
    short = encode_examples(Examples(["abcdef"], ["xy"], np.zeros(1, np.int32)), BYTES, context=7)
    assert BYTES.decode(short.tokens[0]) == "[CLS]ab[SEP]xy[SEP]"
    with pytest.raises(BadInput, match="no special token 'start'"):
        encode_examples(examples, tokenizers.raw_bytes(), context=9)
    with pytest.raises(BadInput, match="context=3 leaves no room"):
        encode_examples(examples, BYTES, context=3)


def test_texts_are_encoded_as_causal_models_read_them():
    examples = Examples(["abc", "abcdefg"], (), np.array([1, 0], np.int32))
    made = encode_causal(examples, tokenizers.raw_bytes(), context=6)
    assert made.tokens.tolist() == [
        [END, 97, 98, 99, END, END],
        [END, 97, 98, 99, 100, END],
    ]
    assert made.last.tolist() == [4, 5]
    assert made.mask.sum(axis=1).tolist() == [5, 6]
    pair = encode_causal(examples._replace(second=["x", "yz"]), BYTES, context=8)
    assert BYTES.decode(pair.tokens[1]).replace(tokenizers.END, "|") == "|abc|yz|"


@pytest.mark.parametrize("most", range(0, 14))
def test_the_longer_text_loses_its_last_token_first(most):
    for first in range(8):
        for second in range(8):
            a, b = first, second
            while a + b > most:  # google-research/bert's loop
                if a > b:
                    a -= 1
                else:
                    b -= 1
            assert truncated(first, second, most) == (a, b)


@pytest.mark.parametrize("name", ["sst2", "cola", "rte"])
def test_the_public_sets_have_their_sizes(real_data, name):
    task = tasks.open_task(name, real_data)
    assert (len(task.train.labels), len(task.test.labels)) == SIZES[name]
    assert set(task.train.labels) == set(task.test.labels) == {0, 1}
    assert bool(task.train.second) == (name == "rte")
    if name == "sst2":
        assert np.bincount(task.test.labels).tolist() == [428, 444]
        assert task.test.first[0] == "it 's a charming and often affecting journey ."
        assert task.test.labels[0] == 1


@pytest.mark.parametrize("name", ["sentence_polarity", "subjectivity"])
def test_the_public_archives_are_halves_without_a_text_in_common(real_data, name):
    task = tasks.open_task(name, real_data)
    total = 10_662 if name == "sentence_polarity" else 10_000
    assert total - 10 <= len(task.train.labels) + len(task.test.labels) <= total
    assert not set(task.train.first) & set(task.test.first)
    assert abs(task.test.labels.mean() - 0.5) < 0.01
