"""Worlds that break the contract: one line names the field, what it is and what it should be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, MultiDiscrete, Step, check, make, vectorize

LINE = Box((3,))
RIGHT = Step(jnp.zeros(3), jnp.float32(0), jnp.bool_(False), jnp.bool_(False), {"a": jnp.zeros(2)})


def build(state=lambda: jnp.zeros(2), after=None, space=LINE, **changes):
    """An Env whose step answers `RIGHT` with some fields changed."""
    out = RIGHT._replace(**changes)
    after = after or state

    def reset(key, task):
        return state(), RIGHT.obs

    def step(key, state, action, task):
        return after(), out

    return Env(lambda key: (), reset, step, space, Discrete(2))


def test_right_worlds_pass():
    check(build())
    check(build(discount=0.5, reward=0.0, terminated=False))
    check(build(state=lambda: {"key": jax.random.key(0), "count": 0}))


@pytest.mark.parametrize(
    "env, message",
    [
        (
            build(reward=jnp.zeros(1)),
            r"reward is float32 \[1\]; it should be a float32 scalar",
        ),
        (build(reward=jnp.int32(0)), r"reward is int32 \[\]; it should be a float32 scalar"),
        (build(terminated=jnp.float32(0)), r"terminated is float32 \[\]; it should be a bool"),
        (build(truncated=jnp.int32(0)), r"truncated is int32 \[\]; it should be a bool scalar"),
        (build(terminated=jnp.zeros(1, bool)), r"terminated is bool \[1\]; it should be a bool"),
        (build(discount=jnp.ones(1)), r"discount is float32 \[1\]; it should be a float32 scalar"),
        (build(discount=jnp.int32(1)), r"discount is int32 \[\]; it should be a float32 scalar"),
        (build(obs=jnp.zeros(4)), r"obs of step is float32 \[4\]; it should be float32 \[3\], as"),
        (build(obs=jnp.zeros(3, int)), r"obs of step is int32 \[3\]; it should be float32 \[3\]"),
        (build(obs={"eye": jnp.zeros(3)}), r"obs of step is {eye: float32 \[3\]}; it should be fl"),
        (
            build(space=Box((2,), -1, 1)),
            r"obs of reset is float32 \[3\].*float32 \[2\], as obs_s",
        ),
        (build(space={"eye": Box((3,))}), r"obs of reset is float32 \[3\]; it should be {eye: flo"),
        (build(space=Discrete(3)), r"obs of reset is float32 \[3\]; it should be int32 \[\]"),
        (build(space=3), "obs_space: 3 is no space"),
        (build(after=lambda: jnp.zeros(3)), r"state is float32 \[3\] after.*stay float32 \[2\]"),
        (build(after=lambda: jnp.zeros(2, int)), r"state is int32 \[2\] after a step"),
        (build(after=lambda: (jnp.zeros(2),)), r"the state after a step is \(float32 \[2\],\); it"),
        (build(info=(jnp.zeros(2),)), "info is a tuple; it should be a dict of arrays"),
        (build(info={"a": {"b": jnp.zeros(1)}}), r"info\['a'\] is {b: .*}; it should be an array"),
        (build(info={"a": "text"}), "step should return arrays alone: .*str"),
        (build(reward=None), "reward is None; it should be a float32 scalar"),
        (
            build()._replace(reset=lambda key: 0),
            r"reset should be a function of \(key, task\)",
        ),
        (build()._replace(step=lambda key: 0), r"step should be .* \(key, state, action, task\)"),
        (build()._replace(sample_task=None), "sample_task is None; it should be a function of key"),
        (build()._replace(reset=lambda key, task: 0.0), r"reset returns .*\(state, obs\)"),
        (
            build()._replace(step=lambda *four: (0, 1)),
            r"step returns .*it should return \(state",
        ),
        (jnp.zeros, "it should be a jaxdl.envs.Env"),
    ],
)
def test_each_fault_is_one_line(env, message):
    for function in (check, lambda env: vectorize(env, 4)):
        with pytest.raises(BadInput, match=message) as error:
            function(env)
        assert "\n" not in str(error.value)


def test_an_error_in_the_worlds_own_code_is_left_as_it_is():
    def reset(key, task):
        return jnp.zeros(2) @ jnp.zeros(3), jnp.zeros(3)

    with pytest.raises(TypeError, match="dot_general"):
        check(build()._replace(reset=reset))


def test_keys_and_actions_of_worlds():
    worlds = vectorize(make("cartpole"), 4)
    for key in (0, jnp.zeros(3), jax.random.split(jax.random.key(0), 4), None):
        with pytest.raises(BadInput, match="key is .*; it should be one key, as jax.random.key"):
            worlds.reset(key)
    state = worlds.reset(jax.random.PRNGKey(0))  # old-style keys are keys
    right = jnp.zeros(4, jnp.int32)
    with pytest.raises(BadInput, match="key is an int"):
        worlds.step(3, state, right)  # pyright: ignore
    for action, text in [
        (jnp.zeros((4, 1), jnp.int32), r"int32 \[4, 1\]"),  # would broadcast to [4, 4]
        (jnp.zeros((), jnp.int32), r"int32 \[\]"),
        (jnp.zeros(4), r"float32 \[4\]"),
    ]:
        with pytest.raises(BadInput, match=rf"action is {text}; it should be int32 \[4\]"):
            worlds.step(jax.random.key(0), state, action)
    pendulums = vectorize(make("pendulum"), 4)
    with pytest.raises(BadInput, match=r"action is float32 \[4\]; it should be float32 \[4, 1\]"):
        pendulums.step(jax.random.key(0), pendulums.reset(jax.random.key(0)), jnp.zeros(4))


def test_checking_computes_nothing():
    def step(key, state, action, task):
        jax.debug.callback(lambda: pytest.fail("ran"))
        return jnp.zeros(2), RIGHT

    check(build()._replace(step=step))
    jax.effects_barrier()


def test_pytrees_of_observations_and_multi_discrete_actions():
    spaces = {"eye": Box((2, 2), 0, 255, jnp.uint8), "pair": (Discrete(3), Box(()))}

    def observe(state):
        return {"eye": jnp.full((2, 2), state, jnp.uint8), "pair": (state % 3, state / 2)}

    def reset(key, task):
        start = jax.random.randint(key, (), 10, 200)
        return start, observe(start)

    def step(key, state, action, task):
        state = state + action[0] - action[1]
        end = state % 5 == 0
        return state, Step(observe(state), 1.0, end, False, {})

    env = Env(lambda key: (), reset, step, spaces, MultiDiscrete((4, 2)))
    worlds = vectorize(env, 6)

    def body(state, key):
        action = jnp.stack([jnp.arange(6) % 4, jnp.arange(6) % 2], -1)
        after, out = worlds.step(key, state, action)
        return after, (state, after, out)

    keys = jax.random.split(jax.random.key(1), 40)
    run = jax.jit(lambda: jax.lax.scan(body, worlds.reset(jax.random.key(0)), keys)[1])
    before, after, out = jax.tree.map(np.asarray, run())
    expected = before.env + np.arange(6) % 4 - np.arange(6) % 2
    final = out.obs
    np.testing.assert_array_equal(
        final["eye"], np.broadcast_to(expected[..., None, None] % 256, (40, 6, 2, 2))
    )
    np.testing.assert_array_equal(final["pair"][0], expected % 3)
    done = out.terminated
    assert done.any() and not done.all()
    np.testing.assert_array_equal(after.obs["eye"][~done], final["eye"][~done])
    np.testing.assert_array_equal(after.obs["pair"][1], after.env / 2)
    assert len(np.unique(after.env[done])) > 0.8 * done.sum()  # fresh starts
    assert final["eye"].dtype == np.uint8 and final["pair"][0].dtype == np.int32
