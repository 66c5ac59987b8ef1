"""Distributions over physics, tests of policies in them, and MuJoCo in C beside our equations."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import Learner, TrainState
from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Env, Step, make
from jaxdl.envs.control.episodes import Task as ControlTask
from jaxdl.envs.control.physics import Constants
from jaxdl.envs.mjx import Task
from jaxdl.nn import actor_critic
from jaxdl.sim2real.c_mujoco import compile_cartpole, returns_in_c
from jaxdl.sim2real.dynamics import Arm, dynamics, join, part
from jaxdl.sim2real.last_action import show_last_action
from jaxdl.sim2real.physics import (
    Ranges,
    corners,
    make_ranges,
    nominal,
    outside,
    parameters,
    scale_task,
    uniform,
    with_physics,
)
from jaxdl.sim2real.physics_trials import (
    Changing,
    changing,
    curve_points,
    one_by_one,
    physics_test,
)

NAMES = ("cart_mass", "pole_length", "gravity")


def ranges(low, high):
    return make_ranges(make("swingup"), dict.fromkeys(NAMES, (low, high)))


def draw_rows(draw, rows=2000, seed=0):
    return np.asarray(jax.vmap(draw)(jax.random.split(jax.random.key(seed), rows)))


def test_parameters_are_the_numbers_of_a_task():
    assert parameters(make("pendulum")) == ("gravity", "mass", "length")
    assert parameters(make("swingup"))[0] == "cart_mass"  # not what is to be done
    assert parameters(make("bandit:arms=3")) == parameters(make("probe")) == ()
    assert parameters(make("mjx/reacher")) == Constants._fields


def test_factors_multiply_the_worlds_own_constants_and_leave_the_goal_alone():
    env = make("mjx/cartpole:task=both,randomize=0.3")
    key = jax.random.key(3)
    doubled = with_physics(env, NAMES, lambda key: jnp.array([2.0, 3.0, 0.5])).sample_task(key)
    plain = with_physics(env, NAMES, lambda key: jnp.ones(3)).sample_task(key)
    expected = plain._replace(
        cart_mass=2 * plain.cart_mass, pole_length=3 * plain.pole_length, gravity=plain.gravity / 2
    )
    for x, y in zip(expected, doubled, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-6)
    assert float(plain.cart_mass) != 1.0  # the world draws on
    control = ControlTask(jnp.arange(2.0), Constants())
    scaled = scale_task(control, ("friction",), jnp.array([3.0]))
    assert scaled.constants == Constants(friction=3.0) and scaled.goal is control.goal


def test_other_physics_change_no_goal_and_no_look():
    """The bits of all that is no physics are the same, whatever the ranges."""

    def sample_task(key):
        look, mass = jax.random.normal(key, (2,))
        return ControlTask(look, Constants(mass=jnp.abs(mass)))

    env = make("pendulum")._replace(sample_task=sample_task)
    key = jax.random.key(0)
    tasks = [
        with_physics(
            env, ("mass",), uniform(Ranges(("mass",), *np.float32([[low], [high]])))
        ).sample_task(key)
        for low, high in ((0.5, 2.0), (3.0, 4.0))
    ]
    assert tasks[0].goal == tasks[1].goal and tasks[0].constants.mass != tasks[1].constants.mass


def test_draws_lie_where_they_should():
    inner, outer = ranges(0.5, 2.0), ranges(0.3, 3.0)
    assert np.all(draw_rows(nominal(inner)) == 1)
    even = draw_rows(uniform(inner))
    assert even.min() >= 0.5 and even.max() <= 2.0
    np.testing.assert_allclose(even.mean(axis=0), 1.25, atol=0.04)
    ends = draw_rows(corners(inner))
    assert set(np.unique(ends)) == {0.5, 2.0}
    assert len(np.unique(ends, axis=0)) == 8
    far = draw_rows(outside(inner, outer))
    is_far = (far < 0.5) | (far > 2.0)
    assert np.all(is_far.sum(axis=1) == 1)
    np.testing.assert_allclose(is_far.mean(axis=0), 1 / 3, atol=0.05)
    np.testing.assert_allclose((far[is_far] < 0.5).mean(), 0.5, atol=0.05)
    assert far.min() >= 0.3 and far.max() <= 3.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cart_mas": (0.5, 2)}, "no parameter 'cart_mas'.*did you mean 'cart_mass'"),
        ({"gravity": (2, 0.5)}, "gravity=2:0.5 should be low:high"),
        ({"gravity": (-1, 0.5)}, "0 <= low <= high"),
    ],
)
def test_bad_ranges_are_told(given, message):
    with pytest.raises(BadInput, match=message):
        make_ranges(make("swingup"), given)


def test_what_is_held_out_must_lie_outside():
    env = make("swingup")
    settings = {"episodes": 2, "change_at": 4, "part": 2}
    with pytest.raises(BadInput, match="should reach beyond 0.5:2 on both sides"):
        physics_test(env, ranges(0.5, 2.0), ranges(0.5, 3.0), **settings)
    with pytest.raises(BadInput, match="should be of cart_mass"):
        physics_test(env, ranges(0.5, 2.0), make_ranges(env, {"all": (0.3, 3.0)}), **settings)
    with pytest.raises(BadInput, match="part=5 should be at most change_at=4"):
        physics_test(env, ranges(0.5, 2.0), ranges(0.3, 3.0), episodes=2, change_at=4, part=5)


def counter(limit=12):
    """Pays its gravity at every step."""

    def reset(key, task):
        return jnp.int32(0), jnp.zeros(1)

    def step(key, time, action, task):
        reward = jnp.float32(task.gravity)
        late = time + 1 >= limit
        return time + 1, Step(jnp.zeros(1), reward, jnp.bool_(False), late, {})

    sample_task = lambda key: Task(*(jnp.float32(x) for x in Task()))  # noqa: E731
    return Env(sample_task, reset, step, Box((1,)), Box((1,), -1.0, 1.0))


def test_physics_change_in_the_step_that_is_named():
    world = changing(counter(), ("gravity",), 3)
    task = world.sample_task(jax.random.key(0))
    task = Changing(task.task, jnp.array([1.0]), jnp.array([2.0]))
    state, _ = world.reset(jax.random.key(0), task)
    rewards = []
    for _ in range(5):
        state, out = world.step(jax.random.key(0), state, jnp.zeros(1), task)
        rewards.append(float(out.reward))
    np.testing.assert_allclose(rewards, 9.81 * np.array([1, 1, 1, 2, 2]), rtol=1e-6)


def test_the_five_tests_and_the_curves_are_means_of_their_own_episodes():
    """In a world that pays its gravity, every number can be told from the ranges."""
    env = counter()
    inner = make_ranges(env, {"gravity": (0.5, 2.0)})
    outer = make_ranges(env, {"gravity": (0.25, 4.0)})
    net = actor_critic(env.obs_space, env.action_space, hidden=(4,))
    settings = {"episodes": 40, "points": 5, "change_at": 5, "part": 2, "max_steps": 12}
    test = jax.jit(lambda key: physics_test(env, inner, outer, **settings)(key, net, net.init(key)))
    found = {name: np.asarray(x) / 9.81 for name, x in test(jax.random.key(0)).items()}
    np.testing.assert_allclose(found["nominal_return"], 12, rtol=1e-5)
    assert 0.5 * 12 < found["inside_return"] < 2 * 12
    # Corners are as likely each: between 0.5 and 2 there is nothing.
    share = (found["corners_return"] / 12 - 0.5) / 1.5
    np.testing.assert_allclose(share * 40, round(float(share * 40)), atol=1e-3)
    assert found["outside_return"] > 12 * (0.25 + 2) / 2 * 0.8
    np.testing.assert_allclose(found["curves"], 12 * curve_points(inner, outer, 5), rtol=1e-5)
    np.testing.assert_allclose(found["curves"][0, 2], 12, rtol=1e-5)
    # After the change the physics stay what they are.
    np.testing.assert_allclose(found["shaken_reward"], found["settled_reward"], rtol=1e-5)
    assert 5 * 0.5 + 7 * 0.5 < found["changed_return"] < 12 * 2


def test_one_parameter_at_a_time():
    grid = np.float32([[0.5, 1, 2], [0.1, 1, 10]])
    rows = one_by_one(grid, 2)
    assert rows.shape == (12, 2)
    np.testing.assert_array_equal(rows[:6, 0], [0.5, 0.5, 1, 1, 2, 2])
    np.testing.assert_array_equal(rows[:6, 1], 1)
    np.testing.assert_array_equal(rows[6:, 1], np.float32([0.1, 0.1, 1, 1, 10, 10]))
    assert one_by_one(np.zeros((0, 3), np.float32), 2).shape == (0, 0)


def test_the_last_action_is_shown():
    env = show_last_action(make("cartpole"))
    task = env.sample_task(jax.random.key(0))
    state, obs = env.reset(jax.random.key(1), task)
    assert env.obs_space == Box((6,)) and np.all(obs[4:] == 0)
    _, out = env.step(jax.random.key(2), state, jnp.int32(1), task)
    np.testing.assert_array_equal(out.obs[4:], [0, 1])
    _, plain = make("cartpole").step(jax.random.key(2), state, jnp.int32(1), task)
    np.testing.assert_array_equal(out.obs[:4], plain.obs)


def test_arms_learn_as_they_would_alone():
    def counting(rate):
        def step(key, state, batch):
            params = state.params + rate
            return state._replace(params=params), {"size": params}

        return Learner(lambda key: TrainState(jnp.float32(rate), (), (), ()), step)

    arms = {name: Arm(counting(rate), name) for name, rate in (("one", 1.0), ("two", 10.0))}
    test = lambda key, net, params: {"score": params, "net": net}  # noqa: E731
    learner = dynamics(arms, test, kept="two")
    key = jax.random.key(0)
    state, metrics = learner.step(key, learner.init(key), ())
    assert metrics == {"size/one": 2.0, "size": 20.0}
    assert learner.evaluate(key, state) == {
        "score/one": 2.0,
        "net/one": "one",
        "score": 20.0,
        "net": "two",
    }
    assert part(state, "one") == TrainState(2.0, (), (), ())
    assert join({name: part(state, name) for name in arms}) == state


TASKS = (Task(False), Task(False, 2.0, 0.05, 1.6, 0.1, 0.02, 5.0, 14.0))


@cache
def tasks():
    rows = [Task(jnp.bool_(False), *map(jnp.float32, task[1:])) for task in TASKS]
    return jax.tree.map(lambda *x: jnp.stack(x), *rows)


def test_c_mujoco_compiles_the_physics_that_are_asked_for():
    model = compile_cartpole(TASKS[1])
    np.testing.assert_allclose(model.body_mass[1:], [2.0, 0.05])
    np.testing.assert_allclose(model.dof_damping, [0.1, 0.02])
    np.testing.assert_allclose(model.geom_size[model.geom("pole").id, 1], 0.8)
    assert model.opt.gravity[2] == -14.0 and model.actuator_gear[0, 0] == 5.0


@pytest.mark.parametrize("repeat", [1, 4])
def test_c_mujoco_agrees_with_the_equations_step_by_step(repeat):
    """The return of 100 steps, from the same starts and with the same policy, in both physics."""
    env = make("swingup")
    act = lambda carry, obs, first: (carry, jnp.sin(3 * obs[:, 2:3] + obs[:, 4:5]))  # noqa: E731
    key = jax.random.key(0)
    settings = {"action_repeat": repeat, "steps": 100}
    found = returns_in_c(key, env, tasks(), act, (), **settings)

    def play(key, task):
        state, obs = env.reset(key, task)

        def step(moment, time):
            state, obs, action = moment
            new = act((), obs[None], None)[1][0]
            action = jnp.where(time % repeat == 0, new, action)
            state, out = env.step(key, state, action, task)
            return (state, out.obs, action), out.reward

        return jnp.sum(jax.lax.scan(step, (state, obs, jnp.zeros(1)), jnp.arange(100))[1])

    expected = jax.jit(jax.vmap(play))(jax.random.split(key, 2), tasks())
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    assert abs(found[0] - found[1]) > 0.1  # the physics make a difference that would be seen


def test_c_mujoco_agrees_about_the_ends_of_the_rail_where_the_pole_feels_them():
    """A push that stays the same: C's ends give way a little, ours do not."""
    act = lambda carry, obs, first: (carry, jnp.full((2, 1), 0.4))  # noqa: E731
    key = jax.random.key(0)
    found = returns_in_c(key, make("swingup"), tasks(), act, (), steps=400)

    def play(env, key, task):
        def step(state, _):
            state, out = env.step(key, state, jnp.array([0.4]), task)
            return state, out.reward

        return jnp.sum(jax.lax.scan(step, env.reset(key, task)[0], length=400)[1])

    def returns(name):
        each = jax.jit(jax.vmap(partial(play, make(name))))
        return each(jax.random.split(key, 2), tasks())

    np.testing.assert_allclose(returns("swingup:impact=true"), found, rtol=0.25)
    assert np.all(returns("swingup") < 0.25 * found)  # there the pole swings on as if it were free
