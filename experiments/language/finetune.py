"""Fine-tuning: a pretrained net learns to tell the labels of texts (Devlin et al. 2018).

BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding, arXiv 1810.04805,
table 1: BERT base has 93.5 on SST-2, 52.1 on CoLA (Matthews' correlation) and 66.4 on RTE, OpenAI's
GPT 91.3, 45.4 and 56.0. For each of several numbers of labels a pretrained net, the same net from
scratch and a bag of words (scikit-learn) learn by the same labels, which each seed draws anew. The
report draws the three over the labels.

Measured with `cpu` on 2 cores that others shared (1,500 steps of pretraining in 122 s, after which
22.9 % of the masked letters are told, and fine-tuning in 85 s), one seed: with 1,600 labels a class
the pretrained net is right about 58.1 % of the fresh sentences, the same net from scratch about
50.0 %, a bag of words about 49.5 %. With 400 or fewer, none is better than a guess. Five seeds of
200 steps with 1,500 labels a class are not told from one: 50.4, 50.0 and 49.0 %.

    ./run finetune                                   pretrains a small BERT on Python's
                                                     documentation, then: are the words in order?
    ./run finetune --model=gpt2                      the same with a small GPT-2
    ./run finetune --pretrained=<run of bert or gpt2> --task=sentence_polarity --task_dir=<folder>
    ./run finetune --preset=paper --hf=<folder> --task=rte --task_dir=<glue>      a released net

The stages `pretrain` (where no net is given) and `finetune` have folders of their own. All seeds
begin with one pretrained net.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from experiments.language import _setup, _tuning
from experiments.language._options import Masks, Net
from experiments.language._tuning import AnyText, Origin
from experiments.language.bert import BETA2, descend
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch import About, System, launch
from jaxdl.launch.options import Optimizer

ABOUT = About(
    title="Fine-tuning",
    paper="Devlin et al. 2018",
    arxiv="1810.04805",
    summary="A pretrained net learns to tell the labels of texts, by few of them.",
    headline="eval/pretrained",
    scale=100,
    unit="%",
    yardstick="the same net from scratch {eval/scratch}, a bag of words {eval/bag_of_words}, "
    "always the same label {eval/most_frequent}",
    paper_says="SST-2 93.5, CoLA 52.1, RTE 66.4 by BERT base; 91.3, 45.4, 56.0 by OpenAI's GPT "
    "(table 1)",
    samples="texts",
    curves=("loss", "scratch_loss", "accuracy"),
)


@dataclass(frozen=True)
class Config:
    """What is to be told of which texts, and by which net."""

    run: Run = Run(steps=300, steps_per_call=50)
    origin: Origin = Origin()
    text: AnyText = AnyText(scored_tokens=65_536)
    masks: Masks = Masks()
    net: Net = Net(context=80, width=64, depth=2)
    optimizer: Optimizer = descend(1e-3, warmup=0.1)
    task: Literal["word_order", "sentence_polarity", "subjectivity", "sst2", "cola", "rte"] = (
        option("word_order", "what is told")
    )
    task_dir: str = option("", "where the task's files lie (word_order needs none)")
    counts: tuple[int, ...] = option(
        (25, 100, 400, 1_600), "labels a class, for each of which nets are trained", at_least=1
    )
    length: int = option(0, "tokens that are read of a text (0: the net's context)", at_least=0)
    batch_size: int = option(16, "texts in a step of each net", at_least=1)

    def __post_init__(self):
        if any(a >= b for a, b in zip(self.counts, self.counts[1:], strict=False)):
            raise BadInput(f"--counts={','.join(map(str, self.counts))} should rise")


LARGE = Run(steps=2_000, steps_per_call=50, save_every=500)
PRESETS = {
    "smoke": Config(
        Run(steps=8, steps_per_call=4),
        Origin(pretrain_steps=8, pretrain_batch=8),
        AnyText("topics", scored_tokens=4_096),
        net=Net(context=32, width=32, depth=1, heads=2),
        counts=(4, 16),
        batch_size=8,
    ),
    "cpu": Config(),
    "gpu": Config(
        LARGE,
        Origin(pretrain_steps=20_000, pretrain_rate=5e-4, pretrain_batch=128),
        AnyText(),
        net=Net(128, 384, 6, 6, dropout=0.1, bfloat16=True),
        optimizer=descend(1e-4, warmup=0.1),
        batch_size=32,
    ),
    "paper": Config(  # appendix A.3: batches of 32, rates of 2e-5 to 5e-5; 2,000 labels of RTE
        LARGE,
        Origin(pretrain_steps=1_000_000, pretrain_rate=1e-4, pretrain_batch=256),
        AnyText(tokenizer="bert"),
        net=Net(512, 768, 12, 12, dropout=0.1, bfloat16=True),
        optimizer=descend(3e-5, warmup=0.1),
        task="rte",
        counts=(10, 100, 1_000),
        length=256,
        batch_size=32,
    ),
}


def build(config: Config, stage: str = "finetune") -> System:
    """Builds the learner of a stage, by default the last one; no text is read."""
    from jaxdl import language

    if stage == _tuning.FIRST:
        file, settings = _tuning.stage_before(config)
        return file.build(settings)
    found = _tuning.find_net(config)
    exam = _tuning.exam_of(config, found)
    learner = language.finetune(
        found.net,
        _setup.optimizer(config.optimizer, config.run, b2=BETA2),
        exam,
        counts=config.counts,
        batch_size=config.batch_size,
    )
    text = f"A classifier of {config.task} by {config.counts[-1]:,} labels a class."
    return System(
        learner,
        partial(_tuning.no_data, config, exam),
        samples_per_step=config.batch_size,
        figures=partial(
            language.few_labels_exhibit,
            counts=config.counts,
            task=partial(_tuning.open_task, config.task, config.task_dir),
        ),
        deployment=language.classifier_deployment(
            found.net, _tuning.length_of(config, found), text=text
        ),
    )


def main(config: Config):
    """Runs the stages and prints the curve; returns the state and the result of the last one."""
    read = partial(_tuning.read_net, build, config)
    state, result = _tuning.fine_tune(build, config, ABOUT, read)
    _tuning.print_curve(config, result)
    return state, result


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
