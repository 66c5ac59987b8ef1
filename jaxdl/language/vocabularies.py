"""Files of vocabularies, which others wrote: read whole, checked, and refused in one line."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.core.run import BadInput

MAX_BYTES = 2**27  # of one file; GPT-2's is 1 MB, those of the largest vocabularies 20 MB
LOOKED_FOR = """a tokenizer's folder holds one of
  vocab.json and merges.txt, or encoder.json and vocab.bpe (byte-level BPE, GPT-2)
  vocab.txt (WordPiece, BERT)
  tokenizer.json (either of them)
  tokenizer_config.json as the tokenizer of bytes writes it"""


class Found(NamedTuple):
    """What a folder says of its tokenizer.

    Attributes:
      kind: "raw_bytes", "byte_bpe" or "word_piece".
      vocabulary: token -> id, 0 .. V - 1.
      merges: pairs of tokens, the first merged first.
      settings: `do_lower_case`, or the `specials` of bytes.
    """

    kind: str
    vocabulary: Mapping[str, int]
    merges: Sequence[tuple[str, str]]
    settings: Mapping[str, Any]


def letters_of_bytes() -> list[str]:
    """Returns the letter that stands for each byte in the files of GPT-2.

    Bytes that print are themselves in Latin-1; the others, in order, are the letters from 256 on.
    """
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    hidden = iter(range(256, 512))
    return [chr(byte if byte in visible else next(hidden)) for byte in range(256)]


def read_folder(folder: Path) -> Found:
    """Reads the files of a tokenizer's folder.

    Raises:
      BadInput: it holds none, or a file is damaged.
    """
    config = folder / "tokenizer_config.json"
    settings = _object(config, read_json(config)) if config.is_file() else {}
    if settings.get("tokenizer_class") == "RawBytes":
        specials = settings.get("specials")
        if not isinstance(specials, list) or not all(isinstance(n, str) for n in specials):
            raise BadInput(f"{config}: `specials` should be a list of names")
        return Found("raw_bytes", {}, (), {"specials": specials})
    lower = {"do_lower_case": bool(settings.get("do_lower_case", True))}
    for names in (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")):
        tokens, merges = (folder / name for name in names)
        if tokens.is_file() and merges.is_file():
            vocabulary = check_vocabulary(tokens, read_json(tokens))
            return Found("byte_bpe", vocabulary, read_merges(merges, vocabulary), {})
    if (path := folder / "vocab.txt").is_file():
        return Found("word_piece", read_tokens(path), (), lower)
    if (path := folder / "tokenizer.json").is_file():
        return _read_tokenizer_json(path, lower)
    raise BadInput(f"{folder} holds no tokenizer; {LOOKED_FOR}")


def read_json(path: Path) -> Any:
    """Reads a file of JSON.

    Raises:
      BadInput: it is missing, too large or no JSON.
    """
    try:
        return json.loads(_read_text(path))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path} is no JSON: {error}") from None


def read_lines(path: Path) -> list[str]:
    """Reads the lines of a vocabulary, which only line feeds end, since tokens hold other ends.

    Raises:
      BadInput: it is missing, too large, empty or not UTF-8.
    """
    lines = [line.removesuffix("\r") for line in _read_text(path).split("\n")]
    if lines[-1] == "":
        lines.pop()
    if not lines:
        raise BadInput(f"{path} is empty")
    return lines


def read_tokens(path: Path) -> dict[str, int]:
    """Reads a vocabulary of one token a line, whose number from 0 is its id.

    Raises:
      BadInput: it is missing, too large, empty or not UTF-8, or holds a token twice.
    """
    lines = read_lines(path)
    vocabulary = {line: i for i, line in enumerate(lines)}
    for number, line in enumerate(lines):
        if vocabulary[line] != number:
            raise BadInput(
                f"{path}: the token {line!r} stands in line {number + 1} and {vocabulary[line] + 1}"
            )
    return vocabulary


def read_merges(path: Path, vocabulary: Mapping[str, int]) -> list[tuple[str, str]]:
    """Reads merges, one pair a line, under a line with the version.

    Raises:
      BadInput: a line is no pair, or makes a token that the vocabulary lacks.
    """
    lines = read_lines(path)
    first = int(lines[0].startswith("#version"))
    pairs = [tuple(line.split(" ")) for line in lines[first:]]
    return check_merges(path, pairs, vocabulary, first + 1)


def check_merges(
    path: Path, pairs: Sequence[Sequence[str]], vocabulary: Mapping[str, int], first: int = 1
) -> list[tuple[str, str]]:
    """Compares merges with the vocabulary, from the line number `first` on.

    Raises:
      BadInput: one is no pair, or of tokens that the vocabulary lacks.
    """
    for number, pair in enumerate(pairs, first):
        if len(pair) != 2 or not all(isinstance(part, str) and part for part in pair):
            raise BadInput(f"{path}: line {number} should be two tokens with a blank between them")
        for token in (*pair, "".join(pair)):
            if token not in vocabulary:
                raise BadInput(f"{path}: line {number}: the vocabulary has no token {token!r}")
    return [(left, right) for left, right in pairs]


def check_vocabulary(path: Path, content: Any) -> dict[str, int]:
    """Checks token -> id.

    Raises:
      BadInput: it is something else, or the ids are not 0 .. V - 1, each once.
    """
    vocabulary = _object(path, content)
    ids = list(vocabulary.values())
    if not ids or not all(type(i) is int for i in ids):
        raise BadInput(f"{path} should be an object of tokens and their ids")
    if sorted(ids) != list(range(len(ids))):
        wrong = next((i for i, n in enumerate(sorted(ids)) if i != n), len(ids))
        raise BadInput(f"{path}: ids should be 0 to {len(ids) - 1}, each once; see id {wrong}")
    return vocabulary


def _read_tokenizer_json(path: Path, lower: Mapping[str, Any]) -> Found:
    """Reads the one file in which Hugging Face's library saves a tokenizer."""
    content = _object(path, read_json(path))
    model = _object(path, content.get("model"))
    tokens = dict(_object(path, model.get("vocab")))
    for added in content.get("added_tokens") or ():
        one = _object(path, added)
        tokens.setdefault(str(one.get("content")), one.get("id"))
    vocabulary = check_vocabulary(path, tokens)
    kind = model.get("type")
    if kind == "WordPiece":
        normalizer = content.get("normalizer") or {}
        lower_case = _object(path, normalizer).get("lowercase", lower["do_lower_case"])
        return Found("word_piece", vocabulary, (), {"do_lower_case": bool(lower_case)})
    if kind != "BPE" or _object(path, content.get("pre_tokenizer")).get("type") != "ByteLevel":
        raise BadInput(f"{path} is a {kind}; byte-level BPE and WordPiece are known")
    if content["pre_tokenizer"].get("add_prefix_space"):
        raise BadInput(
            f"{path} sets a blank before each text (add_prefix_space), as GPT-2 does not"
        )
    merges = model.get("merges") or []
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in merges]
    return Found("byte_bpe", vocabulary, check_merges(path, pairs, vocabulary), {})


def _object(path: Path, content: Any) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise BadInput(f"{path} should hold an object, not a {type(content).__name__}")
    return content


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise BadInput(f"there is no file {path}")
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is larger than a vocabulary: {path.stat().st_size} bytes")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
