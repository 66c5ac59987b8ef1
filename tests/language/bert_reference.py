"""BERT's rules for words and pieces (google-research/bert, README and tokenization.py), anew.

Plain Python over `unicodedata`; nothing of the library under test.
"""

import unicodedata

CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


def is_punctuation(letter):
    printable = letter.isascii() and letter.isprintable() and not letter.isalnum()
    return printable and letter != " " or unicodedata.category(letter).startswith("P")


def stands_alone(letter):
    chinese = any(first <= ord(letter) <= last for first, last in CHINESE)
    return chinese or is_punctuation(letter)


def clean(letter):
    if letter in "\t\n\r" or unicodedata.category(letter) == "Zs":
        return " "
    dropped = letter in "\0\ufffd" or unicodedata.category(letter) in ("Cc", "Cf")
    return "" if dropped else letter


def words(text, lower_case=True):
    text = "".join(map(clean, text))
    if lower_case:
        text = unicodedata.normalize("NFD", text.lower())
        text = "".join(x for x in text if unicodedata.category(x) != "Mn")
    return "".join(f" {x} " if stands_alone(x) else x for x in text).split()


def pieces(word, vocabulary):
    found, begin = [], 0
    while begin < len(word):
        mark = "##" if begin else ""
        ends = range(len(word), begin, -1)
        end = next((e for e in ends if mark + word[begin:e] in vocabulary), None)
        if end is None or len(word) > 200:
            return ["[UNK]"]
        found.append(mark + word[begin:end])
        begin = end
    return found


def encode(text, vocabulary, lower_case=True):
    return [vocabulary[p] for word in words(text, lower_case) for p in pieces(word, vocabulary)]
