"""Tokenizers: plain bytes, byte-level BPE as GPT-2 has it, and WordPiece as BERT has it.

Bytes need nothing. The other two stand on the library `tokenizers`, which the extra `language`
installs, and load the files that OpenAI and Google published, by their paths.

A text is always ordinary text: "<|endoftext|>" or "[SEP]" within it is encoded letter by letter (by
BERT's rules as a bracket, a word and a bracket), never as the special token, so no document can end
another one. Special tokens are added by their ids, `Tokenizer.specials`.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jaxdl.core.run import BadInput
from jaxdl.language.subwords import BERT_SPECIALS as BERT_SPECIALS
from jaxdl.language.subwords import END as END
from jaxdl.language.subwords import Tokenizer as Tokenizer
from jaxdl.language.subwords import WordRule as WordRule
from jaxdl.language.subwords import (
    bert_rules,
    import_library,
    make_byte_bpe,
    make_raw_bytes,
    make_word_piece,
    unicode_text,
)
from jaxdl.language.vocabularies import (
    check_vocabulary,
    letters_of_bytes,
    read_folder,
    read_json,
    read_merges,
    read_tokens,
)

SHIFT = 0x80000  # from a letter that begins a word to the same one within it, while training


def raw_bytes(specials: Sequence[str] = ("end",)) -> Tokenizer:
    """Makes the tokenizer whose ids 0 .. 255 are the bytes of UTF-8, with special ones from 256 on.

    Lone surrogates are encoded as if they were letters, so every string comes back exactly.

    Args:
      specials: names as in `Tokenizer.specials`, in the order of their ids.

    Raises:
      BadInput: a name is unknown or there twice.
    """
    return make_raw_bytes(tuple(specials))


def open_tokenizer(name: str | os.PathLike, *, masked: bool = False) -> Tokenizer:
    """Makes the tokenizer of a flag, "bytes" or a folder.

    Args:
      name: "bytes", which needs no file, or a folder as `load` takes it.
      masked: bytes have the special tokens of BERT's inputs too.

    Raises:
      BadInput: the folder holds none.
    """
    if str(name) != "bytes":
        return load(name)
    return raw_bytes(("end", "pad", "start", "separator", "mask") if masked else ("end",))


def byte_bpe(encoder_json: str | os.PathLike, vocab_bpe: str | os.PathLike) -> Tokenizer:
    """Loads byte-level BPE (Radford et al. 2019, section 2.2) from the files of GPT-2.

    Args:
      encoder_json: token -> id; `vocab.json` in Hugging Face's folders.
      vocab_bpe: the merges, the most important first; `merges.txt` there.

    Raises:
      BadInput: a file is missing, damaged or does not fit the other; the library is missing.
    """
    vocabulary = check_vocabulary(Path(encoder_json), read_json(Path(encoder_json)))
    merges = read_merges(Path(vocab_bpe), vocabulary)
    return make_byte_bpe(vocabulary, merges)


def word_piece(vocab_txt: str | os.PathLike, *, lower_case: bool = True) -> Tokenizer:
    """Loads WordPiece (Wu et al. 2016) with BERT's rules for words from Google's `vocab.txt`.

    Control characters are dropped, Chinese characters and punctuation stand alone, accents are
    stripped where letters are lowered, and a word is split into the longest pieces from the left
    (google-research/bert, tokenization.py).

    Args:
      vocab_txt: one token a line, whose number is the id.
      lower_case: as the uncased models want it.

    Raises:
      BadInput: the file is missing or damaged, or has no [UNK]; the library is missing.
    """
    vocabulary = read_tokens(Path(vocab_txt))
    return make_word_piece(vocabulary, lower_case=lower_case)


def load(folder: str | os.PathLike) -> Tokenizer:
    """Loads the tokenizer of a folder.

    The files are those that `save` writes, OpenAI's, Google's or Hugging Face's.

    Raises:
      BadInput: the folder holds none, or its files are damaged.
    """
    found = read_folder(Path(folder))
    if found.kind == "raw_bytes":
        return raw_bytes(found.settings["specials"])
    if found.kind == "byte_bpe":
        return make_byte_bpe(found.vocabulary, found.merges)
    return make_word_piece(found.vocabulary, lower_case=found.settings["do_lower_case"])


def save(tokenizer: Tokenizer, folder: str | os.PathLike) -> None:
    """Writes a tokenizer's files, with Hugging Face's names, each of them whole or not at all."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in tokenizer.files.items():
        part = Path(folder) / f".{name}.{os.getpid()}"
        part.write_bytes(content)
        part.replace(Path(folder) / name)


def identity(tokenizer: Tokenizer) -> str:
    """Returns a checksum that tells a tokenizer from all others."""
    digest = hashlib.sha256(tokenizer.kind.encode())
    for name, content in sorted(tokenizer.files.items()):
        digest.update(f"\n{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def train_byte_bpe(texts: Iterable[str], *, vocab_size: int, min_count: int = 2) -> Tokenizer:
    """Trains byte-level BPE, in which the most frequent pair of tokens becomes a token.

    Ids are in GPT-2's order: the 256 bytes, the merges, and the end of a document.

    Args:
      texts: to count in.
      vocab_size: V at most; there are fewer tokens where pairs run out.
      min_count: a pair that is there more seldom is not merged.

    Raises:
      BadInput: V has no place for the bytes and the end; the library is missing.
    """
    alphabet = sorted(letters_of_bytes())
    if vocab_size <= len(alphabet):
        raise BadInput(f"vocab_size={vocab_size} must be above 256, the bytes there are")
    library = import_library()
    core = library.Tokenizer(library.models.BPE())
    core.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    merges = _train_merges(core, texts, alphabet, vocab_size - 1, min_count)
    # No text may become the end of a document, however often it holds these letters.
    merges = [pair for pair in merges if END not in (*pair, "".join(pair))]
    # Two merges can make the same token; its first id holds.
    tokens = dict.fromkeys([*letters_of_bytes(), *("".join(pair) for pair in merges), END])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    return make_byte_bpe(vocabulary, merges)


def train_word_piece(
    texts: Iterable[str], *, vocab_size: int, min_count: int = 2, lower_case: bool = True
) -> Tokenizer:
    """Trains WordPiece with BERT's rules for words, by the most frequent pairs as BPE is.

    The library's own trainer numbers letters in the order of a hash table, so that its vocabulary
    changes from run to run. Here the letters within words are shifted to a range of their own,
    where BPE is trained, which counts the same pairs.

    Args:
      texts: to count in.
      vocab_size: V at most; there are fewer tokens where pairs run out.
      min_count: a pair that is there more seldom is not merged.
      lower_case: as in `word_piece`.

    Raises:
      BadInput: V has no place for the letters and the special tokens; the library is missing.
    """
    library = import_library()
    normalizer, splitter = bert_rules(lower_case)

    def shifted_words() -> Iterator[str]:
        for text in texts:
            clean = normalizer.normalize_str(unicode_text(text, "word_piece"))
            if clean and ord(max(clean)) >= SHIFT:  # private letters; the range is needed here
                clean = "".join(x for x in clean if ord(x) < SHIFT)
            words = [word for word, _ in splitter.pre_tokenize_str(clean)]
            letters = sorted({letter for word in words for letter in word})  # each can be a word
            yield " ".join([*letters, *(word[0] + _shift(word[1:]) for word in words)])

    core = library.Tokenizer(library.models.BPE())
    core.pre_tokenizer = library.pre_tokenizers.WhitespaceSplit()
    room = vocab_size - len(BERT_SPECIALS)
    _train_merges(core, shifted_words(), [], max(room, 0), min_count)
    found = core.get_vocab()
    if len(found) > room:
        least = len(found) + len(BERT_SPECIALS)
        raise BadInput(f"vocab_size={vocab_size} must be {least} at least, the letters there are")
    tokens = [_with_hashes(token) for token in sorted(found, key=found.get)]
    vocabulary = {token: i for i, token in enumerate([*BERT_SPECIALS.values(), *tokens])}
    return make_word_piece(vocabulary, lower_case=lower_case)


def _train_merges(core, texts, alphabet, vocab_size, min_count) -> list[tuple[str, str]]:
    """Trains BPE in place and returns its merges, the first made first."""
    library = import_library()
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_count,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    core.train_from_iterator((unicode_text(text, "BPE") for text in texts), trainer)
    return [tuple(pair) for pair in json.loads(core.to_str())["model"]["merges"]]


def _shift(text: str) -> str:
    return "".join(chr(ord(letter) + SHIFT) for letter in text)


def _with_hashes(token: str) -> str:
    """A token as WordPiece writes it: those within a word begin with "##"."""
    within = ord(token[0]) >= SHIFT
    plain = "".join(chr(ord(x) - SHIFT) if ord(x) >= SHIFT else x for x in token)
    return f"##{plain}" if within else plain
