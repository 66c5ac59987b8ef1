"""Writes on from a text, in the terminal: GPT-2 of a run, or of a folder of Hugging Face.

Each line is answered by what the net would write behind it, shown as it is written. The net goes
on from all that was said before; `/new` forgets it, an empty line lets the net go on, and Ctrl-D
ends. What exceeds the net's context is forgotten from its beginning. GPT-2 has learned to go on
with texts, not to answer questions.

    ./run chat --workdir=latest
    ./run chat --hf=<folder> --temperature=0.7 --top_p=0.9
    ./run chat --workdir=latest --prompt="import os" --seed=3      prints what follows, and ends
    cat page.txt | ./run chat --workdir=latest                     the same for a text from a pipe
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from experiments._language_model import LanguageModel, Source, open_model
from jaxdl.core.run import BadInput, option
from jaxdl.launch.flags import launch_tool

FORGET = "/new"


@dataclass(frozen=True)
class Config(Source):
    """Which net, and how it writes."""

    prompt: str = option("", "a text to go on from; then it ends")
    tokens: int = option(200, "the most that follow a text", at_least=1)
    temperature: float = option(0.8, "0 takes the likeliest token each time", at_least=0)
    top_k: int = option(0, "draw among so many of the likeliest tokens (0: all)", at_least=0)
    top_p: float = option(1.0, "the likeliest tokens that sum to this", above=0, at_most=1)
    min_p: float = option(
        0.0, "tokens of at least this share of the likeliest one's", at_least=0, at_most=1
    )
    seed: int = option(0, "of what is drawn", at_least=0)


PRESETS = {"cpu": Config()}


def main(config: Config) -> str:
    """Writes on from the prompt, from what a pipe holds, or from line after line of a person.

    Returns:
      All that was said, the net's part and the person's.

    Raises:
      BadInput: there is no such model, or a prompt that it cannot read.
    """
    model = open_model(config, "chat")
    if config.prompt:
        return answer(model, config, config.prompt, 0)
    if sys.stdin is None or not sys.stdin.isatty():
        return answer(model, config, read_pipe(), 0)
    return converse(model, config)


def read_pipe() -> str:
    """Reads all of the standard input, without the newline at its end.

    Raises:
      BadInput: it is no text.
    """
    try:
        return sys.stdin.read().removesuffix("\n") if sys.stdin else ""
    except UnicodeDecodeError as error:
        raise BadInput(f"the standard input is no text: {error}") from None


def converse(model: LanguageModel, config: Config) -> str:
    """Answers line by line until there are no more."""
    said = ""
    for turn, line in enumerate(ask()):
        if line.strip() == FORGET:
            said = ""
            continue
        said = f"{said}\n{line}" if said and line else said + line
        try:
            said = answer(model, config, said, turn)
        except BadInput as error:  # of one line, such as a lone surrogate: the next may be fine
            note(str(error))
            said = ""
    return said


def ask() -> Iterator[str]:
    """Yields what is typed, a line at a time."""
    while True:
        try:
            yield input("> ")
        except EOFError:
            return


def answer(model: LanguageModel, config: Config, said: str, turn: int) -> str:
    """Shows what follows a text as it is written; returns text and continuation.

    Raises:
      BadInput: the tokenizer cannot encode the text.
    """
    import jax

    from jaxdl.language.sampling import Sampling
    from jaxdl.language.streaming import decode_stream, kept, stream

    tokenizer = model.tokenizer
    end = tokenizer.specials.get("end")
    prompt = tokenizer.encode(said) or ([] if end is None else [end])
    if not prompt:
        raise BadInput("there is no text to go on from: give a --prompt")
    seen = kept(len(prompt), model.net.context, config.tokens)
    if seen < len(prompt):
        note(
            f"the text has {len(prompt)} tokens; of these the net sees the last {seen}, since its "
            f"context is {model.net.context}"
        )
    tokens = stream(
        model.net,
        model.params,
        prompt,
        steps=config.tokens,
        key=jax.random.fold_in(jax.random.key(config.seed), turn),
        sampling=Sampling(config.temperature, config.top_k, config.top_p, config.min_p),
        stop=() if end is None else (end,),
    )
    parts = []
    try:
        for part in decode_stream(tokenizer, tokens):
            parts.append(part)
            show(part)
        show("\n")
    except BrokenPipeError:  # whoever reads has had enough; Python shall not complain at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return said + "".join(parts)


def show(text: str) -> None:
    """Prints a piece of text at once; on a terminal, control characters are written out."""
    from jaxdl.pages.text import encodable, printable

    file = sys.stdout
    if file is None:  # the process was started without it
        return
    if file.isatty():  # what a net writes shall not move the cursor
        text = "\t".join(printable(part) for part in text.split("\t"))
    file.write(encodable(text, file.encoding or "utf-8"))
    file.flush()


def note(text: str) -> None:
    """Prints a line for the person, which is no part of the text."""
    from jaxdl.pages import print_text

    print_text(f"jaxdl: {text}", sys.stderr)


if __name__ == "__main__":
    launch_tool(main, PRESETS)
