"""Tokens on the disk: shards that are written once, checked by hash, and mapped into memory.

A folder of tokens is `plan.json`, which says of what text and tokenizer they are, and for each
shard NNNNN.tokens (little-endian), NNNNN.index.npz (one row a document) and NNNNN.json, which is
written last and holds the hashes of the others. Whole documents go into a shard. Each file is
written beside its name and moved there, and is a function of text and tokenizer alone: a process
that is killed leaves no half, the next one goes on behind the last whole shard, and two that write
at once write the same.
"""

import fcntl
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.language.texts import Document, Texts
from jaxdl.language.tokenizers import Tokenizer, identity

PLAN = "plan.json"
BATCH = 2**22  # letters that are encoded at a time
SHARD = 2**27  # tokens, at least, of all shards but the last


class Index(NamedTuple):
    """One row for each document of a shard.

    Attributes:
      start: [D] int64, where its tokens begin; the first of them is the end of a document, which
        stands before each.
      length: [D] int64, how many there are.
      num_bytes: [D] int64, of its text in UTF-8.
      order: [D] uint64, documents are held out from the lowest on; equal texts have the same.
    """

    start: np.ndarray
    length: np.ndarray
    num_bytes: np.ndarray
    order: np.ndarray


class Shard(NamedTuple):
    """Documents one behind the other.

    Attributes:
      tokens: [N] uint16 or uint32.
      index: of its documents.
    """

    tokens: np.ndarray
    index: Index


def token_dtype(vocab_size: int, dtype: str = "") -> np.dtype:
    """Returns the dtype of tokens on the disk, uint16 or uint32, the smaller that holds all ids.

    Args:
      vocab_size: ids are below it.
      dtype: asked for, or "".

    Raises:
      BadInput: the dtype is another one, or does not hold all ids.
    """
    chosen = dtype or ("uint16" if vocab_size <= 2**16 else "uint32")
    if chosen not in ("uint16", "uint32"):
        raise BadInput(f"tokens are kept as uint16 or uint32, not as {chosen}")
    if vocab_size - 1 > np.iinfo(chosen).max:
        raise BadInput(f"a vocabulary of {vocab_size} tokens does not fit into {chosen}")
    return np.dtype(chosen).newbyteorder("<")


def end_of(tokenizer: Tokenizer) -> int:
    """Returns the token that stands before each document, "end" or the "separator" of BERT's.

    Raises:
      BadInput: there is neither.
    """
    for name in ("end", "separator"):
        if name in tokenizer.specials:
            return tokenizer.specials[name]
    raise BadInput(f"the tokenizer ({tokenizer.kind}) has no token for the end of a document")


def make_shards(
    texts: Texts, tokenizer: Tokenizer, *, dtype: str = "", least: int = SHARD, skip: int = 0
) -> Iterator[Shard]:
    """Encodes documents into shards.

    Args:
      texts: the documents.
      tokenizer: with an "end" or a "separator", which stands before each document.
      dtype: as in `token_dtype`.
      least: tokens of a shard, but the last.
      skip: so many documents are left out at the beginning.

    Raises:
      BadInput: the tokenizer has no end, or a text cannot be encoded.
    """
    kept = token_dtype(tokenizer.vocab_size, dtype)
    end = np.array([end_of(tokenizer)], kept)
    parts: list[np.ndarray] = []
    rows: list[tuple[int, int, int, int]] = []
    size = 0
    for document, ids in _encode_documents(texts, tokenizer, skip):
        parts += [end, ids.astype(kept)]
        content = document.text.encode("utf-8", "surrogatepass")
        rows.append((size, 1 + len(ids), len(content), _order_of(document, content)))
        size += 1 + len(ids)
        if size >= least:
            yield _shard_of(parts, rows)
            parts, rows, size = [], [], 0
    if rows:
        yield _shard_of(parts, rows)


def write_shards(
    texts: Texts,
    tokenizer: Tokenizer,
    folder: str | os.PathLike,
    *,
    dtype: str = "",
    least: int = SHARD,
) -> None:
    """Writes the shards of a folder that are not there yet.

    Another process that does the same is waited for.

    Args:
      texts: the documents.
      tokenizer: as in `make_shards`, as are `dtype` and `least`.
      folder: is made; what it holds must be of the same text and tokenizer.
      dtype: of the tokens.
      least: tokens of a shard, but the last.

    Raises:
      BadInput: the folder is of other text or another tokenizer, or there is no text.
    """
    path = Path(folder)
    plan = {
        "format": 1,
        "text": texts.identity,
        "tokenizer": identity(tokenizer),
        "dtype": token_dtype(tokenizer.vocab_size, dtype).name,
        "vocab_size": tokenizer.vocab_size,
        "end": end_of(tokenizer),
        "least": least,
    }
    if _is_complete(path, plan):  # perhaps in a folder that may only be read
        return
    with _waiting_for_others(path):
        if not _is_complete(path, plan):
            _write(path / PLAN, _json_bytes(plan))
            _write_rest(path, texts, tokenizer, dtype, least)


def _is_complete(path: Path, plan: Mapping[str, Any]) -> bool:
    _check_plan(path, plan)
    notes = list(_notes_of(path))
    return bool(notes) and notes[-1]["last"]


def _write_rest(path: Path, texts: Texts, tokenizer: Tokenizer, dtype: str, least: int) -> None:
    """Writes the shards behind those that are there."""
    done = list(_notes_of(path))
    skip = sum(note["documents"] for note in done)
    shards = make_shards(texts, tokenizer, dtype=dtype, least=least, skip=skip)
    number = len(done)
    shard = next(shards, None)
    if shard is None and not done:
        raise BadInput(f"{texts.name} holds no text: all of its files are blank")
    while shard is not None:
        following = next(shards, None)
        _write_shard(path, number, shard, is_last=following is None)
        number, shard = number + 1, following


def read_shards(folder: str | os.PathLike) -> tuple[list[Shard], dict[str, Any]]:
    """Maps the shards of a folder into memory, after a comparison with their hashes.

    Returns:
      The shards and the plan.

    Raises:
      BadInput: a shard is missing, cut, or not what was written.
    """
    path = Path(folder)
    plan = _read_json(path / PLAN)
    notes = list(_notes_of(path))
    if not notes or not notes[-1]["last"]:
        raise BadInput(f"{path} is not complete: only its first {len(notes)} shards are there")
    return [_read_shard(path, i, note, plan["dtype"]) for i, note in enumerate(notes)], plan


def _encode_documents(
    texts: Texts, tokenizer: Tokenizer, skip: int
) -> Iterator[tuple[Document, np.ndarray]]:
    """Encodes many small documents in one call, on all cores."""
    batch: list[Document] = []
    size = 0
    for number, document in enumerate(texts.documents()):
        if number < skip:
            continue
        batch.append(document)
        size += len(document.text)
        if size >= BATCH:
            yield from zip(batch, tokenizer.encode_all([x.text for x in batch]), strict=True)
            batch, size = [], 0
    yield from zip(batch, tokenizer.encode_all([x.text for x in batch]), strict=True)


def _order_of(document: Document, content: bytes) -> int:
    if document.order is not None:
        return document.order
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")


def _shard_of(parts: list[np.ndarray], rows: list[tuple[int, int, int, int]]) -> Shard:
    start, length, num_bytes, order = zip(*rows, strict=True)
    places = [np.array(x, np.int64) for x in (start, length, num_bytes)]
    return Shard(np.concatenate(parts), Index(*places, np.array(order, np.uint64)))


def _write_shard(path: Path, number: int, shard: Shard, *, is_last: bool) -> None:
    tokens = shard.tokens.tobytes()
    buffer = io.BytesIO()
    np.savez(buffer, **shard.index._asdict())
    index = buffer.getvalue()
    note = {
        "documents": len(shard.index.start),
        "tokens": {"bytes": len(tokens), "sha256": hashlib.sha256(tokens).hexdigest()},
        "index": {"bytes": len(index), "sha256": hashlib.sha256(index).hexdigest()},
        "last": is_last,
    }
    _write(path / f"{number:05d}.tokens", tokens)
    _write(path / f"{number:05d}.index.npz", index)
    _write(path / f"{number:05d}.json", _json_bytes(note))


def _read_shard(path: Path, number: int, note: Mapping[str, Any], dtype: str) -> Shard:
    from jaxdl.data.formats import read_npz

    for suffix, claimed in (("tokens", note["tokens"]), ("index.npz", note["index"])):
        file = path / f"{number:05d}.{suffix}"
        again = f"delete {path} to have it written again"
        if not file.is_file():
            raise BadInput(f"{file} is missing; {again}")
        if file.stat().st_size != claimed["bytes"]:
            held = file.stat().st_size
            raise BadInput(f"{file} holds {held} bytes instead of {claimed['bytes']}; {again}")
        with file.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != claimed["sha256"]:
            raise BadInput(f"{file} has changed since it was written; {again}")
    index = Index(*read_npz(path / f"{number:05d}.index.npz", Index._fields))
    kept = np.dtype(dtype).newbyteorder("<")
    return Shard(np.memmap(path / f"{number:05d}.tokens", kept, "r"), index)


def _notes_of(path: Path) -> Iterator[dict[str, Any]]:
    number = 0
    while (file := path / f"{number:05d}.json").is_file():
        yield _read_json(file)
        number += 1


def _check_plan(path: Path, plan: Mapping[str, Any]) -> None:
    if not (path / PLAN).is_file():
        return
    old = _read_json(path / PLAN)
    if different := [name for name in plan if old.get(name) != plan[name]]:
        name = different[0]
        raise BadInput(
            f"{path} holds tokens of another {name}: {old.get(name)}, not {plan[name]}; "
            "delete it, or choose another folder"
        )


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be read: {error}") from None
    if not isinstance(content, dict):
        raise BadInput(f"{file} should hold an object")
    return content


def _json_bytes(content: Any) -> bytes:
    return json.dumps(content, indent=2).encode() + b"\n"


def _write(file: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise BadInput(f"{file} cannot be written: {error.strerror}") from None


@contextmanager
def _waiting_for_others(path: Path) -> Iterator[None]:
    """Holds a lock; without one (some network file systems) two processes do the work twice."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / "lock").open("w")
    except OSError as error:
        raise BadInput(f"tokens cannot be written to {path}: {error.strerror}") from None
    with file:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
