import codecs
import json
import math
import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.data.broken import leave_out_broken
from jaxdl.language import corpus, shards, texts, tokenizers

BYTES = tokenizers.raw_bytes()


def refused(function, *arguments, **settings):
    with pytest.raises(BadInput) as error:
        function(*arguments, **settings)
    message = str(error.value)
    assert len(message) < 500
    return message


def write_texts(folder, count=20):
    folder.mkdir(exist_ok=True)
    for i in range(count):
        (folder / f"{i:02d}.txt").write_text(f"text {i}\n\n" + "é" * (3 * i))
    return folder


def documents(one):
    return [BYTES.decode(corpus.document(one, i)[1:]) for i in range(len(one.shard))]


def read(name, **settings):
    return [document.text for document in texts.open_texts(name, **settings).documents()]


def test_the_embedded_text_needs_nothing_and_is_the_same_always():
    split = corpus.open_corpus("topics", BYTES)
    everything = documents(split.train) + documents(split.held_out)
    from pydoc_data.topics import topics

    assert sorted(everything) == sorted(topics.values())
    assert not set(documents(split.train)) & set(documents(split.held_out))
    share = corpus.num_bytes(split.held_out) / sum(map(corpus.num_bytes, split))
    assert 0.1 <= share < 0.25
    version = ".".join(map(str, sys.version_info[:3]))
    assert split.train.identity.startswith(f"topics of Python {version} ")
    again = corpus.open_corpus("topics", BYTES)
    assert again.train.identity == split.train.identity
    np.testing.assert_array_equal(corpus.all_tokens(again.train), corpus.all_tokens(split.train))


def test_docstrings_come_in_the_order_of_the_source():
    source = '"""One."""\nclass A:\n  """Two."""\n  def f(self): "Three."\n  x = "no"\n'
    source += 'async def g():\n  """\n  Four,\n    more.\n  """\ndef h(): pass\ndef i(): "  "\n'
    assert texts.docstrings(source) == ["One.", "Two.", "Three.", "Four,\n  more."]


def test_the_library_is_listed_without_its_tests_in_the_order_of_paths():
    files = [path.as_posix() for path in texts.python_files()]
    assert files == sorted(files)
    assert any(path.endswith("/json/decoder.py") for path in files)
    assert not any("/test/" in path or "/tests/" in path for path in files)
    assert not any("site-packages" in path or "_sysconfigdata" in path for path in files)


def test_a_folder_is_read_in_the_order_of_paths_without_blank_and_hidden_files(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    for name, text in (
        ("b/x.txt", "three"),
        ("a.md", "one\n\n\ntwo"),
        ("empty.txt", ""),
        ("blank.txt", " \n\n"),
        (".hidden.txt", "no"),
        (".git/y.txt", "no"),
        ("z.png", "no"),
    ):
        (tmp_path / name).write_text(text)
    assert read(tmp_path) == ["one\n\n\ntwo", "three"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in ("b/x.txt", "a.md", "z.png", "empty.txt"):
            archive.write(tmp_path / name, name)
    assert read(tmp_path / "all.zip") == ["one\n\n\ntwo", "three"]
    (tmp_path / "none").mkdir()
    assert "holds no files" in refused(texts.open_texts, tmp_path / "none")
    assert "there is no text" in refused(texts.open_texts, tmp_path / "nowhere")
    (tmp_path / "broken.zip").write_bytes(b"PK")
    assert "broken.zip cannot be read" in refused(texts.open_texts, tmp_path / "broken.zip")
    only_blank = tmp_path / "only"
    only_blank.mkdir()
    (only_blank / "a.txt").write_text("\n")
    assert "files are blank" in refused(corpus.open_corpus, only_blank, BYTES)


@pytest.mark.parametrize(
    "mark, encoding",
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding_and_is_no_text(mark, encoding):
    text = "\r\nnaïve 😀\0\n"
    assert texts.decode_text(mark + text.encode(encoding), "x") == text


def test_a_file_of_another_encoding_is_refused_left_out_or_read_as_what_it_is(tmp_path, capsys):
    (tmp_path / "a.txt").write_bytes(b"good")
    (tmp_path / "b.txt").write_bytes(b"caf\xe9!")
    message = refused(read, tmp_path)
    assert "b.txt is not utf-8" in message
    assert "at byte 3" in message
    assert read(tmp_path, on_broken=leave_out_broken()) == ["good"]
    assert "b.txt" in capsys.readouterr().err
    assert read(tmp_path, encoding="latin-1") == ["good", "café!"]
    (tmp_path / "a.txt").write_text("Größe")
    assert read(tmp_path, encoding="utf-8,latin-1") == ["Größe", "café!"]
    assert "b.txt is not ascii" in refused(read, tmp_path, encoding="utf-8,ascii")
    assert "no encoding 'latin-7x'" in refused(read, tmp_path, encoding="latin-7x")


def test_the_end_of_a_single_file_is_held_out(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text("".join(chr(65 + i % 26) for i in range(995)))
    split = corpus.open_corpus(path, BYTES, held_out=0.1)
    text = path.read_text()
    assert documents(split.train) == [text[:895]]
    assert documents(split.held_out) == [text[895:]]
    path.write_text("é" * 10)  # more bytes than letters
    split = corpus.open_corpus(path, BYTES, held_out=0.3)
    assert documents(split.held_out) == ["ééé"]


def test_tinyshakespeare_is_divided_as_nanogpt_divides_it(real_data):
    path = real_data / "language/tinyshakespeare/input.txt"
    split = corpus.open_corpus(path, BYTES)
    assert [corpus.num_bytes(one) for one in split] == [1_003_854, 111_540]


def test_texts_that_are_there_twice_are_on_one_side(tmp_path):
    for i in range(40):
        (tmp_path / f"{i:02d}.txt").write_text(f"text {i % 8} " + "x" * 50)
    for held_out in (0.1, 0.3, 0.5, 0.9, 0.999):
        split = corpus.open_corpus(tmp_path, BYTES, held_out=held_out)
        train, out = (documents(one) for one in split)
        assert len(train) + len(out) == 40
        assert train and out and not set(train) & set(out)
        assert len(out) / 40 >= min(held_out, 7 / 8)
        assert len(out) / 40 <= held_out + 1 / 8
    assert "above 0 and below 1" in refused(corpus.open_corpus, tmp_path, BYTES, held_out=1.0)
    for path in list(tmp_path.iterdir())[1:]:
        path.unlink()
    assert "only one document" in refused(corpus.open_corpus, tmp_path, BYTES)


def test_a_new_document_moves_few_others(tmp_path):
    write_texts(tmp_path, 60)
    before = set(documents(corpus.open_corpus(tmp_path, BYTES).held_out))
    (tmp_path / "new.txt").write_text("something else")
    after = set(documents(corpus.open_corpus(tmp_path, BYTES).held_out))
    assert len(before ^ after) <= 2


def test_bytes_are_counted_without_ends(tmp_path):
    split = corpus.open_corpus(write_texts(tmp_path), BYTES)
    for one in split:
        text = "".join(documents(one)).encode()
        assert corpus.num_bytes(one) == len(text)
        assert corpus.num_tokens(one) == len(text) + len(one.shard)
        assert len(corpus.all_tokens(one)) == corpus.num_tokens(one)
    assert corpus.bits_per_byte(8 * math.log(2), 4) == pytest.approx(2)


def test_shards_hold_what_memory_holds_and_any_span_is_read_from_them(tmp_path, monkeypatch):
    source = write_texts(tmp_path / "texts")
    in_memory = corpus.open_corpus(source, BYTES)
    shards.write_shards(texts.open_texts(source), BYTES, tmp_path / "tokens", least=200)
    parts, plan = shards.read_shards(tmp_path / "tokens")
    assert len(parts) > 3
    assert plan["dtype"] == "uint16"
    assert isinstance(parts[0].tokens, np.memmap)
    joined = np.concatenate([part.tokens for part in parts])
    split = corpus.open_corpus(source, BYTES, folder=tmp_path / "other")
    for one, other in zip(in_memory, split, strict=True):
        np.testing.assert_array_equal(corpus.all_tokens(one), corpus.all_tokens(other))
    assert len(joined) == sum(map(corpus.num_tokens, split))
    monkeypatch.setattr(shards.write_shards, "__kwdefaults__", {"dtype": "", "least": 200})
    several = corpus.open_corpus(source, BYTES, folder=tmp_path / "tokens").train
    row = corpus.all_tokens(several)
    assert len(several.shards) > 3
    read_span = corpus.span_reader(several)
    for begin, size in ((0, 1), (0, len(row)), (7, 300), (len(row) - 5, 5)):
        np.testing.assert_array_equal(read_span(begin, size), row[begin : begin + size])


def test_a_shard_that_is_cut_changed_or_missing_is_named(tmp_path):
    source = texts.open_texts(write_texts(tmp_path / "texts"))
    folder = tmp_path / "tokens"
    shards.write_shards(source, BYTES, folder, least=200)
    path = folder / "00001.tokens"
    good = path.read_bytes()
    path.write_bytes(good[:-1])
    message = refused(shards.read_shards, folder)
    assert f"{path} holds {len(good) - 1} bytes instead of {len(good)}" in message
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert f"{path} has changed since it was written" in refused(shards.read_shards, folder)
    path.unlink()
    assert f"{path} is missing" in refused(shards.read_shards, folder)
    path.write_bytes(good)
    shards.read_shards(folder)
    (folder / "00002.json").unlink()
    assert "only its first 2 shards" in refused(shards.read_shards, folder)
    (folder / "00001.json").write_text("{")
    assert "00001.json cannot be read" in refused(shards.read_shards, folder)


def test_writing_goes_on_behind_the_last_whole_shard(tmp_path):
    source = texts.open_texts(write_texts(tmp_path / "texts"))
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    for folder in (whole, cut):
        shards.write_shards(source, BYTES, folder, least=200)
    for path in sorted(cut.glob("*.json"))[2:-1]:  # all notes but two, and the plan
        path.unlink()
    (cut / "00002.tokens").write_bytes(b"half")
    kept = (cut / "00001.tokens").stat().st_mtime_ns
    shards.write_shards(source, BYTES, cut, least=200)
    for path in whole.iterdir():
        assert (cut / path.name).read_bytes() == path.read_bytes()
    assert (cut / "00001.tokens").stat().st_mtime_ns == kept


def test_a_folder_of_other_text_or_of_another_tokenizer_is_refused(tmp_path):
    source = write_texts(tmp_path / "texts")
    folder = tmp_path / "tokens"
    corpus.open_corpus(source, BYTES, folder=folder)
    other = tokenizers.raw_bytes(("end", "pad"))
    assert "of another tokenizer" in refused(corpus.open_corpus, source, other, folder=folder)
    (source / "00.txt").write_text("now longer than it was")
    assert "of another text" in refused(corpus.open_corpus, source, BYTES, folder=folder)
    endless = tokenizers.raw_bytes(("pad",))
    assert "no token for the end" in refused(corpus.open_corpus, source, endless)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    source = write_texts(tmp_path / "texts")
    (tmp_path / "file").write_text("")
    message = refused(corpus.open_corpus, source, BYTES, folder=tmp_path / "file" / "tokens")
    assert "tokens cannot be written to" in message


def test_a_vocabulary_that_does_not_fit_its_dtype_is_refused():
    assert shards.token_dtype(65_536) == np.uint16
    assert shards.token_dtype(65_537) == np.uint32
    assert shards.token_dtype(2**32) == np.uint32
    assert shards.token_dtype(257, "uint32") == np.uint32
    assert "65537 tokens does not fit into uint16" in refused(shards.token_dtype, 65_537, "uint16")
    assert "does not fit into uint32" in refused(shards.token_dtype, 2**32 + 1)
    assert "not as int8" in refused(shards.token_dtype, 100, "int8")


def test_two_processes_write_one_folder_at_once(tmp_path):
    source = write_texts(tmp_path / "texts", 60)
    code = (
        "from jaxdl.language import shards, texts, tokenizers as t\n"
        f"shards.write_shards(texts.open_texts({str(source)!r}), t.raw_bytes(), "
        f"{str(tmp_path / 'tokens')!r}, least=100)"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], env=os.environ) for _ in range(2)]
    assert [one.wait(timeout=60) for one in both] == [0, 0]
    parts, _ = shards.read_shards(tmp_path / "tokens")
    counted = sum(len(part.index.start) for part in parts)
    assert counted == 60
    assert json.loads((tmp_path / "tokens/plan.json").read_text())["vocab_size"] == 257
    assert not [path for path in (tmp_path / "tokens").iterdir() if path.name.startswith(".")]


def test_a_huge_line_is_one_document(tmp_path):
    (tmp_path / "a.txt").write_text("x" * 5_000_000)
    (tmp_path / "b.txt").write_text("y\n\n\n")
    split = corpus.open_corpus(tmp_path, BYTES)
    assert sorted(map(len, documents(split.train) + documents(split.held_out))) == [4, 5_000_000]
