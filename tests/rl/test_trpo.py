from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, Discrete, Env, MultiDiscrete, Step, make, vectorize
from jaxdl.nn import actor_critic, dense, fast_dense
from jaxdl.rl import trpo
from jaxdl.rl.experience import collect, estimate, practice, start_actors
from jaxdl.rl.partition import exclude, join, read_by_policy, select
from jaxdl.rl.trpo import search_line
from jaxdl.rl.trust_region import fisher_product, scale_to_region

TX = optax.flatten(optax.adam(3e-3))
SIZES = {"num_envs": 16, "unroll": 8, "minibatches": 2}


def net_for(env, **settings):
    return actor_critic(env.obs_space, env.action_space, **{"hidden": (8,)} | settings)


def mixed_world():
    """One whose observations and actions are dicts of unlike parts; pays for both actions."""
    obs_space = {"place": Box((2,)), "kind": Discrete(3)}
    actions = {"push": Box((2,), -1.0, 1.0), "keys": MultiDiscrete((2, 3))}

    def observe(state):
        return {"place": jnp.stack([state, -state]), "kind": jnp.int32(1)}

    def reset(key, task):
        state = jax.random.normal(key)
        return state, observe(state)

    def step(key, state, action, task):
        reward = jnp.sum(action["push"]) + action["keys"][1]
        out = Step(observe(state), reward, jnp.bool_(True), jnp.bool_(False), {})
        return state, out

    return Env(lambda key: (), reset, step, obs_space, actions)


CASES = {
    "categorical": (Discrete(3), {}),
    "normal, by a gradient by hand": (Box((2,), -1.0, 1.0), {"affine": fast_dense}),
    "squashed": (Box((2,), -1.0, 1.0), {"squash": True}),
    "a dict": ({"a": Discrete(2), "b": Box((1,)), "c": MultiDiscrete((2, 3))}, {}),
    "with memory": (Discrete(3), {"recurrent": "gru", "affine": fast_dense}),
    "with memory, apart": (Discrete(3), {"recurrent": "lstm", "shared": False}),
}


@pytest.mark.parametrize("case", CASES)
def test_fisher_products_are_those_of_the_dense_hessian_of_the_divergence(case):
    actions, settings = CASES[case]
    obs = jax.random.normal(jax.random.key(0), (4, 3, 2))  # [T, E, D]
    first = jnp.zeros((4, 3), bool).at[2, 1].set(True)
    net = actor_critic(Box((2,)), actions, **{"hidden": (3,)} | settings)
    plain = actor_critic(Box((2,)), actions, **{"hidden": (3,)} | settings | {"affine": dense})
    flat, unravel = ravel_pytree(net.init(jax.random.key(1)))
    flat = flat + 0.3 * jax.random.normal(jax.random.key(2), flat.shape)  # log_std is not 0

    def policy_of(net, flat):
        return net.unroll(unravel(flat), net.initial_carry(3), obs, first)[1]

    def divergence(other):
        kl = net.distribution.kl(policy_of(plain, flat), policy_of(plain, other))
        return jnp.mean(kl)

    hessian = jax.jit(jax.hessian(divergence))(flat)  # forward mode, which `dense` has
    product = fisher_product(partial(policy_of, net), net.distribution.kl, flat)
    found = jax.jit(jax.vmap(product))(jnp.eye(flat.size))
    np.testing.assert_allclose(found, hessian, atol=2e-5 * float(jnp.abs(hessian).max()))
    assert np.abs(hessian).max() > 0.01


def test_a_step_is_as_long_as_the_model_of_the_divergence_allows():
    matrix = jnp.diag(jnp.array([1.0, 4.0]))
    gradient = jnp.array([2.0, -4.0])
    step = scale_to_region(jnp.linalg.solve(matrix, gradient), gradient, max_kl=0.02)
    assert 0.5 * step @ matrix @ step == pytest.approx(0.02)
    np.testing.assert_allclose(step[1] / step[0], -0.5, rtol=1e-6)
    nothing = scale_to_region(jnp.zeros(2), jnp.zeros(2), max_kl=0.02)
    np.testing.assert_array_equal(nothing, 0.0)


@pytest.mark.parametrize(
    ("kl", "improvement", "fraction"),
    [
        (lambda x: x, lambda x: x, 0.25),  # 1 and 0.5 are too far, 0.25 is not
        (lambda x: 0 * x, lambda x: x, 1.0),
        (lambda x: 0 * x, lambda x: 0.2 - x, 0.125),  # only small steps improve
        (lambda x: x, lambda x: -x, None),  # nothing improves
        (lambda x: x, lambda x: 0 * x, None),  # nor does this
        (lambda x: 1 + x, lambda x: x, None),  # always too far
        (lambda x: x / 0, lambda x: x, None),
        (lambda x: x, lambda x: jnp.nan * x, None),
    ],
)
def test_the_line_search_takes_the_longest_step_that_is_safe_and_improves(
    kl, improvement, fraction
):
    measure = lambda params: (kl(params["x"] - 3.0), improvement(params["x"] - 3.0))  # noqa: E731
    start = {"x": jnp.float32(3.0)}
    search = partial(search_line, max_kl=0.3, backtracks=5, shrink=0.5)
    params, trial = jax.jit(partial(search, measure))(start, {"x": jnp.float32(1.0)})
    if fraction is None:
        assert params == start and not trial.is_accepted and trial.number == 6
        assert trial.fraction == trial.kl == trial.improvement == 0
    else:
        assert params["x"] == 3.0 + fraction and trial.is_accepted
        assert trial.fraction == fraction and trial.kl == pytest.approx(kl(fraction))
        assert trial.improvement == pytest.approx(improvement(fraction))


def log_softmax(logits):
    logits = np.asarray(logits, np.float64)
    return logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))


MEMORY = pytest.param({"recurrent": "gru"}, marks=pytest.mark.slow)


@pytest.mark.parametrize("settings", [{}, MEMORY], ids=str)
def test_divergence_and_improvement_are_those_of_the_state_that_is_returned(settings):
    """Measured again by NumPy, on the steps that the update was made of."""
    env = make("cartpole")
    net = net_for(env, **settings)
    learner = trpo(env, net, TX, max_kl=0.02, **SIZES)
    gather = partial(
        practice, worlds=vectorize(env, 16), net=net, unroll=8, discount=0.99, gae_lambda=0.95
    )
    state = jax.jit(learner.init)(jax.random.key(0))
    for turn in range(3):
        key = jax.random.key(turn)
        _, batch, _ = jax.jit(gather)(jax.random.split(key, 3)[0], state)
        after, metrics = jax.jit(learner.step)(key, state, ())
        old, new = (
            log_softmax(net.unroll(x.params, batch.carry, batch.obs, batch.first)[1])
            for x in (state, after)
        )
        kl = np.mean(np.sum(np.exp(old) * (old - new), axis=-1))
        adv = np.asarray(batch.adv, np.float64)
        adv = (adv - adv.mean()) / adv.std()
        taken = np.asarray(batch.action)[..., None]
        ratio = np.exp(np.take_along_axis(new - old, taken, axis=-1))[..., 0]
        assert metrics["kl"] == pytest.approx(kl, rel=1e-3, abs=1e-7)
        assert metrics["improvement"] == pytest.approx(
            np.mean(ratio * adv) - np.mean(adv), rel=1e-3, abs=1e-6
        )
        assert metrics["accepted"] == 1 and 1e-4 < kl <= 0.02
        state = after


def test_without_the_line_search_a_step_can_leave_the_region():
    env = make("cartpole")
    state, kls = None, {}
    for line_search in (True, False):
        learner = trpo(
            env, net_for(env), TX, max_kl=1.0, line_search=line_search, damping=1e-3, **SIZES
        )
        state = learner.init(jax.random.key(0))
        step = jax.jit(learner.step)
        found = []
        for turn in range(4):
            state, metrics = step(jax.random.key(turn), state, ())
            found.append(metrics)
        kls[line_search] = [float(metrics["kl"]) for metrics in found]
        if not line_search:
            assert all(metrics["step_fraction"] == 1 for metrics in found)
    assert max(kls[True]) <= 1.0 < max(kls[False])


def test_a_policy_stays_where_nothing_improves_and_the_value_is_fitted_nevertheless():
    env = make("cartpole")._replace(action_space=Discrete(1))  # whose one action pushes left
    net = net_for(env)
    learner = trpo(env, net, TX, **SIZES)
    state = learner.init(jax.random.key(0))
    after, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    assert metrics["accepted"] == metrics["kl"] == metrics["improvement"] == 0
    is_policy = read_by_policy(net, env.obs_space)
    is_same = jax.tree.map(lambda x, y: bool((x == y).all()), state.params, after.params)
    assert is_same == is_policy


@pytest.mark.parametrize("settings", [{}, {"recurrent": "gru"}, {"shared": True}], ids=str)
def test_values_are_fitted_by_what_the_policy_does_not_read(settings):
    net = net_for(make("cartpole"), **settings)
    is_policy = read_by_policy(net, make("cartpole").obs_space)
    own = {"critic", "value"} if not settings else {"value"}
    for name, mask in is_policy.items():
        assert set(jax.tree.leaves(mask)) <= {name not in own}
    params = net.init(jax.random.key(0))
    again = join(select(is_policy, params), exclude(is_policy, params))
    assert jax.tree.structure(again) == jax.tree.structure(params)
    assert jax.tree.leaves(exclude(is_policy, params))
    # By what is computed: a net within one jit is read as any other.
    hidden = net._replace(unroll=jax.jit(net.unroll))
    assert read_by_policy(hidden, make("cartpole").obs_space) == is_policy


def test_a_net_without_parameters_for_values_is_refused():
    env = make("cartpole")
    net = net_for(env)

    def unroll(params, carry, obs, first):
        carry, policy, _ = net.unroll(params, carry, obs, first)
        return carry, policy, jnp.sum(policy, axis=-1)

    whole = net._replace(
        init=lambda key: {n: x for n, x in net.init(key).items() if n in ("actor", "policy")},
        unroll=lambda params, *rest: unroll(
            params | {"critic": params["actor"], "value": params["policy"]}, *rest
        ),
    )
    with pytest.raises(BadInput, match="shared=False"):
        trpo(env, whole, TX, **SIZES)


VARIANTS = {
    "pendulum": ("pendulum", {}, {"normalize_observations": True, "fisher_share": 1.0}),
    "squashed": ("pendulum", {"squash": True}, {"microbatches": 2}),
    "dicts": (mixed_world, {}, {}),
    "memory apart": ("cartpole", {"recurrent": "lstm", "shared": False}, {"minibatches": 4}),
}


@pytest.mark.parametrize(
    "variant", [v if v == "dicts" else pytest.param(v, marks=pytest.mark.slow) for v in VARIANTS]
)
def test_every_net_and_distribution_keeps_the_state_and_moves_within_the_region(variant):
    world, net_settings, settings = VARIANTS[variant]
    env = make(world) if isinstance(world, str) else world()
    learner = trpo(env, net_for(env, **net_settings), TX, **SIZES | settings)
    state = learner.init(jax.random.key(0))
    after, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert all(np.isfinite(x) and x.shape == () for x in jax.tree.leaves(metrics))
    assert metrics["accepted"] == 1 and 0 < metrics["kl"] <= 0.01 and metrics["improvement"] > 0
    is_same = jax.tree.map(lambda x, y: bool((x == y).all()), state.params, after.params)
    assert not any(jax.tree.leaves(is_same))


def test_targets_of_values_can_have_a_lambda_of_their_own():
    env = make("cartpole")
    net, worlds = net_for(env), vectorize(env, 4)
    params = net.init(jax.random.key(0))
    start = start_actors(jax.random.key(1), worlds, net)
    same = lambda obs: obs  # noqa: E731
    end, steps, _ = collect(jax.random.key(2), start, worlds, net, params, same, steps=9)
    find = partial(estimate, net, params, steps, end, same, discount=0.9)
    both = find(gae_lambda=0.3, value_lambda=1.0)
    np.testing.assert_array_equal(both.adv, find(gae_lambda=0.3).adv)
    np.testing.assert_array_equal(both.target, find(gae_lambda=1.0).target)
    assert np.abs(both.target - find(gae_lambda=0.3).target).max() > 0.1


LAST = 3  # state of the chain whose end pays 1
SLIP = 0.1
QUIT = 0.4


def chain():
    """States 0 to 3: action 1 goes on unless it slips, action 0 quits for little; the end pays."""

    def observe(state):
        return jax.nn.one_hot(state, LAST + 1)

    def reset(key, task):
        state = jax.random.randint(key, (), 0, LAST + 1)
        return state, observe(state)

    def step(key, state, action, task):
        slips = jax.random.bernoulli(key, SLIP)
        quits = action == 0
        arrives = ~quits & ~slips & (state == LAST)
        reward = jnp.where(quits, QUIT, jnp.where(arrives, 1.0, 0.0))
        after = jnp.where(quits | slips, state, jnp.minimum(state + 1, LAST))
        return after, Step(observe(after), reward, quits | arrives, jnp.bool_(False), {})

    return Env(lambda key: (), reset, step, Box((LAST + 1,), 0.0, 1.0), Discrete(2))


def solve_chain(discount):
    """Optimal values and actions of the chain, by value iteration."""
    value = np.zeros(LAST + 1)
    for _ in range(200):
        ahead = np.append(discount * value[1:], 1.0)
        going = (1 - SLIP) * ahead + SLIP * discount * value
        value = np.maximum(going, QUIT)
    return value, (going > QUIT).astype(int)


@pytest.mark.parametrize("discount", [0.6, pytest.param(0.95, marks=pytest.mark.slow)])
def test_the_optimal_policy_of_a_small_world_is_found(discount):
    """With a short horizon quitting is right far from the end; with a long one it never is."""
    env = chain()
    net = net_for(env, hidden=(16,))
    tx = optax.flatten(optax.adam(1e-2))
    learner = trpo(
        env, net, tx, num_envs=32, unroll=32, max_kl=0.03, discount=discount, microbatches=2
    )

    def train(key):
        init_key, run_key = jax.random.split(key)
        step = lambda state, key: (learner.step(key, state, ())[0], ())  # noqa: E731
        return jax.lax.scan(step, learner.init(init_key), jax.random.split(run_key, 80))[0]

    params = jax.jit(train)(jax.random.key(0)).params
    states = jnp.eye(LAST + 1)
    _, policy, found = net.step(params, (), states, jnp.ones(LAST + 1, bool))
    value, action = solve_chain(discount)
    np.testing.assert_array_equal(net.distribution.mode(policy), action)
    np.testing.assert_allclose(found, value, atol=0.06)
    assert (action == 0).any() == (discount == 0.6) and (action == 1).any()
