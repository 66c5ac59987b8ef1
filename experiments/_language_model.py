"""A language model that is finished: GPT-2 out of a run or out of a folder of Hugging Face."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from experiments._finished import FinishedRun, check_folders, find_run, newest_state, state_of_seed
from experiments.language import _setup
from experiments.language._options import Decoder, Text
from jaxdl.core.run import BadInput, option


class LanguageModel(NamedTuple):
    """What can tell text.

    Attributes:
      net: GPT-2, computed in float32.
      params: of it, on the device.
      tokenizer: of its text.
      folder: where it lies; of a run its own.
      text: what it has learned from, where that is known.
      packed: whether it was trained to see no document but its own.
    """

    net: Any
    params: Any
    tokenizer: Any
    folder: Path
    text: Text | None = None
    packed: bool = False


@dataclass(frozen=True)
class Source:
    """Which model: of a run or of a folder."""

    workdir: str = option("", "the folder of the run, or latest")
    hf: str = option("", "a folder of Hugging Face: config.json, model.safetensors, tokenizer")
    stage: str = option("", "which stage of a run that has several (default: the last one)")
    which: int = option(0, "which of the run's seeds, counted from 0", at_least=0)
    tokenizer_dir: str = option(
        "", "where the tokenizer's files lie (default: where the run or the folder has them)"
    )

    def __post_init__(self):
        if self.workdir and self.hf:
            raise BadInput("--workdir and --hf name two models: one of them should be left out")
        check_folders(self.workdir, "")


def open_model(source: Source, purpose: str) -> LanguageModel:
    """Reads a model and its tokenizer.

    Args:
      source: which one.
      purpose: what for, in a word, such as "chat".

    Raises:
      BadInput: it is no GPT-2, or its tokenizer is missing or of another vocabulary.
    """
    import jax

    if not source.workdir and not source.hf:
        raise BadInput(
            f"--workdir is missing: the folder of the run to {purpose}, or latest; or --hf"
        )
    if source.hf:
        model = _of_folder(Path(source.hf), source.tokenizer_dir)
    else:
        run = find_run(source.workdir, source.stage, source.which, purpose)
        model = _of_run(run, source.which, source.tokenizer_dir)
    if model.tokenizer.kind == "word_piece":
        raise BadInput(f"{model.folder}: WordPiece leaves out blanks, and cannot write a text")
    if model.tokenizer.vocab_size > model.net.vocabulary:
        raise BadInput(
            f"the tokenizer of {model.folder} has {model.tokenizer.vocab_size} tokens, and its net "
            f"{model.net.vocabulary}"
        )
    return model._replace(params=jax.device_put(model.params, jax.devices()[0]))


def _of_folder(folder: Path, tokenizer: str) -> LanguageModel:
    from jaxdl import language
    from jaxdl.language.hugging_face import net_of
    from jaxdl.nn import GPT2

    if not folder.is_dir():
        raise BadInput(f"--hf={folder} is not a folder")
    apply, params = language.load(folder)
    net = net_of(apply)
    if not isinstance(net, GPT2):
        raise BadInput(f"{folder} holds a {type(net).__name__}, which writes no text")
    return LanguageModel(net, params, _setup.load_tokenizer(tokenizer or folder), folder)


def _of_run(run: FinishedRun, which: int, tokenizer: str) -> LanguageModel:
    import jax
    import jax.numpy as jnp

    text, decoder = getattr(run.config, "text", None), getattr(run.config, "decoder", None)
    if not isinstance(text, Text) or not isinstance(decoder, Decoder):
        raise BadInput(f"{run.folder} is of {run.file.name}, which learns to write no text")
    if tokenizer:
        text = replace(text, tokenizer_dir=tokenizer)
    words = _setup.open_tokenizer(text)
    system = run.file.module.build(run.config)
    params = state_of_seed(run, newest_state(run, system.learner)[1].params, which)
    net = _setup.decoder(decoder, text)
    # As all machines compute it, whatever it was trained by.
    plain = net.clone(dtype=jnp.float32, backend="xla", remat=False)
    shapes = jax.eval_shape(plain.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]
    if jax.tree.map(jnp.shape, params) != jax.tree.map(lambda x: x.shape, shapes):
        raise BadInput(f"{run.folder} is of {run.file.name}, whose net does not write text")
    return LanguageModel(plain, params, words, run.folder, text, decoder.packed)
