import hashlib
import json
import sys

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.language import tokenizers
from jaxdl.language.vocabularies import letters_of_bytes
from tests.language import bert_reference

TEXTS = [
    "",
    "Hello, world!",
    "  two  blanks\n\n\tand a tab ",
    "I'll don't WE'RE unaffable",
    "naïve Café – ½ Ⅷ ٣",
    "日本語のテキスト",
    "😀👩\u200d👩\u200d👧 e\u0301 İ ß",
    "a\0b\x7f\x85c\ufffd",
    "<|endoftext|> [SEP] [MASK]",
    "1234567890 3.14159",
    "\u2028\xa0\u3000x\r\ny",
    "$^`~ «»",
    "x" * 500,
]
# What tiktoken 0.14 gives for some of them with the files of GPT-2.
GPT2_IDS = {
    "Hello, world!": [15496, 11, 995, 0],
    "  two  blanks\n\n\tand a tab ": [220, 734, 220, 698, 2283, 628, 197, 392, 257, 7400, 220],
    "naïve café – ½ Ⅷ ٣": [2616, 38776, 40304, 784, 25208, 2343, 227, 100, 18923, 96],
    "日本語のテキスト": [33768, 98, 17312, 105, 45739, 252, 5641, 24336, 25084, 43302],
    "a\0b\x7f\x85": [64, 188, 65, 221, 126, 227],
    "<|endoftext|>": [27, 91, 437, 1659, 5239, 91, 29],
    "\u2028\xa0\u3000x\r\ny": [447, 101, 1849, 5099, 222, 87, 201, 198, 88],
}
# Number and SHA-256 (as 2 bytes each) of tiktoken's ids of whole files.
GPT2_FILES = {
    "tinyshakespeare/input.txt": (
        338_025,
        "25c01b32b32f41897a6359dd222ec114992dc30c357bcafbfe6c56672f76cd31",
    ),
    "wikitext-2/wiki.test.tokens": (
        295_877,
        "33d3634d89dfb45a09164ac72a5e7939b90eeffce49f82cc738dc5dbc652cf3c",
    ),
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "aff", "able", "!"]


def refused(function, *arguments, **settings):
    with pytest.raises(BadInput) as error:
        function(*arguments, **settings)
    message = str(error.value)
    assert len(message) < 400
    return message


def write_bpe(folder, merges=(("a", "b"), ("ab", "c"), ("Ġ", "abc")), drop=()):
    tokens = [*letters_of_bytes(), *("".join(pair) for pair in merges), tokenizers.END]
    vocabulary = {token: i for i, token in enumerate(t for t in tokens if t not in drop)}
    (folder / "encoder.json").write_text(json.dumps(vocabulary))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / "vocab.bpe").write_text("\n".join(lines))
    return folder / "encoder.json", folder / "vocab.bpe"


def test_bytes_are_their_own_ids_and_every_string_comes_back():
    tokenizer = tokenizers.raw_bytes()
    assert tokenizer.vocab_size == 257
    assert tokenizer.specials == {"end": 256}
    assert tokenizer.encode("aé\0") == [97, 0xC3, 0xA9, 0]
    for text in [*TEXTS, "a\ud800b", "\ud83d\ude00", "\udcff"]:
        ids = tokenizer.encode(text)
        assert max(ids, default=0) < 256
        assert tokenizer.decode(ids) == text
        assert tokenizer.decode(np.array(ids, np.uint16)) == text
    assert [x.tolist() for x in tokenizer.encode_all(["ab", ""])] == [[97, 98], []]
    assert tokenizer.decode([65, 256, 0xC3]) == "A<|endoftext|>\ufffd"


def test_bytes_take_special_tokens_in_the_order_asked_for():
    tokenizer = tokenizers.raw_bytes(("pad", "start", "separator", "mask"))
    assert tokenizer.specials == {"pad": 256, "start": 257, "separator": 258, "mask": 259}
    assert tokenizer.decode([257, 65, 258]) == "[CLS]A[SEP]"
    assert "'sep' should be among end, pad" in refused(tokenizers.raw_bytes, ("sep",))
    assert "twice" in refused(tokenizers.raw_bytes, ("pad", "pad"))


def test_a_flag_names_bytes_or_a_folder(tmp_path):
    assert tokenizers.open_tokenizer("bytes").vocab_size == 257
    masked = tokenizers.open_tokenizer("bytes", masked=True)
    assert set(masked.specials) == {"end", "pad", "start", "separator", "mask"}
    tokenizers.save(masked, tmp_path)
    assert tokenizers.open_tokenizer(tmp_path).specials == masked.specials
    message = refused(tokenizers.open_tokenizer, "words")
    assert "words holds no tokenizer" in message


def test_ids_outside_of_the_vocabulary_and_what_is_no_text_are_refused():
    tokenizer = tokenizers.raw_bytes()
    assert "id 257 is outside of the vocabulary of 257" in refused(tokenizer.decode, [1, 257])
    assert "id -1 is outside" in refused(tokenizer.decode, [-1])
    assert "integers [N]" in refused(tokenizer.decode, [0.5])
    assert "integers [N]" in refused(tokenizer.decode, [[1, 2]])
    assert "text, not bytes" in refused(tokenizer.encode, b"a")


def test_words_of_bytes_are_runs_of_letters():
    tokenizer = tokenizers.raw_bytes()
    ids = np.array(tokenizer.encode("don't é_1 x"))
    left, right = tokenizer.words
    joined = right[ids[:-1]] & left[ids[1:]]
    assert "".join("-|"[not j] for j in joined) == "--||||---||"
    assert not left[256] and not right[256]


def test_without_the_library_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    message = refused(tokenizers.byte_bpe, *write_bpe(tmp_path))
    assert "\n" not in message
    assert "pip install 'jaxdl[language]'" in message
    assert "JAXDL_EXTRAS=dev,language" in message
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    assert "jaxdl[language]" in refused(tokenizers.word_piece, tmp_path / "vocab.txt")
    assert "jaxdl[language]" in refused(tokenizers.train_byte_bpe, ["a"], vocab_size=300)


def test_merges_are_made_in_their_order(subwords, tmp_path):
    tokenizer = tokenizers.byte_bpe(*write_bpe(tmp_path))
    letter = {x: i for i, x in enumerate(letters_of_bytes())}
    assert tokenizer.vocab_size == 260
    assert tokenizer.specials == {"end": 259}
    assert tokenizer.encode("abc abc") == [257, 258]  # "abc", " abc"
    assert tokenizer.encode("bab") == [letter["b"], 256]
    assert tokenizer.pieces[258] == b" abc"
    assert tokenizer.decode([257, 258, 259]) == "abc abc<|endoftext|>"
    for text in TEXTS:
        assert 259 not in tokenizer.encode(text)
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert [x.tolist() for x in tokenizer.encode_all(["abc", ""])] == [[257], []]
    message = refused(tokenizer.encode, "ab\ud83d")
    assert "U+D83D at character 2" in message
    assert "tokenizer of bytes" in message


def test_a_byte_that_the_vocabulary_lacks_is_not_lost_in_silence(subwords, tmp_path):
    tokenizer = tokenizers.byte_bpe(*write_bpe(tmp_path, drop=("z",)))
    assert tokenizer.encode("abc") == [256]
    assert "no token for the byte 122" in refused(tokenizer.encode, "zebra")


def test_damaged_files_of_bpe_are_refused_in_one_line(tmp_path):
    encoder, merges = write_bpe(tmp_path)
    good = encoder.read_text()
    assert "there is no file" in refused(tokenizers.byte_bpe, tmp_path / "no", merges)
    encoder.write_text(good[: len(good) // 2])
    assert "is no JSON" in refused(tokenizers.byte_bpe, encoder, merges)
    encoder.write_text("[1, 2]")
    assert "should hold an object" in refused(tokenizers.byte_bpe, encoder, merges)
    encoder.write_text('{"a": "b"}')
    assert "tokens and their ids" in refused(tokenizers.byte_bpe, encoder, merges)
    encoder.write_text('{"a": 0, "b": 2}')
    assert "ids should be 0 to 1, each once; see id 1" in refused(
        tokenizers.byte_bpe, encoder, merges
    )
    encoder.write_text(good)
    merges.write_text("#version: 0.2\na b\nab\n")
    assert "line 3 should be two tokens" in refused(tokenizers.byte_bpe, encoder, merges)
    merges.write_text("#version: 0.2\na c\n")
    assert "line 2: the vocabulary has no token 'ac'" in refused(
        tokenizers.byte_bpe, encoder, merges
    )
    merges.write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in refused(tokenizers.byte_bpe, encoder, merges)


def test_words_are_split_into_the_longest_pieces(subwords, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    tokenizer = tokenizers.word_piece(tmp_path / "vocab.txt")
    assert tokenizer.encode("UNAFFABLE! affable") == [5, 6, 7, 10, 8, 7]
    assert tokenizer.encode("unable unhappy") == [5, 7, 1]
    assert tokenizer.decode([2, 5, 6, 7, 3]) == "[CLS] unaffable [SEP]"
    assert tokenizer.specials == {"pad": 0, "unknown": 1, "start": 2, "separator": 3, "mask": 4}
    assert tokenizer.words.joins_left.tolist() == [False] * 6 + [True, True] + [False] * 3
    assert tokenizer.words.joins_right.tolist() == [False] * 5 + [True] * 6
    cased = tokenizers.word_piece(tmp_path / "vocab.txt", lower_case=False)
    assert cased.encode("Un un") == [1, 5]
    assert "lone surrogate" in refused(tokenizer.encode, "\udc80")


def test_damaged_vocabularies_of_word_piece_are_refused_in_one_line(subwords, tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*WORDS, "un"]))
    assert "'un' stands in line 6 and 12" in refused(tokenizers.word_piece, path)
    path.write_text("")
    assert "is empty" in refused(tokenizers.word_piece, path)
    path.write_text("a\nb\n")
    assert "no [UNK]" in refused(tokenizers.word_piece, path)


def test_a_tokenizer_is_saved_and_loaded_as_it_was(subwords, tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    made = [
        tokenizers.raw_bytes(("end", "pad")),
        tokenizers.byte_bpe(*write_bpe(tmp_path)),
        tokenizers.word_piece(tmp_path / "vocab.txt", lower_case=False),
    ]
    for i, tokenizer in enumerate(made):
        folder = tmp_path / str(i)
        tokenizers.save(tokenizer, folder)
        again = tokenizers.load(folder)
        assert tokenizers.identity(again) == tokenizers.identity(tokenizer)
        assert (again.kind, again.vocab_size) == (tokenizer.kind, tokenizer.vocab_size)
        assert again.specials == tokenizer.specials
        text = "unable Abc abc!"
        assert again.encode(text) == tokenizer.encode(text)
        assert not list(folder.glob(".*"))
    assert len({tokenizers.identity(tokenizer) for tokenizer in made}) == 3
    (tmp_path / "nothing").mkdir()
    assert "holds no tokenizer" in refused(tokenizers.load, tmp_path / "nothing")


def test_the_file_of_hugging_face_is_loaded(subwords, tmp_path):
    vocabulary = {token: i for i, token in enumerate([*letters_of_bytes(), "ab"])}
    core = subwords.Tokenizer(subwords.models.BPE(vocabulary, [("a", "b")]))
    core.pre_tokenizer = subwords.pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.add_special_tokens([tokenizers.END])
    core.save(str(tmp_path / "tokenizer.json"))
    tokenizer = tokenizers.load(tmp_path)
    assert tokenizer.specials == {"end": 257}
    assert tokenizer.encode("abb") == core.encode("abb").ids
    core.pre_tokenizer = subwords.pre_tokenizers.ByteLevel(add_prefix_space=True)
    core.save(str(tmp_path / "tokenizer.json"))
    assert "add_prefix_space" in refused(tokenizers.load, tmp_path)
    core = subwords.Tokenizer(
        subwords.models.WordPiece({t: i for i, t in enumerate(WORDS)}, unk_token="[UNK]")
    )
    core.normalizer = subwords.normalizers.BertNormalizer(lowercase=False)
    core.save(str(tmp_path / "tokenizer.json"))
    assert tokenizers.load(tmp_path).encode("Un unaffable") == [1, 5, 6, 7]


def test_training_merges_the_most_frequent_pair_first(subwords):
    # "low" 5 times, "lower" 2, "newest" 6: pairs e-s, s-t, w-e count 6, 6, 8.
    text = " ".join(["low"] * 5 + ["lower"] * 2 + ["newest"] * 6)
    bpe = tokenizers.train_byte_bpe([text], vocab_size=260)
    assert bpe.files["merges.txt"].decode().splitlines()[1] == "w e"
    assert bpe.vocab_size == 260
    assert bpe.specials["end"] == 259
    assert bpe.decode(bpe.encode(text)) == text
    pieces = tokenizers.train_word_piece([text.upper()], vocab_size=20)
    vocabulary = pieces.files["vocab.txt"].decode().split("\n")
    assert vocabulary[:5] == list(tokenizers.BERT_SPECIALS.values())
    assert "##we" in vocabulary
    reference = {token: i for i, token in enumerate(vocabulary)}
    assert pieces.encode("newest low") == bert_reference.encode("newest low", reference)


def test_training_is_the_same_whenever_it_runs_and_refuses_small_vocabularies(subwords):
    texts = ["the cat sat on the mat", "ж一é the rat\U000f0000 ran"] * 3
    one, two = (tokenizers.train_word_piece(texts, vocab_size=60) for _ in range(2))
    assert one.files == two.files
    tokens = one.files["vocab.txt"].decode().split("\n")
    assert all(ord(letter) < 0x80000 for token in tokens for letter in token)
    assert tokens[5:9] == ["a", "c", "e", "h"]  # in order of letters, as a hash table is not
    assert "must be 22 at least" in refused(tokenizers.train_word_piece, texts, vocab_size=20)
    assert "must be above 256" in refused(tokenizers.train_byte_bpe, texts, vocab_size=256)
    ends = tokenizers.train_byte_bpe(["<|endoftext|>" * 50], vocab_size=400)
    assert ends.specials["end"] not in ends.encode("<|endoftext|>")


def test_gpt2_files_give_the_ids_of_tiktoken(subwords, real_data):
    folder = real_data / "language/gpt2_bpe"
    tokenizer = tokenizers.byte_bpe(folder / "encoder.json", folder / "vocab.bpe")
    assert (tokenizer.vocab_size, tokenizer.specials["end"]) == (50257, 50256)
    for text, ids in GPT2_IDS.items():
        assert tokenizer.encode(text) == ids
    for name, (count, digest) in GPT2_FILES.items():
        text = (real_data / "language" / name).read_bytes().decode()
        ids = tokenizer.encode(text)
        assert len(ids) == count
        assert hashlib.sha256(np.array(ids, "<u2").tobytes()).hexdigest() == digest
        assert tokenizer.decode(ids) == text


def test_google_file_gives_the_ids_of_berts_rules(subwords, real_data):
    path = real_data / "language/bert_wordpiece/vocab.txt"
    vocabulary = {token: i for i, token in enumerate(path.read_bytes().decode().splitlines())}
    for lower_case in (True, False):
        tokenizer = tokenizers.word_piece(path, lower_case=lower_case)
        for text in TEXTS:
            assert tokenizer.encode(text) == bert_reference.encode(text, vocabulary, lower_case)
    tokenizer = tokenizers.word_piece(path)
    assert tokenizer.encode("Hello, world!") == [7592, 1010, 2088, 999]
    text = (real_data / "language/tinyshakespeare/input.txt").read_text()
    ids = tokenizer.encode(text)
    assert len(ids) == 288_719
    assert ids[:20_000] == bert_reference.encode(text, vocabulary)[:20_000]
