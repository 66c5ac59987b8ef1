"""What the launch files of dynamics randomization and ADR refuse, build and draw."""

import jax
import numpy as np
import pytest

from experiments.sim2real import adr, adr_claims, dynamics, dynamics_claims
from experiments.sim2real._physics import read_ranges
from jaxdl.core.logs import interval
from jaxdl.core.run import BadInput
from jaxdl.launch import Outcome, configure
from jaxdl.pages import svg_bytes
from jaxdl.sim2real.physics_trials import TESTS


@pytest.mark.parametrize(
    ("system", "settings", "message"),
    [
        (dynamics, {"ranges": ("gravity=2:0.5",)}, "inverted, did you mean gravity=0.5:2"),
        (dynamics, {"beyond": ("gravity",)}, "--beyond: 'gravity' should be parameter=low:high"),
        (dynamics, {"ranges": ("mass=1:2", "mass=1:3")}, "mass is given twice"),
        (dynamics, {"arms": ("nominal", "nominal")}, "--arms=nominal,nominal should name"),
        (dynamics, {"recurrent": "lstm"}, "the arm `recurrent` has a GRU"),
        (adr, {"limits": ("all=3:0.3",)}, "--limits: all=3:0.3 is inverted"),
        (adr, {"low_threshold": 9.0, "high_threshold": 5.0}, "--low_threshold=9 should be below"),
    ],
)
def test_bad_options_are_told_before_anything_is_built(system, settings, message):
    with pytest.raises(BadInput, match=message):
        configure("it", system.PRESETS, "smoke", settings)


@pytest.mark.parametrize(
    ("system", "settings", "message"),
    [
        (dynamics, {"ranges": ("half_lenght=0.5:2",)}, "did you mean 'half_length'"),
        (dynamics, {"beyond": ("all=0.6:3",)}, "should reach beyond 0.5:2 on both sides"),
        (adr, {"limits": ("all=1:2",)}, "leaves no room for the first range, 0.95:1.05"),
    ],
)
def test_options_that_do_not_fit_the_world_are_told(system, settings, message):
    with pytest.raises(BadInput, match=message):
        system.build(configure("it", system.PRESETS, "smoke", settings))


def test_all_stands_for_what_is_not_named():
    assert read_ranges("ranges", ("all=0.5:2", "mass=1:3")) == {"all": (0.5, 2), "mass": (1, 3)}


def test_only_the_arm_with_memory_is_recurrent_and_the_last_one_is_exported():
    config = configure("dynamics", dynamics.PRESETS, "smoke", {"arms": ("recurrent", "nominal")})
    system = dynamics.build(config)
    state = jax.eval_shape(system.learner.init, jax.random.key(0))
    carries = {arm: len(jax.tree.leaves(actors.carry)) for arm, actors in state.actors.items()}
    assert carries == {"recurrent": 2, "nominal": 0}  # a trunk each for policy and value
    assert "carry" not in system.deployment.inputs
    weights = jax.tree.structure(system.deployment.weights(state)["params"])
    assert weights == jax.tree.structure(state.params["nominal"])


def outcome(names, policies, seeds=3):
    """What a run of these policies might have measured."""
    draws = np.random.default_rng(0)
    metrics, arrays = {}, {}
    for policy in policies:
        for metric in [*(f"{test}_return" for test in TESTS), "shaken_reward", "settled_reward"]:
            metrics[f"eval/{metric}{policy}"] = interval(draws.uniform(0, 500, seeds))
        rows = (seeds,) if seeds > 1 else ()
        arrays[f"curves{policy}"] = draws.uniform(0, 500, (*rows, len(names), 3))
    ends = {"low": 0.5, "high": 2.0}
    bounds = {f"{side}/{name}": end for side, end in ends.items() for name in names}
    lines = [{"step": i, "env_steps": i, "bounds_entropy": 0.1 * i} | bounds for i in range(5)]
    return Outcome(metrics, arrays, lines, seeds)


def test_every_policy_parameter_and_bound_is_drawn():
    names = ("gravity", "cart_mass", "pole_mass", "half_length", "force")
    arms = {"arms": ("nominal", "recurrent")}
    system = dynamics.build(configure("dynamics", dynamics.PRESETS, "smoke", arms))
    shown = {e.name: e.content for e in system.figures(outcome(names, ("", "/nominal")))}
    assert [*shown] == ["return_over_physics", "tests", "corners", "change"]
    panels = shown["return_over_physics"].axes
    assert tuple(panel.get_title() for panel in panels) == names
    assert {line.get_label() for line in panels[0].lines} == {"nominal", "recurrent"}
    bounds = adr.build(configure("adr", adr.PRESETS, "smoke"))
    shown = {e.name: e.content for e in bounds.figures(outcome(names, ("",), seeds=1))}
    assert [*shown] == ["bounds", "return_over_physics", "tests", "corners", "change"]
    assert len(shown["bounds"].axes) == len(names) + 1
    assert all(svg_bytes(figure) for figure in shown.values())


def test_the_slope_of_a_line_is_found_in_each_seed():
    x = np.array([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0]])
    np.testing.assert_allclose(adr_claims.slopes(x, 3 * x - 1), [3.0, 3.0])
    assert adr_claims.limits_of(2.0)[0] == "cart_mass=0.5:2"


@pytest.mark.slow
def test_the_claims_are_measured_from_end_to_end():
    for claim in (*dynamics_claims.CLAIMS, *adr_claims.CLAIMS):
        verdict = claim.measure("smoke")
        assert verdict.answer in ("holds", "fails", "undecided") and verdict.numbers
