"""Makes what fine-tuning consists of, and runs its stages.

The net is of a run, of a folder of Hugging Face, or of a stage before.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from experiments._finished import FinishedRun, find_run, newest_state, state_of_seed
from experiments._systems import verdicts
from experiments.language import _setup, bert, gpt2
from experiments.language._options import Batches, Decoder, Encoder, MaskedText, Text
from jaxdl.core.run import BadInput, option
from jaxdl.launch import About, train_stage
from jaxdl.launch.train import described_as

if TYPE_CHECKING:
    from experiments.language.finetune import Config
    from jaxdl.language.finetune import Exam
    from jaxdl.language.tasks import Task
    from jaxdl.language.tokenizers import Tokenizer

FIRST, LAST = "pretrain", "finetune"  # stages


@dataclass(frozen=True)
class Origin:
    """Where pretrained parameters come from."""

    group: ClassVar[str] = "pretraining"

    pretrained: str = option(
        "", "folder of a run of gpt2 or bert whose net is taken (none: one is pretrained first)"
    )
    which: int = option(0, "which of that run's seeds, counted from 0", at_least=0)
    hf: str = option("", "folder of Hugging Face whose net is taken")
    model: Literal["bert", "gpt2"] = option("bert", "what is pretrained first")
    pretrain_steps: int = option(1_500, "steps of that", at_least=1)
    pretrain_rate: float = option(1e-3, "learning rate of that, at its peak", above=0)
    pretrain_batch: int = option(32, "rows in a step of that", at_least=1)

    def __post_init__(self):
        if self.pretrained and self.hf:
            raise BadInput("--pretrained and --hf name two nets: one of them should be left out")


@dataclass(frozen=True)
class AnyText(Text):
    """The same for nets of either kind."""

    tokenizer: Literal["bytes", "gpt2", "bert"] = option("bytes", "what text is cut into")
    tokenizer_dir: str = option(
        "", "where the tokenizer's files lie (default: where the net does; bytes need none)"
    )


class Pretrained(NamedTuple):
    """A net, and what is read when training begins.

    Attributes:
      net: as it was trained, with the dtype, backend and dropout that are asked for now.
      open_tokenizer: () -> the tokenizer of its text.
      read: () -> its parameters; None where the stage before trains them.
    """

    net: Any
    open_tokenizer: "Callable[[], Tokenizer]"
    read: Callable[[], Any] | None = None


@cache
def open_task(name: str, folder: str) -> "Task":
    """Reads a task."""
    from jaxdl.language import tasks

    return tasks.open_task(name, folder)


def exam_of(config: "Config", found: Pretrained) -> "Callable[[], Exam]":
    """Makes () -> the task as a net reads it."""
    from jaxdl.language.label_lessons import encode_task

    length = length_of(config, found)

    @cache
    def read():
        task = open_task(config.task, config.task_dir)
        return encode_task(task, found.open_tokenizer(), found.net, length=length)

    return read


def length_of(config: "Config", found: Pretrained) -> int:
    """Returns the tokens that are read of a text.

    Raises:
      BadInput: the net has fewer positions.
    """
    if config.length > found.net.context:
        raise BadInput(f"--length={config.length} exceeds the net's context, {found.net.context}")
    return config.length or found.net.context


def no_data(config: "Config", exam: "Callable[[], Exam]") -> tuple[()]:
    """Reads the task, so that what is wrong with it is told first; a learner draws its texts.

    Raises:
      BadInput: as `exam_of`; or a batch that does not divide among the devices.
    """
    import jax

    from jaxdl.core.logs import say
    from jaxdl.language.label_lessons import full_rows

    devices = config.run.devices or jax.device_count()
    if config.batch_size % devices:
        raise BadInput(f"--batch_size={config.batch_size}: not divisible by devices={devices}")
    full, every = full_rows(exam())
    if full:
        length = exam().train.tokens.shape[1]
        say(f"{full:,} of {every:,} texts fill {length} tokens; what may be longer is cut there")
    return ()


def fine_tune(
    build: Callable[..., Any], config: "Config", about: About, read: Callable[[], Any]
) -> tuple[Any, dict[str, Any]]:
    """Fine-tunes a net.

    Args:
      build: of the launch file.
      config: of the launch file.
      about: describes the system.
      read: () -> pretrained parameters; called when the task is known to have the labels.

    Returns:
      The state of the stage, and its result.
    """
    from jaxdl.language import label_lessons

    task = open_task(config.task, config.task_dir)
    lessons = label_lessons.draw_lessons(task, config.counts, config.run.seeds)
    learner = build(config).learner
    start = label_lessons.begin_with(learner, lessons, config.run, read())
    return train_stage(build, config, LAST, config.run.steps, about=about, start=start)


def read_net(build: Callable[..., Any], config: "Config") -> Any:
    """Returns pretrained parameters, of the stage before where no net is given."""
    import jax

    if read := find_net(config).read:
        return read()
    file, before = stage_before(config)
    own = replace(config, run=before.run)
    with described_as({"verdicts": verdicts(config.origin.model)}):
        state, _ = train_stage(build, own, FIRST, before.run.steps, about=file.ABOUT)
    return jax.device_get(state.params)


def print_curve(config: "Config", result: dict[str, Any]) -> None:
    """Prints the scores of all numbers of labels as a table."""
    from jaxdl.language.label_exhibits import AXES, TITLES, curve_of
    from jaxdl.pages import print_table, show_rounded

    lines = curve_of(result["metrics"], config.counts)
    rows = [
        (f"{count:,}", *(show_rounded(line[i], 100) for line in lines.values()))
        for i, count in enumerate(config.counts)
    ]
    metric = open_task(config.task, config.task_dir).metric
    print_table(("labels a class", *TITLES.values()), rows, f"{config.task}: {AXES[metric]}")


def find_net(config: "Config") -> Pretrained:
    """Finds the net, and reads no weights.

    Raises:
      BadInput: there is no such run or folder, or it holds another kind of net.
    """
    origin = config.origin
    for flag, folder in (("pretrained", origin.pretrained), ("hf", origin.hf)):
        if folder and not Path(folder).is_dir():
            raise BadInput(f"--{flag}={folder} is not a folder")
    if origin.hf:
        found = _of_folder(origin.hf, config.text.tokenizer_dir)
    elif origin.pretrained:
        run = find_run(origin.pretrained, "", origin.which, "fine-tune")
        found = _of_run(run, origin.which, config.text.tokenizer_dir)
    else:
        own = pretraining(config)
        text = own.text
        return Pretrained(net_of(own), lambda: _setup.open_tokenizer(text))
    if getattr(found.net, "causal", False):
        raise BadInput(f"{origin.pretrained} is of a causal BERT, whose [CLS] sees no text")
    wanted = _setup.net_settings(config.net)
    names = ("dropout", "dtype", "remat", "backend")
    return found._replace(net=found.net.clone(**{name: wanted[name] for name in names}))


def pretraining(config: "Config") -> bert.Config | gpt2.Config:
    """Makes the settings of the stage before: those of `bert` or `gpt2`, of a single seed."""
    origin, run = config.origin, config.run
    masked = origin.model == "bert"
    if config.text.tokenizer == ("gpt2" if masked else "bert"):
        raise BadInput(f"--tokenizer={config.text.tokenizer} is not for --model={origin.model}")
    steps = origin.pretrain_steps
    own = {"steps": steps, "horizon": steps, "num_seeds": 1, "first_seed": 0}
    recorded = {name: own.get(name, value) for name, value in run.config.items()}
    run = replace(run, **own, config=recorded)
    batches = Batches(origin.pretrain_batch)
    if masked:
        rule = bert.descend(origin.pretrain_rate, warmup=0.1)
        text, net = MaskedText(**asdict(config.text)), Encoder(**asdict(config.net))
        return bert.Config(run, text, config.masks, net, rule, batches)
    rule = replace(gpt2.PRESETS["cpu"].optimizer, learning_rate=origin.pretrain_rate)
    text, net = Text(**asdict(config.text)), Decoder(**asdict(config.net))
    return gpt2.Config(run, text, net, rule, batches, pages=0)


def stage_before(config: "Config") -> tuple[Callable[..., Any], Any]:
    """Returns the launch file and the settings of the stage before."""
    return bert if config.origin.model == "bert" else gpt2, pretraining(config)


def net_of(config: bert.Config | gpt2.Config) -> Any:
    """Makes the net of a run."""
    if hasattr(config, "encoder"):
        return _setup.encoder(config.encoder, config.text)
    return _setup.decoder(config.decoder, config.text)


def _of_run(run: FinishedRun, which: int, tokenizer: str) -> Pretrained:
    text = getattr(run.config, "text", None)
    if run.file.name not in ("bert", "gpt2") or not isinstance(text, Text):
        raise BadInput(f"{run.folder} is of {run.file.name}, and should be of bert or gpt2")
    text = replace(text, tokenizer_dir=tokenizer or text.tokenizer_dir)

    def read():
        learner = run.file.module.build(run.config).learner
        return state_of_seed(run, newest_state(run, learner)[1].params, which)

    return Pretrained(net_of(run.config), lambda: _setup.open_tokenizer(text), read)


def _of_folder(name: str, tokenizer: str) -> Pretrained:
    from jaxdl import language
    from jaxdl.language.hugging_face import read_net

    words = partial(_setup.load_tokenizer, tokenizer or name)
    return Pretrained(read_net(name), words, lambda: language.load(name)[1])
