"""Values of actions: what is read, the two streams, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs.spaces import Box, Discrete, MultiDiscrete, sample
from jaxdl.nn import fast_dense, q_network
from jaxdl.nn.torsos import SMALL, conv_torso, is_picture

KEY = jax.random.key(0)
BOARD = Box((10, 10, 4), 0.0, 1.0)
SPACES = {
    "vector": Box((4,)),
    "integer": Discrete(5),
    "board": BOARD,
    "board of bools": Box((10, 10, 4), 0, 1, bool),
    "board of bytes": Box((10, 10, 4), 0, 1, np.uint8),
    "dict": {"board": BOARD, "left": Discrete(3)},
}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("dueling", [False, True])
def test_every_action_has_a_value(name, dueling):
    space = SPACES[name]
    net = q_network(space, Discrete(3), hidden=(16, 8), dueling=dueling, affine=fast_dense)
    params = net.init(KEY)
    obs = jax.vmap(lambda key: sample(key, space))(jax.random.split(KEY, 6))
    q = net.apply(params, obs)
    assert q.shape == (6, 3) and net.num_actions == 3
    folded = jax.tree.map(lambda x: x.reshape(2, 3, *x.shape[1:]), obs)
    np.testing.assert_allclose(net.apply(params, folded).reshape(6, 3), q, atol=1e-6)
    assert len(np.unique(np.asarray(q))) > 6


def test_the_advantages_of_a_dueling_net_have_mean_zero():
    """Wang et al. 2016, eq. 9: the mean over actions is the state's value, and no bias moves it."""
    net = q_network(Box((4,)), Discrete(3), hidden=(8, 8), dueling=True)
    params = net.init(KEY)
    obs = jax.random.normal(KEY, (5, 4))
    q = net.apply(params, obs)
    out = params["q"]["out"]
    moved = out._replace(bias=out.bias + 7.0)  # of all advantages alike
    same = net.apply(params | {"q": params["q"] | {"out": moved}}, obs)
    np.testing.assert_allclose(same, q, atol=1e-5)
    out = params["value"]["out"]
    more = net.apply(
        params | {"value": params["value"] | {"out": out._replace(bias=out.bias + 2)}}, obs
    )
    np.testing.assert_allclose(more, q + 2, atol=1e-5)


def test_boards_are_convolved_as_pictures_are():
    """The product with shifted copies is XLA's convolution, in value and gradient."""
    torso = conv_torso(BOARD, SMALL)
    params = [jax.tree.map(lambda x: jax.random.normal(KEY, x.shape), made) for made in plan(torso)]
    boards = jax.random.bernoulli(KEY, 0.3, (5, 10, 10, 4)).astype(jnp.float32)

    def direct(params, x):
        channels = 4
        for layer, weights in zip(SMALL, params, strict=True):
            kernel = weights.kernel.reshape(layer.side, layer.side, channels, layer.channels)
            numbers = ("NHWC", "HWIO", "NHWC")
            strides = (layer.stride, layer.stride)
            missing = [-(size - layer.side) % layer.stride for size in x.shape[1:3]]
            ends = [(0, pixels) for pixels in missing]
            x = jax.lax.conv_general_dilated(x, kernel, strides, ends, dimension_numbers=numbers)
            x = jax.nn.relu(x + weights.bias)
            channels = layer.channels
        return x.reshape(5, -1)

    assert torso.size == 4 * 4 * 32
    np.testing.assert_allclose(torso.apply(params, boards), direct(params, boards), atol=1e-4)
    ours, theirs = (
        jax.grad(lambda p, f=f: jnp.sum(jnp.sin(0.01 * f(p, boards))))(params)
        for f in (torso.apply, direct)
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3), ours, theirs)


def plan(torso):
    from jaxdl.nn import initial

    return initial(KEY, torso.plan)


def test_boards_are_pictures_and_other_arrays_of_floats_are_not():
    assert is_picture(BOARD)
    assert not is_picture(Box((10, 10, 4)))
    assert not is_picture(Box((10, 10), 0.0, 1.0))
    assert not is_picture(Box((4, 10, 4), 0.0, 1.0))


@pytest.mark.parametrize("space", [Box((1,), -1, 1), MultiDiscrete((2, 3)), (Discrete(2),)])
def test_actions_that_are_not_numbered_are_refused_in_a_line(space):
    with pytest.raises(BadInput, match="values each of a number of actions") as told:
        q_network(Box((4,)), space)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("side", [8, 9, 10, 37])
def test_every_cell_of_a_board_is_seen(side):
    """Also in the last row and column, where the paddle of Breakout moves."""
    space = Box((side, side, 1), 0.0, 1.0)
    torso = conv_torso(space)
    ones = [jax.tree.map(jnp.ones_like, layer) for layer in plan(torso)]
    reached = jax.grad(lambda x: jnp.sum(torso.apply(ones, x)))(jnp.ones((1, *space.shape)))
    assert (reached > 0).all()
