"""What a launch file tells about its system, and what it builds. No JAX here."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from jaxdl.pages.exhibit import Exhibit, Figures, Outcome, Table

if TYPE_CHECKING:
    from jaxdl.core.learner import Data, Learner
    from jaxdl.deploy import Deployment
    from jaxdl.envs import Env


class About(NamedTuple):
    """What describes a system; every list and table of systems is made of these.

    Attributes:
      title: the paper's name for the system.
      paper: first author and year, such as "Schulman et al. 2017".
      arxiv: number of the paper, such as "1707.06347"; "" where it has none.
      summary: one sentence that says what the system learns.
      headline: metric that stands for the run, such as "eval/episode_return".
      better: whether high or low values of it are good.
      scale: factor on the metric where it is shown, such as 100 for percent.
      unit: of the headline, after scaling, such as "%"; "" for none.
      yardstick: what the headline is to be compared with, in words or as "metric:" names that are
        filled in from the result, such as "random features {eval/random_feature_accuracy}".
      paper_says: the paper's own number for the headline, in words; "" where there is none.
      samples: what a learner step consumes, such as "env steps", "images" or "tokens".
      curves: metrics whose curves are shown first.
      number: what the table of systems shows, of the numbers that the claims measure; "" for the
        headline, or the first of them.
    """

    title: str
    paper: str
    arxiv: str
    summary: str
    headline: str
    better: Literal["higher", "lower"] = "higher"
    scale: float = 1.0
    unit: str = ""
    yardstick: str = ""
    paper_says: str = ""
    samples: str = "samples"
    curves: tuple[str, ...] = ()
    number: str = ""


class System(NamedTuple):
    """What a launch file builds of its Config: all that training, export, watch and tests take.

    Building it reads no data and computes next to nothing.

    Attributes:
      learner: what is trained.
      data: () -> data for `fit`; called when training begins.
      samples_per_step: env steps, images or tokens that a learner step consumes.
      figures: outcome -> exhibits for the report.
      deployment: what export keeps and watch plays; None where there is nothing to keep.
      world: name of the world as `jaxdl.envs.make` knows it, and the Env that the policy plays;
        None for a system without one.
      action_repeat: steps of the named world in a step of that Env.
      film: outcome -> pictures [H, W, 3] uint8 with milliseconds each, and a caption, for watch;
        None for a system that has nothing to film but its policy, if that.
    """

    learner: "Learner"
    data: "Callable[[], Data]" = lambda: ()
    samples_per_step: int = 1
    figures: Figures = lambda outcome: ()
    deployment: "Deployment | None" = None
    world: "tuple[str, Env] | None" = None
    action_repeat: int = 1
    film: "Callable[[Outcome], tuple[Sequence[tuple[Any, int]], str]] | None" = None


Build = Callable[[Any], System]

__all__ = ["About", "Build", "Exhibit", "Figures", "Outcome", "System", "Table"]
