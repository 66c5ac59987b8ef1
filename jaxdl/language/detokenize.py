"""WikiText as it was written, before it was split into words by blanks.

Radford et al. 2019, section 3.1, read it so: a model of ordinary text has never seen " @-@ ". What
is scored is still the number of the original words, so that perplexities can be compared.
"""

import math
import re

QUOTES = re.compile(r'" ([^"\n]*?) "')
RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r" @([-,.])@ ", r"\1"),  # within words and numbers
        (r" (['’](?:s|S|d|D|m|M|t|ll|re|ve|em)\b)", r"\1"),  # contractions
        (r"(\w) (n't)\b", r"\1\2"),
        (r"([(\[{]) ", r"\1"),
        (r" ([)\]}])", r"\1"),
        (r" ([,.;:!?%](?=\s|$|[)\]}\"'”]))", r"\1"),
        (r"([$£€#]) (?=\d)", r"\1"),
        (r"(\d) (°|′|″)", r"\1\2"),
    )
)
HEADING = re.compile(r"^ ?((?:= )+)(.*?)((?: =)+) ?$", re.MULTILINE)


def detokenize_wikitext(text: str) -> str:
    """Joins the words of WikiText again.

    `<unk>` stays, and so does "= Title =", since ordinary text has both signs too.
    """
    text = "\n".join(line.strip(" ") for line in text.split("\n"))
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    text = QUOTES.sub(r'"\1"', text)
    return HEADING.sub(_heading, text)


def wikitext_words(text: str) -> int:
    """Counts the words of WikiText, one for the end of each line among them, as its papers do."""
    return len(text.split()) + text.count("\n")


def word_perplexity(nats: float, words: int) -> float:
    """Returns the perplexity per word, whatever the tokens are.

    Args:
      nats: the sum of the cross entropies of all tokens of the text.
      words: as `wikitext_words` counts them.
    """
    return math.exp(nats / words)


def _heading(found: re.Match) -> str:
    level = found[1].replace(" ", "")
    return f"{level} {found[2]} {found[3].replace(' ', '')}"
