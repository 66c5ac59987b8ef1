"""Tokenizers made of vocabularies: what an id stands for, and which ids a text is."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.vocabularies import letters_of_bytes

END = "<|endoftext|>"
BERT_SPECIALS = {
    "pad": "[PAD]",
    "unknown": "[UNK]",
    "start": "[CLS]",
    "separator": "[SEP]",
    "mask": "[MASK]",
}
SPECIALS = {"end": END, **BERT_SPECIALS}
LONGEST_WORD = 200  # letters, in google-research/bert's tokenizer; longer words are unknown


class WordRule(NamedTuple):
    """Tells which tokens are parts of one word.

    A token and the one before it are, where both sides join.

    Attributes:
      joins_left: [V] bool, the token can go on with a word.
      joins_right: [V] bool, a word can go on behind the token.
    """

    joins_left: np.ndarray
    joins_right: np.ndarray


class Tokenizer(NamedTuple):
    """Text to ids and back.

    Attributes:
      kind: "raw_bytes", "byte_bpe" or "word_piece".
      vocab_size: V; ids are below it.
      encode: text -> ids, without special tokens. Raises BadInput for what is no Unicode text,
        which bytes alone can hold.
      encode_all: texts -> the ids of each, [N] int32; on all cores where the library does it.
      decode: ids [N] -> text. What bytes and BPE encoded comes back exactly; bytes that are not
        UTF-8 become U+FFFD. Special tokens are written out.
      pieces: the bytes of each token.
      specials: "end", "pad", "unknown", "start", "separator", "mask" -> id, of those there are.
      words: which tokens are parts of one word.
      files: name -> content of what `save` writes.
    """

    kind: str
    vocab_size: int
    encode: Callable[[str], list[int]]
    encode_all: Callable[[Sequence[str]], list[np.ndarray]]
    decode: Callable[[Any], str]
    pieces: tuple[bytes, ...]
    specials: Mapping[str, int]
    words: WordRule
    files: Mapping[str, bytes]


def make_raw_bytes(specials: Sequence[str]) -> Tokenizer:
    """Makes the tokenizer of bytes with the special tokens named, whose ids begin at 256.

    Raises:
      BadInput: a name is unknown or there twice.
    """
    if unknown := [name for name in specials if name not in SPECIALS]:
        raise BadInput(f"special token {unknown[0]!r} should be among {', '.join(SPECIALS)}")
    if len(set(specials)) < len(specials):
        raise BadInput(f"a special token is named twice: {', '.join(specials)}")
    pieces = [bytes((byte,)) for byte in range(256)] + [SPECIALS[n].encode() for n in specials]

    def encode_array(text):
        content = _checked(text).encode("utf-8", "surrogatepass")
        return np.frombuffer(content, np.uint8).astype(np.int32)

    settings = {"tokenizer_class": "RawBytes", "specials": list(specials)}
    return Tokenizer(
        kind="raw_bytes",
        vocab_size=len(pieces),
        encode=lambda text: encode_array(text).tolist(),
        encode_all=lambda texts: [encode_array(text) for text in texts],
        decode=lambda ids: _text_of(b"".join(_pieces_of(ids, pieces))),
        pieces=tuple(pieces),
        specials={name: 256 + i for i, name in enumerate(specials)},
        words=_words_of_bytes(pieces, range(256, len(pieces))),
        files={"tokenizer_config.json": _json_bytes(settings)},
    )


def make_byte_bpe(vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]]) -> Tokenizer:
    """Makes byte-level BPE of a vocabulary with ids 0 .. V - 1 and of its merges."""
    library = import_library()
    core = library.Tokenizer(library.models.BPE(dict(vocabulary), list(merges)))
    core.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_of = {letter: byte for byte, letter in enumerate(letters_of_bytes())}
    pieces = [
        bytes(map(byte_of.get, token)) if set(token) <= byte_of.keys() else token.encode()
        for token in sorted(vocabulary, key=vocabulary.get)
    ]
    missing = {byte for letter, byte in byte_of.items() if letter not in vocabulary}

    def check(text):
        if missing and (lost := missing & set(unicode_text(text, "byte_bpe").encode())):
            raise BadInput(f"the vocabulary has no token for the byte {min(lost)} of the text")
        return unicode_text(text, "byte_bpe")

    specials = {"end": vocabulary[END]} if END in vocabulary else {}
    settings = {
        "tokenizer_class": "GPT2Tokenizer",
        "add_prefix_space": False,
        **{f"{name}_token": END for name in ("bos", "eos", "unk") if specials},
    }
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    return Tokenizer(
        kind="byte_bpe",
        vocab_size=len(vocabulary),
        **_encoders(core, check),
        decode=lambda ids: _text_of(b"".join(_pieces_of(ids, pieces))),
        pieces=tuple(pieces),
        specials=specials,
        words=_words_of_bytes(pieces, specials.values()),
        files={
            "vocab.json": _json_bytes(dict(sorted(vocabulary.items(), key=lambda item: item[1]))),
            "merges.txt": "\n".join(lines).encode(),
            "tokenizer_config.json": _json_bytes(settings),
        },
    )


def make_word_piece(vocabulary: Mapping[str, int], *, lower_case: bool) -> Tokenizer:
    """Makes WordPiece of a vocabulary with ids 0 .. V - 1.

    Raises:
      BadInput: there is no [UNK].
    """
    if BERT_SPECIALS["unknown"] not in vocabulary:
        raise BadInput(f"the vocabulary has no {BERT_SPECIALS['unknown']}")
    library = import_library()
    core = library.Tokenizer(
        library.models.WordPiece(
            dict(vocabulary),
            unk_token=BERT_SPECIALS["unknown"],
            max_input_chars_per_word=LONGEST_WORD,
        )
    )
    core.normalizer, core.pre_tokenizer = bert_rules(lower_case)
    tokens = sorted(vocabulary, key=vocabulary.get)
    specials = {n: vocabulary[token] for n, token in BERT_SPECIALS.items() if token in vocabulary}
    is_word = ~np.isin(np.arange(len(tokens)), list(specials.values()))
    words = WordRule(np.array([token.startswith("##") for token in tokens]), is_word)
    joined = library.decoders.WordPiece(prefix="##", cleanup=True)
    settings = {"tokenizer_class": "BertTokenizer", "do_lower_case": lower_case}
    return Tokenizer(
        kind="word_piece",
        vocab_size=len(tokens),
        **_encoders(core, lambda text: unicode_text(text, "word_piece")),
        decode=lambda ids: joined.decode(_pieces_of(ids, tokens)),
        pieces=tuple(token.encode() for token in tokens),
        specials=specials,
        words=words,
        files={
            "vocab.txt": "".join(f"{token}\n" for token in tokens).encode(),
            "tokenizer_config.json": _json_bytes(settings),
        },
    )


def bert_rules(lower_case: bool) -> tuple[Any, Any]:
    """Makes the library's normalizer and splitter with BERT's rules for words."""
    library = import_library()
    normalizer = library.normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=True,
        strip_accents=lower_case,
        lowercase=lower_case,
    )
    return normalizer, library.pre_tokenizers.BertPreTokenizer()


def import_library() -> ModuleType:
    """Imports the library `tokenizers`.

    Raises:
      BadInput: it is not installed.
    """
    try:
        import tokenizers
    except ModuleNotFoundError as error:
        raise BadInput(
            f"BPE and WordPiece need {error.name}, which is not installed: "
            "pip install 'jaxdl[language]', or set JAXDL_EXTRAS=dev,language before ./run"
        ) from None
    return tokenizers


def _encoders(core: Any, check: Callable[[str], str]) -> dict[str, Callable]:
    """The two encoders of a tokenizer of the library; `check` refuses texts or returns them."""

    def encode(text):
        return core.encode(check(text), add_special_tokens=False).ids

    def encode_all(texts):
        encoded = core.encode_batch_fast([check(text) for text in texts], add_special_tokens=False)
        return [np.asarray(one.ids, np.int32) for one in encoded]

    return {"encode": encode, "encode_all": encode_all}


def _checked(text: str) -> str:
    if not isinstance(text, str):
        raise BadInput(f"what is encoded should be text, not {type(text).__name__}")
    return text


def unicode_text(text: str, kind: str) -> str:
    """Returns the text, unless it has lone surrogates, which the library cannot take.

    Raises:
      BadInput: it has, or it is no text at all.
    """
    try:
        _checked(text).encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise BadInput(
            f"the text has a lone surrogate, U+{code:04X} at character {error.start}, which "
            f"{kind} cannot encode; the tokenizer of bytes can"
        ) from None
    return text


def _pieces_of(ids: Iterable[int], pieces: Sequence[Any]) -> list[Any]:
    """The pieces of ids.

    Raises:
      BadInput: an id is none of the vocabulary's.
    """
    numbers = np.asarray(ids)
    if not numbers.size:
        return []
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        raise BadInput(f"ids should be integers [N], got {numbers.dtype} {numbers.shape}")
    if numbers.min() < 0 or numbers.max() >= len(pieces):
        bad = numbers[(numbers < 0) | (numbers >= len(pieces))][0]
        raise BadInput(f"id {bad} is outside of the vocabulary of {len(pieces)} tokens")
    return [pieces[i] for i in numbers.tolist()]


def _text_of(content: bytes) -> str:
    try:
        return content.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return content.decode("utf-8", "replace")


def _words_of_bytes(pieces: Sequence[bytes], specials: Iterable[int]) -> WordRule:
    """Words are runs of letters, digits, "_" and of all bytes beyond ASCII."""

    def is_letter(byte):
        return byte >= 128 or chr(byte).isalnum() or byte == ord("_")

    left = np.array([bool(piece) and is_letter(piece[0]) for piece in pieces])
    right = np.array([bool(piece) and is_letter(piece[-1]) for piece in pieces])
    left[list(specials)] = False
    right[list(specials)] = False
    return WordRule(left, right)


def _json_bytes(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
