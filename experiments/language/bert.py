"""BERT: a transformer that tells masked words, and whether one text follows another.

BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, Devlin et al.
2018, arXiv 1810.04805. 15 % of the tokens are asked for, of which 80 % are masked, 10 % replaced by
others and 10 % left; the net sees what stands on both sides of them. Fine-tuned, BERT base has
79.6 points on average on GLUE, OpenAI's GPT 75.1 (table 1); the final model tells 97 to 98 % of the
pairs (footnote 5). By default tokens are bytes, so that a masked word is a letter.

Measured with `cpu` on 2 cores that others shared: after 1,500 steps (3.1M tokens, 290 s) 33 % of
the masked letters of held-out text are told (the most frequent one is 15 % of them), 2.52 nats
each, and 61 % of the pairs. After 500 steps these were 24 %, 2.96 nats and 49 %.

    ./run bert                                  800,000 parameters on Python's documentation
    ./run bert --whole_words                    whole words are masked
    ./run bert --pairs=false                    without next sentences
    ./run bert --preset=gpu --text=<file or folder>     10.7M parameters
    ./run bert --preset=paper --text=<folder> --tokenizer_dir=<folder>     BERT base

The paper's first 900,000 steps have rows of 128 tokens, to save time; here all have 512.
"""

from dataclasses import dataclass

from experiments.language import _setup
from experiments.language._options import Batches, Encoder, MaskedText, Masks
from jaxdl.core.run import Run
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="BERT",
    paper="Devlin et al. 2018",
    arxiv="1810.04805",
    summary="Learns to tell masked words from both sides, and what follows a text.",
    headline="eval/masked_accuracy",
    scale=100,
    unit="%",
    yardstick="always the most frequent token {eval/most_frequent}",
    paper_says="79.6 points on GLUE, fine-tuned (BERT base, table 1); no share of masked tokens",
    samples="tokens",
    curves=("eval/loss", "masked_loss", "eval/masked_accuracy"),
)
BETA2 = 0.999  # appendix A.2


def descend(rate: float, *, warmup: float) -> Optimizer:
    """Returns the authors' rule (appendix A.2), clipped as in google-research/bert."""
    return Optimizer("adamw", rate, "linear", warmup=warmup, weight_decay=0.01, max_norm=1.0)


@dataclass(frozen=True)
class Config:
    """What is learned from, what is hidden of it, and by which net it is told."""

    run: Run = Run(steps=1_500, steps_per_call=50, eval_every=500)
    text: MaskedText = MaskedText(scored_tokens=65_536)
    masks: Masks = Masks()
    encoder: Encoder = Encoder()
    optimizer: Optimizer = descend(1e-3, warmup=0.1)
    batches: Batches = Batches(32)


PRESETS = {
    "smoke": Config(
        Run(steps=20, steps_per_call=10),
        MaskedText("topics", scored_tokens=4_096),
        encoder=Encoder(context=32, width=32, depth=1, heads=2),
        batches=Batches(8),
    ),
    "cpu": Config(),
    "gpu": Config(
        Run(steps=20_000, steps_per_call=50, eval_every=2_000, save_every=2_000),
        MaskedText(),
        encoder=Encoder(128, 384, 6, 6, dropout=0.1, bfloat16=True),
        optimizer=descend(5e-4, warmup=0.05),
        batches=Batches(128),
    ),
    "paper": Config(  # appendix A.2
        Run(steps=1_000_000, steps_per_call=10, eval_every=10_000, save_every=1_000),
        MaskedText(tokenizer="bert"),
        encoder=Encoder(512, 768, 12, 12, dropout=0.1, bfloat16=True),
        optimizer=descend(1e-4, warmup=0.01),
        batches=Batches(256, microbatches=8),
    ),
}


def build(config: Config) -> System:
    """Builds the system; no text is read."""
    from functools import partial

    from jaxdl import language

    text, net, pairs = config.text, config.encoder, config.masks.pairs
    model = _setup.encoder(net, text)
    learner = language.bert(
        model,
        _setup.optimizer(config.optimizer, config.run, b2=BETA2),
        _setup.masking(text, config.masks),
        held_out=partial(_setup.masked_held_out, text, context=net.context, pairs=pairs),
        microbatches=config.batches.microbatches,
    )

    def figures(outcome):
        tokenizer = _setup.open_tokenizer(text)
        return language.fillings_exhibit(outcome, tokenizer.decode, tokenizer.specials["pad"])

    return _setup.make_system(
        ABOUT.title,
        config,
        net,
        learner,
        partial(_setup.masked_training, text, pairs=pairs),
        figures,
        partial(language.encoder_deployment, model),
    )


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
