"""Searches on a task that costs nothing, what they count, and the judge with a program of ours."""

import stat
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.run import BadInput
from jaxdl.nn import actor_critic
from jaxdl.science import circuits
from jaxdl.science.circuits import ngspice
from jaxdl.science.circuits.searches import breed, gradient_search, keep_best
from jaxdl.science.circuits.sizing import count, no_progress
from jaxdl.science.circuits.task import Requirement, SizingTask, Trial, attempt, merits

REQUIREMENTS = (Requirement("a", "V", 0.98), Requirement("b", "A", 0.12, at_least=False))


class Run(NamedTuple):
    """How a search went: metrics [steps] by name, and the last evaluation."""

    metrics: dict
    score: dict


def simulate(sizes):
    """Both requirements hold near x = 3, y = 0.3."""
    x, y = sizes["x"] / 4, sizes["y"]
    values = jnp.stack([1 - 2 * (x - 0.75) ** 2 - 0.2 * (y - 0.3) ** 2, 0.1 + (y - 0.3) ** 2])
    return values, x > 0.02, jnp.ones(3, jnp.complex64)


TOY = SizingTask(
    ("x", "y"), np.array([0.0, -1.0]), np.array([4.0, 1.0]), REQUIREMENTS, simulate, np.ones(3)
)
SEARCHES = {
    "random": lambda: circuits.random_search(2, population=8),
    "evolution": lambda: circuits.evolution_search(2, first=8, offspring=4),
    "cem": lambda: circuits.cem_search(2, population=8),
    "gradient": lambda: gradient_search(2, optax.adam(0.05), chains=2, patience=20),
    "bagnet": lambda: circuits.bagnet_search(
        2, circuits.Comparator(2), optax.adam(3e-3), first=8, offspring=4, pool=32, updates=4
    ),
}


def play(search, steps):
    learner = circuits.sizing(TOY, search)

    def run(key):
        init_key, step_key = jax.random.split(key)
        state = learner.init(init_key)
        step = lambda state, key: learner.step(key, state, ())  # noqa: E731
        state, metrics = jax.lax.scan(step, state, jax.random.split(step_key, steps))
        return Run(metrics, learner.evaluate(key, state))

    return jax.jit(run)(jax.random.key(0))


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_solves_the_toy_and_counts(name):
    search = SEARCHES[name]()
    run = play(search, 30)
    first = {"random": 8, "evolution": 8, "cem": 8, "gradient": 0, "bagnet": 8}[name]
    each = {"random": 8, "evolution": 4, "cem": 8, "gradient": 8, "bagnet": 4}[name]
    np.testing.assert_array_equal(run.metrics["simulations"], first + each * np.arange(1, 31))
    assert run.score["found"] == 1 and run.score["shortfall"] == 0
    assert 1 <= run.score["simulations"] <= run.metrics["simulations"][-1]
    assert np.all(np.diff(run.metrics["best_shortfall"]) <= 0)
    assert run.score["value/a"] >= 0.98 and run.score["value/b"] <= 0.12
    x, y = run.score["sizes"]
    values, _, _ = simulate({"x": x, "y": y})
    np.testing.assert_allclose(values, run.score["values"], rtol=1e-5)


def test_merits_are_worked_by_hand_and_the_dead_are_worst():
    found = merits(REQUIREMENTS, jnp.array([0.3, 0.6]))
    np.testing.assert_allclose(found, [-0.68 / 1.28, -0.48 / 0.72], rtol=1e-6)
    dead = attempt(TOY, jnp.array([0.0, 0.5]))
    np.testing.assert_array_equal(dead.merits, -1.0)
    slope = jax.grad(lambda point: attempt(TOY, point).total)(jnp.array([0.0, 0.5]))
    np.testing.assert_array_equal(slope, 0.0)


def test_the_first_feasible_design_is_counted_where_it_stands():
    points = jnp.arange(6.0).reshape(3, 2)
    bad, good = jnp.full(2, -0.5), jnp.full(2, 0.1)
    trial = Trial(points, points, jnp.stack([bad, good, good]))
    before = no_progress(2)._replace(simulations=jnp.int32(10))
    after = count(before, trial, 4)
    assert (after.simulations, after.first, after.shortfall) == (22, 18, 0)
    np.testing.assert_array_equal(after.feasible, points[1])
    later = count(after, trial, 4)
    assert (later.simulations, later.first) == (34, 18)


def test_children_lie_within_bounds_and_the_best_stay():
    points = jax.random.uniform(jax.random.key(0), (9, 2))
    trial = Trial(points, points, -points)
    grow = jax.jit(lambda key: breed(key, trial, 64, crossover=0.6, reach=0.5))
    children = np.asarray(grow(jax.random.key(1)))
    assert children.min() == 0 and children.max() == 1
    kept = keep_best(trial, 3)
    np.testing.assert_allclose(kept.total, np.sort(points.sum(1))[:3], rtol=1e-6)


def test_the_comparator_gives_the_opposite_answer_for_exchanged_designs():
    net = circuits.Comparator(4)
    one, other = jax.random.uniform(jax.random.key(0), (2, 5, 7))
    params = net.init(jax.random.key(1), one, other)
    np.testing.assert_allclose(
        net.apply(params, one, other), -net.apply(params, other, one), atol=1e-6
    )
    shapes = jax.tree.map(jnp.shape, params["params"])
    assert sorted(shape["kernel"] for shape in shapes.values()) == [
        (7, 20),
        (20, 4),
        (20, 20),
        (40, 20),
    ]


def fake(folder, body):
    program = folder / "fake-ngspice"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    return str(program)


def ask(program, **settings):
    return circuits.judge(
        circuits.OPAMP_TEXT,
        [{"mp1": 3.0}],
        nodes=["out"],
        sources=["vdd"],
        output="out",
        program=program,
        **settings,
    )


def test_what_a_judge_writes_is_read(tmp_path):
    body = (
        'echo " 0 1.5 0 -2e-3" > op0.txt; printf "1 3 4\\n10 5 6\\n" > ac0.txt; env > "$HOME/env"'
    )
    judged = ask(fake(tmp_path, body))
    assert judged.voltages["out"] == [1.5] and judged.currents["vdd"] == [-2e-3]
    np.testing.assert_array_equal(judged.response, [[3 + 4j, 5 + 6j]])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("exit 0", "wrote no op0.txt"),
        ("echo x y > op0.txt", "no table of numbers"),
        ("echo 1 nan > op0.txt", "no table of numbers"),
        ("echo Oh no >&2; exit 3", "ended with 3: 'Oh no'"),
        ("exec sleep 30", "took more than 0.2 s"),
    ],
)
def test_a_judge_that_fails_is_told_in_one_line(tmp_path, body, says):
    with pytest.raises(BadInput, match=says):
        ask(fake(tmp_path, body), seconds=0.2 if "sleep" in body else 20)


def test_a_judge_that_is_missing_and_names_that_are_commands():
    with pytest.raises(BadInput, match="apt-get install ngspice"):
        ask("no-such-ngspice")
    for name, value in (("x\nshell id", 1.0), ("x;y", 1.0), ("x", float("nan"))):
        with pytest.raises(BadInput, match="no parameter"):
            ngspice.write_deck(circuits.OPAMP_TEXT, [{name: value}], told=["v(out)"], output="out")


def test_an_episode_of_sizing():
    world = circuits.sizing_world(TOY)
    state, obs = world.reset(jax.random.key(0), ())
    np.testing.assert_allclose(obs[2:], 0)  # the middle
    state, out = world.step(jax.random.key(0), state, jnp.array([2, 1]), ())
    np.testing.assert_allclose(state.point, [0.55, 0.5])
    trial = attempt(TOY, jnp.array([0.55, 0.5]))
    assert out.reward == pytest.approx(-float(trial.total), rel=1e-5)
    assert state.best.total <= trial.total and not out.truncated


@pytest.mark.slow
def test_ppo_sizes_the_toy_and_counts():
    """It counts by unrolls, and its best design is one that was simulated."""
    net = actor_critic(
        circuits.sizing_world(TOY).obs_space, circuits.sizing_world(TOY).action_space, hidden=(16,)
    )
    learner = circuits.sizing_ppo(TOY, net, optax.adam(3e-3), num_envs=8, unroll=8, epochs=2)

    def run(key):
        init_key, step_key = jax.random.split(key)
        step = lambda state, key: learner.step(key, state, ())  # noqa: E731
        keys = jax.random.split(step_key, 12)
        state, metrics = jax.lax.scan(step, learner.init(init_key), keys)
        return Run(metrics, learner.evaluate(key, state))

    found = jax.jit(run)(jax.random.key(0))
    np.testing.assert_array_equal(found.metrics["simulations"], 64 * np.arange(1, 13))
    assert found.score["found"] == 1 and found.score["shortfall"] == 0
    assert found.score["simulations"] % 64 == 0
