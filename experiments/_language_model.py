"""A language model that is finished: GPT-2 out of a run or out of a folder of Hugging Face."""

from pathlib import Path
from typing import Any, NamedTuple

from experiments._finished import FinishedRun, check_folders, find_run, newest_state
from experiments.language import _setup
from experiments.language._options import Decoder, Text
from jaxdl.core.run import BadInput


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


def check_source(workdir: str, hf: str) -> None:
    """Checks before JAX is loaded that not two models are named, and that a run is there.

    Raises:
      BadInput: there are two, or the run is no folder.
    """
    if workdir and hf:
        raise BadInput("--workdir and --hf name two models: one of them should be left out")
    check_folders(workdir, "")


def open_model(
    workdir: str, hf: str, *, stage: str = "", which: int = 0, tokenizer: str = "", purpose: str
) -> LanguageModel:
    """Reads a model and its tokenizer.

    Args:
      workdir: of a run, or "latest"; "" for none.
      hf: folder of Hugging Face; "" for none.
      stage: of a run.
      which: of the run's seeds.
      tokenizer: the folder of its files; "" for that which the run or the folder names.
      purpose: what for, in a word, such as "chat".

    Raises:
      BadInput: it is no GPT-2, or its tokenizer is missing or of another vocabulary.
    """
    import jax

    if not workdir and not hf:
        raise BadInput(
            f"--workdir is missing: the folder of the run to {purpose}, or latest; or --hf"
        )
    if hf:
        model = _of_folder(Path(hf), tokenizer)
    else:
        model = _of_run(find_run(workdir, stage, which, purpose), which, tokenizer)
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
    from jaxdl.language import tokenizers
    from jaxdl.language.hugging_face import net_of
    from jaxdl.nn import GPT2

    if not folder.is_dir():
        raise BadInput(f"--hf={folder} is not a folder")
    apply, params = language.load(folder)
    net = net_of(apply)
    if not isinstance(net, GPT2):
        raise BadInput(f"{folder} holds a {type(net).__name__}, which writes no text")
    try:
        words = tokenizers.load(tokenizer or folder)
    except BadInput as error:  # which lists the files that there could be, one a line
        raise BadInput("; ".join(map(str.strip, str(error).splitlines()))) from None
    return LanguageModel(net, params, words, folder)


def _of_run(run: FinishedRun, which: int, tokenizer: str) -> LanguageModel:
    import dataclasses

    import jax
    import jax.numpy as jnp

    text, decoder = getattr(run.config, "text", None), getattr(run.config, "decoder", None)
    if not isinstance(text, Text) or not isinstance(decoder, Decoder):
        raise BadInput(f"{run.folder} is of {run.file.name}, which learns to write no text")
    if tokenizer:
        text = dataclasses.replace(text, tokenizer_dir=tokenizer)
    words = _setup.open_tokenizer(text)
    system = run.file.module.build(run.config)
    params = newest_state(run, system.learner)[1].params
    if run.config.run.num_seeds > 1:
        params = jax.tree.map(lambda x: x[which], params)
    net = _setup.decoder(decoder, _setup.VOCABULARIES[text.tokenizer])
    # As all machines compute it, whatever it was trained by.
    plain = net.clone(dtype=jnp.float32, backend="xla", remat=False)
    shapes = jax.eval_shape(plain.init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]
    if jax.tree.map(jnp.shape, params) != jax.tree.map(lambda x: x.shape, shapes):
        raise BadInput(f"{run.folder} is of {run.file.name}, whose net does not write text")
    return LanguageModel(plain, params, words, run.folder, text, decoder.packed)
