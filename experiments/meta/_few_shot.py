"""Which tasks few-shot learners are trained and tested with, from options. No JAX at import."""

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, ClassVar, Literal

from jaxdl.core.run import BadInput, option

if TYPE_CHECKING:
    from jaxdl.meta import Tasks

Kind = Literal["sinusoid", "drawn", "omniglot"]
SIDE = 28  # of images of characters, pixels


@dataclass(frozen=True)
class FewShot:
    """Which family of tasks, and how much there is to learn from in each."""

    group: ClassVar[str] = "few-shot tasks"

    tasks: Kind = option(
        "sinusoid", "the family: curves, characters drawn at random, or Omniglot's (needs files)"
    )
    ways: int = option(5, "N, characters of a task", at_least=2)
    shots: int = option(
        1, "K, drawings of a character (or points of a curve) to learn from", at_least=1
    )
    queries: int = option(
        1, "of a character (or a curve), that are to be told in training", at_least=1
    )
    split: Literal["random", "alphabets"] = option(
        "random",
        "Omniglot's: random characters of all alphabets are tested, or Lake's runs of characters "
        "of one alphabet, from alphabets that were not learned from",
    )
    mixed_tests: bool = option(
        False, "test --split=alphabets with characters of any evaluation alphabet", free=True
    )
    data_dir: str = option("", "where Omniglot's files lie ('': meta/ below JAXDL_DATA)", free=True)

    def __post_init__(self):
        if self.split == "alphabets" and self.tasks != "omniglot":
            raise BadInput(f"--split=alphabets is of --tasks=omniglot, not of {self.tasks}")
        if self.mixed_tests and self.split != "alphabets":
            raise BadInput("--mixed_tests is of --split=alphabets")

    @property
    def support(self) -> int:
        """Rows of a support set."""
        return self.shots * (1 if self.tasks == "sinusoid" else self.ways)

    @property
    def asked(self) -> int:
        """Rows of a query set in training."""
        return self.queries * (1 if self.tasks == "sinusoid" else self.ways)


def open_tasks(options: FewShot) -> "Tasks":
    """Makes the family; files are read when the first tasks are drawn."""
    from jaxdl import data, meta

    if options.tasks == "sinusoid":
        return meta.sinusoids(shots=options.shots, queries=options.queries)
    sizes = {"ways": options.ways, "shots": options.shots, "queries": options.queries}
    if options.tasks == "drawn":
        return meta.characters(cache(data.drawn_characters), SIDE, **sizes)
    within = options.split == "alphabets" and not options.mixed_tests
    return meta.characters(
        partial(data.read_omniglot, options.data_dir, options.split),
        SIDE,
        runs=partial(data.read_runs, options.data_dir) if within else None,
        **sizes,
    )
