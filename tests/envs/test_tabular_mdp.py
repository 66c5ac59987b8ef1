"""Decision processes whose tables are the task: their law, their chance, their episodes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Discrete, check, make
from jaxdl.envs.rewards import scale_rewards
from jaxdl.envs.tabular_mdp import State, Task, follow


def many(function, number, seed=0):
    return jax.jit(jax.vmap(function))(jax.random.split(jax.random.key(seed), number))


def test_tasks_follow_the_papers_law():
    """Mean rewards N(1, 1); rows of a flat Dirichlet over 10: means 1/10, variances 9 / 1100."""
    tasks = many(make("tabular_mdp").sample_task, 2000)
    assert tasks.reward.shape == (2000, 10, 5) and tasks.transition.shape == (2000, 10, 5, 10)
    np.testing.assert_allclose([tasks.reward.mean(), tasks.reward.std()], 1, atol=0.01)
    np.testing.assert_allclose(tasks.transition.sum(-1), 1, rtol=1e-5)
    np.testing.assert_allclose(tasks.transition.mean((0, 1, 2)), 0.1, atol=2e-3)
    np.testing.assert_allclose(tasks.transition.var(), 9 / 1100, rtol=0.02)
    assert len(np.unique(tasks.reward)) > 0.99 * tasks.reward.size


def test_tiny_tasks_are_uniform():
    tasks = many(make("tiny_bamdp").sample_task, 4000)
    for numbers in (tasks.reward, tasks.transition[..., 1]):
        assert numbers.shape == (4000, 2, 2) and numbers.min() >= 0 and numbers.max() <= 1
        np.testing.assert_allclose([numbers.mean(), numbers.var()], [1 / 2, 1 / 12], atol=0.01)
    np.testing.assert_allclose(tasks.transition.sum(-1), 1, rtol=1e-6)


TASK = Task(
    reward=jnp.array([[0.0, 3.0], [-2.0, 0.5]]),
    transition=jnp.array([[[0.3, 0.7], [1.0, 0.0]], [[0.0, 1.0], [0.5, 0.5]]]),
)


@pytest.mark.parametrize(("place", "action"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_step_pays_its_mean_with_noise_and_leads_where_the_table_says(place, action):
    env = make("tabular_mdp", states=2, actions=2)
    state = State(jnp.int32(place), jnp.int32(3))
    after, out = many(lambda key: env.step(key, state, jnp.int32(action), TASK), 8000)
    mean = float(TASK.reward[place, action])
    np.testing.assert_allclose(out.reward.mean(), mean, atol=0.05)
    np.testing.assert_allclose(out.reward.std(), 1, atol=0.05)
    np.testing.assert_allclose(out.info["expected_reward"], mean)
    share = float(TASK.transition[place, action, 1])
    np.testing.assert_allclose(np.mean(after.place == 1), share, atol=0.02)
    np.testing.assert_array_equal(out.obs, after.place)
    np.testing.assert_array_equal(after.time, 4)
    # What is paid tells nothing of where it leads.
    if 0 < share < 1:
        assert abs(np.corrcoef(out.reward, after.place)[0, 1]) < 0.05


def test_tiny_rewards_are_coins():
    env = make("tiny_bamdp")
    task = Task(jnp.array([[0.2, 1.0], [0.0, 0.5]]), TASK.transition)
    state = State(jnp.int32(0), jnp.int32(0))
    _, out = many(lambda key: env.step(key, state, jnp.int32(0), task)[0:2], 4000)
    assert set(np.unique(out.reward)) == {0.0, 1.0}
    np.testing.assert_allclose(out.reward.mean(), 0.2, atol=0.03)


@pytest.mark.parametrize("name", ["tabular_mdp:horizon=3", "tiny_bamdp:horizon=3"])
def test_an_episode_begins_in_state_0_and_terminates_after_its_steps(name):
    env = make(name)
    check(env)
    task = env.sample_task(jax.random.key(0))
    state, obs = env.reset(jax.random.key(1), task)
    assert (int(obs), int(state.place), int(state.time)) == (0, 0, 0)
    ends = []
    for i in range(3):
        state, out = env.step(jax.random.key(i), state, jnp.int32(1), task)
        ends.append((bool(out.terminated), bool(out.truncated)))
    assert ends == [(False, False)] * 2 + [(True, False)]


def test_lots_at_the_ends_lead_somewhere():
    row = Task(jnp.zeros((3, 1)), jnp.array([[[0.0, 0.25, 0.75]]] * 3))
    places = [int(follow(row, 0, 0, jnp.float32(lot))) for lot in (0.0, 0.2499, 0.25, 0.9999999)]
    assert places == [1, 1, 2, 2]
    short = row._replace(transition=0.999 * row.transition)  # sums fall short of 1 by rounding
    assert int(follow(short, 0, 0, jnp.float32(0.9999999))) == 2


def test_sizes_are_settings():
    env = make("tabular_mdp:states=4,actions=3")
    assert env.obs_space == Discrete(4) and env.action_space == Discrete(3)
    for name, text in [
        ("tabular_mdp:states=0", "tabular_mdp needs states of at least 1, got states=0"),
        ("tabular_mdp:horizon=0", "tabular_mdp needs horizon of at least 1"),
        ("tiny_bamdp:horizon=-1", "tiny_bamdp needs horizon of at least 1, got horizon=-1"),
    ]:
        with pytest.raises(BadInput, match=text):
            make(name)
    with pytest.raises(BadInput, match="tiny_bamdp has no setting 'states'"):
        make("tiny_bamdp:states=3")


def test_rewards_in_other_units_leave_all_else_as_it_is():
    env = make("tabular_mdp:states=2,actions=2")
    other = scale_rewards(env, offset=1.0, scale=0.5)
    state = State(jnp.int32(1), jnp.int32(0))
    one, two = (each.step(jax.random.key(3), state, jnp.int32(1), TASK) for each in (env, other))
    np.testing.assert_allclose(two[1].reward, (one[1].reward - 1) / 2, rtol=1e-6)
    same = jax.tree.map(jnp.array_equal, one[0], two[0])
    assert all(same) and one[1].info == two[1].info and one[1].obs == two[1].obs
