"""GPT-2: a transformer that tells the next token (Radford et al. 2019).

Language Models are Unsupervised Multitask Learners, table 3: four sizes from 117M to 1542M tell
held-out text of eight kinds the better the larger they are, without having been trained for any:
1.16, 1.01, 0.97, 0.93 bits per byte of enwik8. The `cpu` preset is nanoGPT's own line for a CPU,
which reaches 1.88 nats per letter of Shakespeare; here the text is Python's own documentation.

Measured (3 seeds on 2 busy CPU cores, 10 minutes): that line comes to 1.902 ± 0.007 nats a letter
of Shakespeare.

    ./run gpt2                                  800,000 parameters on Python's documentation
    ./run gpt2 --text=<file or folder>          any text
    ./run chat --workdir=latest                 writes on from what is typed
    ./run gpt2 --preset=gpu --text=<file>       10.7M parameters, nanoGPT's line for a GPU
    ./run gpt2 --preset=paper --text=<folder> --tokenizer_dir=<folder>    124M; on NVIDIA GPUs with
                                                --attention=cudnn
"""

from dataclasses import dataclass

from experiments.language import _setup
from experiments.language._options import Batches, Decoder, Text
from jaxdl.core.run import Run, horizon, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="GPT-2",
    paper="Radford et al. 2019",
    arxiv="",
    summary="Learns to tell the next token of a text, and so to write.",
    headline="eval/bits_per_byte",
    better="lower",
    unit="bits per byte",
    yardstick="8 bits for a guess among all bytes",
    paper_says="1.16 to 0.93 bits per byte of enwik8, by size (table 3)",
    samples="tokens",
    curves=("eval/bits_per_byte", "loss"),
)


@dataclass(frozen=True)
class Config:
    """What is learned from, by which net."""

    run: Run = Run(steps=2_000, steps_per_call=50, eval_every=500)
    text: Text = Text()
    decoder: Decoder = Decoder()
    optimizer: Optimizer = Optimizer(
        "adamw", 1e-3, "cosine", warmup=0.05, weight_decay=0.1, max_norm=1.0
    )
    batches: Batches = Batches()
    pages: int = option(
        5, "samples that are written as training proceeds, of a single seed (0: none)", at_least=0
    )


PRESETS = {
    "smoke": Config(
        Run(steps=20, steps_per_call=10),
        Text("topics"),
        Decoder(context=32, width=32, depth=2, heads=2),
        batches=Batches(8),
        pages=2,
    ),
    "cpu": Config(),
    "gpu": Config(  # nanoGPT's config/train_shakespeare_char.py
        Run(steps=5_000, steps_per_call=50, eval_every=500, save_every=1_000),
        decoder=Decoder(256, 384, 6, 6, dropout=0.2, bfloat16=True),
        optimizer=Optimizer("adamw", 1e-3, "cosine", warmup=0.02, weight_decay=0.1, max_norm=1.0),
        batches=Batches(64),
    ),
    "paper": Config(  # batch 512 and context 1024 (section 2.3); rates of nanoGPT's train_gpt2.py
        Run(steps=600_000, steps_per_call=10, eval_every=10_000, save_every=1_000),
        Text(tokenizer="gpt2"),
        Decoder(1024, 768, 12, 12, bfloat16=True),
        Optimizer("adamw", 6e-4, "cosine", warmup=0.003, weight_decay=0.1, max_norm=1.0),
        batches=Batches(512, microbatches=32),
    ),
}


def build(config: Config) -> System:
    """Builds the system; no text is read."""
    from functools import partial

    from jaxdl import language
    from jaxdl.language.gpt2 import Samples
    from jaxdl.ops.mup import mup_rates

    text, net = config.text, config.decoder
    model = _setup.decoder(net, text)
    at = pages(horizon(config.run), config.pages) if config.run.num_seeds == 1 else ()
    prompt = (_setup.NEWLINES[text.tokenizer],)
    tx = _setup.optimizer(config.optimizer, config.run)
    learner = language.gpt2(
        model,
        mup_rates(tx, net.width, net.base_width) if net.base_width else tx,
        end=_setup.ENDS[text.tokenizer] if net.packed else None,
        held_out=partial(_setup.held_out, text, context=net.context),
        microbatches=config.batches.microbatches,
        samples=Samples(at, prompt, length=min(net.context, 256) - 1),
    )

    def figures(outcome):
        return language.texts_exhibit(outcome, _setup.open_tokenizer(text).decode, at)

    return _setup.make_system(
        ABOUT.title,
        config,
        net,
        learner,
        partial(_setup.training, text),
        figures,
        partial(language.decoder_deployment, model),
    )


def pages(steps: int, count: int) -> tuple[int, ...]:
    """Returns the steps after which samples are written, evenly spaced by their logarithm."""
    spaced = {max(round(steps ** (i / count)), 1) for i in range(1, count + 1)}
    return tuple(sorted(spaced))


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
