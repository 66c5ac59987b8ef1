"""Observations of every kind, nets of one's own, and derivatives in both modes."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, Discrete, MultiDiscrete, sample
from jaxdl.nn import (
    action_value_head,
    actor_critic,
    dense,
    deterministic_head,
    fast_dense,
    initial,
    make_torso,
    q_head,
    sequence_torso,
    squashed_gaussian_head,
    tanh_gaussian,
    value_head,
)
from jaxdl.nn.torsos import NATURE, SMALL, conv_torso

T, E = 3, 2
KEY = jax.random.key(0)
PICTURE = Box((12, 12, 3), 0, 255, np.uint8)


class Small(nn.Module):
    """A user's own net for dicts."""

    @nn.compact
    def __call__(self, obs):
        """Reads both parts."""
        kind = nn.Embed(4, 5)(obs["kind"])
        return nn.Dense(6)(jnp.concatenate([kind, obs["x"]], axis=-1))


class Normalized(nn.Module):
    """Keeps statistics beside its parameters, which a torso cannot."""

    @nn.compact
    def __call__(self, obs):
        """Normalizes."""
        return nn.BatchNorm(use_running_average=True)(obs)


class Cubic(nn.Module):
    """Returns maps instead of features."""

    @nn.compact
    def __call__(self, obs):
        """Adds an axis."""
        return nn.Dense(3)(obs)[:, None]


def draw_obs(space):
    keys = jax.random.split(KEY, (T, E))
    return jax.vmap(jax.vmap(lambda key: sample(key, space)))(keys)


OBSERVATIONS = {
    "vector": Box((4,)),
    "scalar": Box(()),
    "matrix": Box((2, 3)),
    "integer": Discrete(5),
    "integers": MultiDiscrete((3, 2)),
    "picture": PICTURE,
    "gray picture": Box((9, 8), 0, 255, np.uint8),
    "few bytes": Box((3, 3), 0, 255, np.uint8),
    "dict": {"camera": PICTURE, "joints": Box((4,)), "mode": Discrete(3)},
    "tuple": (Box((2,)), {"x": Discrete(2)}),
}


@pytest.mark.parametrize("recurrent", [None, "gru"])
@pytest.mark.parametrize("name", OBSERVATIONS)
def test_a_net_for_every_observation(name, recurrent):
    space = OBSERVATIONS[name]
    net = actor_critic(space, Discrete(3), hidden=(8, 7), recurrent=recurrent)
    params = net.init(KEY)
    carry = net.initial_carry(E)
    obs = draw_obs(space)
    first = jnp.zeros((T, E), bool)
    carry_after, policy, value = jax.jit(net.unroll)(params, carry, obs, first)
    assert policy.shape == (T, E, 3) and value.shape == (T, E)
    for t in range(T):  # T steps are the unroll
        now = jax.tree.map(lambda x, t=t: x[t], obs)
        carry, one_policy, one_value = net.step(params, carry, now, first[t])
        np.testing.assert_allclose(one_policy, policy[t], atol=1e-5)
        np.testing.assert_allclose(one_value, value[t], atol=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), carry, carry_after)


@pytest.mark.parametrize("recurrent", [None, "gru", "lstm"])
@pytest.mark.parametrize("shared", [True, False])
def test_trunks_are_shared_or_apart(recurrent, shared):
    net = actor_critic(Box((4,)), Discrete(3), hidden=(8,), recurrent=recurrent, shared=shared)
    params = net.init(KEY)
    obs = draw_obs(Box((4,)))
    first = jnp.zeros((T, E), bool)

    def value_of(params):
        return jnp.sum(net.unroll(params, net.initial_carry(E), obs, first)[2] ** 2)

    gradient = jax.grad(value_of)(params)
    assert not jax.tree.leaves(jax.tree.map(jnp.any, gradient["policy"]))[0]
    reached = [name for name in ("actor", "critic") if name in params]
    assert (reached == []) == shared
    if not shared:
        assert not any(jnp.any(x) for x in jax.tree.leaves(gradient["actor"]))
        assert any(jnp.any(x) for x in jax.tree.leaves(gradient["critic"]))


@pytest.mark.parametrize("affine", [dense, fast_dense])
@pytest.mark.parametrize(("shape", "layers"), [((84, 84, 4), NATURE), ((12, 10), SMALL)])
def test_convolutions_are_those_of_flax(shape, layers, affine):
    space = Box(shape, 0, 255, np.uint8)
    torso = conv_torso(space, affine=affine)
    params = initial(KEY, torso.plan)
    obs = jax.random.randint(KEY, (2, *shape), 0, 256).astype(jnp.uint8)
    x = obs.astype(jnp.float32).reshape(2, *(*shape, 1)[:3]) / 255
    for layer, weights in zip(layers, params, strict=True):
        conv = nn.Conv(layer.channels, (layer.side,) * 2, (layer.stride,) * 2, "VALID")
        kernel = weights.kernel.reshape(layer.side, layer.side, x.shape[-1], layer.channels)
        x = nn.relu(conv.apply({"params": {"kernel": kernel, "bias": weights.bias}}, x))
    np.testing.assert_allclose(torso.apply(params, obs), x.reshape(2, -1), atol=1e-5)
    assert torso.size == x[0].size
    assert torso.apply(params, obs).std() > 0.1  # scaled: bytes as they are would be 255 times it
    assert np.abs(torso.apply(params, obs)).max() < 10


@pytest.mark.parametrize("recurrent", [None, "lstm"])
def test_any_flax_module_is_a_torso(recurrent):
    space = {"kind": Discrete(4), "x": Box((3,))}
    net = actor_critic(space, Box((2,), -1.0, 1.0), torso=Small(), recurrent=recurrent)
    params = net.init(KEY)
    obs = draw_obs(space)
    first = jnp.zeros((T, E), bool)
    _, policy, value = net.unroll(params, net.initial_carry(E), obs, first)
    assert policy.mean.shape == (T, E, 2) and value.shape == (T, E)
    if recurrent is None:
        module = {"params": params["encoder"]}
        features = Small().apply(module, jax.tree.map(lambda x: x[1], obs))
        expected = features @ params["value"].kernel + params["value"].bias
        np.testing.assert_allclose(value[1], expected[:, 0], atol=1e-5)


def test_what_is_no_torso_is_refused():
    for module, text in ((Normalized(), "batch_stats"), (Cubic(), "features"), ("mlp", "torso=")):
        with pytest.raises(BadInput, match=text):
            actor_critic(Box((4,)), Discrete(2), torso=module)
    with pytest.raises(BadInput, match="recurrent='rnn'"):
        actor_critic(Box((4,)), Discrete(2), recurrent="rnn")
    with pytest.raises(BadInput, match="no width"):
        actor_critic(Box((4,)), Discrete(2), recurrent="gru", hidden=())
    with pytest.raises(BadInput, match="no space"):
        actor_critic("pixels", Discrete(2))
    with pytest.raises(BadInput, match="smaller than the convolutions"):
        conv_torso(Box((8, 8), 0, 255, np.uint8), NATURE)


def test_sequences_are_read_in_order():
    space = Box((5, 3))
    torso = sequence_torso(space, 6)
    params = initial(KEY, torso.plan)
    obs = draw_obs(space)
    features = torso.apply(params, obs)
    assert features.shape == (T, E, 6)
    np.testing.assert_allclose(torso.apply(params, obs[0, 0]), features[0, 0], atol=1e-6)
    assert np.abs(torso.apply(params, obs[..., ::-1, :]) - features).max() > 0.01
    net = actor_critic(space, Discrete(2), torso=torso)
    value = net.unroll(net.init(KEY), (), obs, jnp.zeros((T, E), bool))[2]
    assert value.shape == (T, E)


@pytest.mark.parametrize("recurrent", [None, "gru", "lstm"])
def test_derivatives_in_forward_mode(recurrent):
    net = actor_critic(Box((4,)), Discrete(3), hidden=(8, 7), recurrent=recurrent)
    params = net.init(KEY)
    obs = draw_obs(Box((4,)))
    first = jnp.zeros((T, E), bool)

    def loss(params):
        _, policy, value = net.unroll(params, net.initial_carry(E), obs, first)
        return jnp.sum(jax.nn.log_softmax(policy)[..., 0] * value)

    direction = jax.tree.map(lambda x: jnp.cos(jnp.arange(x.size)).reshape(x.shape), params)
    _, forward = jax.jvp(loss, (params,), (direction,))
    products = jax.tree.map(jnp.vdot, jax.grad(loss)(params), direction)
    np.testing.assert_allclose(forward, sum(jax.tree.leaves(products)), rtol=1e-4)


@pytest.mark.parametrize("recurrent", [None, "gru"])
def test_fast_layers_have_the_same_values_and_gradients(recurrent):
    obs = draw_obs(Box((4,)))
    first = jnp.zeros((T, E), bool)

    def loss(params, **options):
        net = actor_critic(Box((4,)), Discrete(3), hidden=(8, 7), recurrent=recurrent, **options)
        _, policy, value = net.unroll(params, net.initial_carry(E), obs, first)
        return jnp.sum(jnp.sin(policy)) + jnp.sum(value**2)

    params = actor_critic(Box((4,)), Discrete(3), hidden=(8, 7), recurrent=recurrent).init(KEY)
    plain = jax.value_and_grad(loss)(params)
    fast = jax.value_and_grad(lambda p: loss(p, affine=fast_dense))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), fast, plain)


def test_heads_answer_with_their_shapes():
    torso = make_torso(Box((4,)), hidden=(6,))
    heads = {
        "value": value_head(6),
        "q": q_head(6, 3),
        "q_action": action_value_head(6, 2, hidden=(5,)),
        "action": deterministic_head(6, 2),
        "gaussian": squashed_gaussian_head(6, 2),
    }
    plan = {"torso": torso.plan, **{name: head.plan for name, head in heads.items()}}
    params = initial(KEY, plan)
    x = torso.apply(params["torso"], draw_obs(Box((4,))))
    action = heads["action"].apply(params["action"], x)
    assert np.abs(action).max() < 1 and action.shape == (T, E, 2)
    assert heads["value"].apply(params["value"], x).shape == (T, E)
    assert heads["q"].apply(params["q"], x).shape == (T, E, 3)
    values = heads["q_action"].apply(params["q_action"], x, action)
    assert values.shape == (T, E)
    by_action = jax.grad(lambda a: heads["q_action"].apply(params["q_action"], x, a).sum())(action)
    assert np.abs(by_action).max() > 0
    policy = heads["gaussian"].apply(params["gaussian"], 1e6 * x)
    assert policy.log_std.max() <= 2.0 and policy.log_std.min() >= -20.0
    family = tanh_gaussian(2, -1.0, 1.0)
    assert family.logp(policy, family.sample(KEY, policy)).shape == (T, E)
