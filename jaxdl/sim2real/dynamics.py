"""Dynamics randomization: one physics, a distribution, and memory (Peng et al. 2018).

Sim-to-Real Transfer of Robotic Control with Dynamics Randomization, arXiv 1710.06537: the physics
are drawn anew for each episode, and a recurrent policy can find out in its memory which they are.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from jaxdl.core.learner import Learner, TrainState
from jaxdl.nn import ActorCritic
from jaxdl.sim2real.physics_trials import PolicyTest


class Arm(NamedTuple):
    """One way to train that is compared with others.

    Attributes:
      learner: of a policy; it makes its own data.
      net: that policy and its value.
    """

    learner: Learner
    net: ActorCritic


def dynamics(arms: Mapping[str, Arm], test: PolicyTest, *, kept: str) -> Learner:
    """Trains policies side by side, from the same chance, and tests all of them in the same worlds.

    Args:
      arms: name -> what is trained.
      test: of a policy, by fresh episodes.
      kept: the arm that the run is about; its metrics have plain names, those of another arm end in
        `/<arm>`.

    Returns:
      A learner, each part of whose state is a dict arm -> that part of the arm's own.
    """

    def init(key):
        return join({name: arm.learner.init(key) for name, arm in arms.items()})

    def step(key, state, batch):
        states, metrics = {}, {}
        for name, arm in arms.items():
            states[name], found = arm.learner.step(key, part(state, name), batch)
            metrics |= _named(found, name, kept)
        return join(states), metrics

    def evaluate(key, state):
        metrics = {}
        for name, arm in arms.items():
            metrics |= _named(test(key, arm.net, state.params[name]), name, kept)
        return metrics

    return Learner(init, step, evaluate)


def join(states: Mapping[str, TrainState]) -> TrainState:
    """Puts the states of several learners into one, each part of which is a dict."""
    return TrainState(
        **{
            field: {name: getattr(state, field) for name, state in states.items()}
            for field in TrainState._fields
        }
    )


def part(state: TrainState, name: str) -> TrainState:
    """Takes the state of one learner out of the joined one."""
    return TrainState(**{field: whole[name] for field, whole in state._asdict().items()})


def _named(metrics: Mapping[str, Any], name: str, kept: str) -> dict[str, Any]:
    """The metrics of an arm, by the names that they have among all."""
    return {metric if name == kept else f"{metric}/{name}": x for metric, x in metrics.items()}
