import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.envs import make, mjx
from jaxdl.render.view import Play
from jaxdl.render.views import VIEWS, view_of

ROOM = {"height": 96, "width": 96}


def kept_of(view, states, tasks):
    obs = jnp.zeros((len(jax.tree.leaves(states)[0]), 1))
    return jax.device_get(jax.jit(jax.vmap(view.keep))(states, tasks, obs))


def carts(angles, lengths):
    """The kept states of carts at 0 m with poles at these angles, of these lengths."""
    count = len(angles)
    positions = jnp.stack([jnp.zeros(count), jnp.array(angles)], -1)
    states = mjx.State(positions, jnp.zeros((count, 2)), jnp.zeros(count, jnp.int32))
    task = mjx.Task()._replace(pole_length=jnp.array(lengths))
    tasks = mjx.Task(*(jnp.broadcast_to(jnp.asarray(x), (count,)) for x in task))
    return kept_of(view_of("mjx/cartpole"), states, tasks)


@pytest.fixture(scope="module")
def pole():
    """Angles, lengths -> (left, up, height in pixels) of each one's pole against the cart."""
    view = view_of("mjx/cartpole")

    def seen(angles, lengths):
        kept = carts(angles, lengths)
        play = Play(kept, np.zeros(1), np.zeros(1))
        places = []
        for picture in view.paint(play, range(len(angles)), **ROOM):
            red, _, blue = np.moveaxis(picture.astype(int), -1, 0)
            wood, cart = (np.argwhere(mask) for mask in (red - blue > 60, blue - red > 60))
            (down, right) = wood.mean(0) - cart.mean(0)
            spread = np.ptp(wood[:, 0])
            places.append((-right, -down, spread))
        return np.array(places)

    return seen


def test_a_pole_is_seen_at_its_angle(pole):
    left, up, _ = pole([0.0, 0.6, -0.6, np.pi], [1.0] * 4).T
    assert up[0] > 5 and abs(left[0]) < 1
    assert left[1] < -4 and left[2] > 4 and up[1:3].min() > 2
    assert up[3] < -5


def test_a_longer_pole_is_seen_longer(pole):
    """Its length is part of the task."""
    *_, height = pole([0.0, 0.0], [0.6, 1.2]).T
    assert height[1] / height[0] == pytest.approx(2, rel=0.2)


def test_any_number_of_states_in_any_order(pole):
    """Programs make several pictures at once."""
    view = view_of("mjx/cartpole")
    angles = np.linspace(-1, 1, 11)
    play = Play(carts(angles, np.ones(11)), np.zeros(1), np.zeros(1))
    forth = view.paint(play, range(11), **ROOM)
    back = view.paint(play, [*range(10, -1, -1)], **ROOM)
    assert len(forth) == len(back) == 11
    np.testing.assert_array_equal(forth, back[::-1])
    assert len({picture.tobytes() for picture in forth}) == 11


def test_the_floor_is_checkered_and_has_a_shadow():
    view = view_of("mjx/cartpole")
    play = Play(carts([0.0], [1.0]), np.zeros(1), np.zeros(1))
    (picture,) = view.paint(play, [0], **ROOM)
    below = picture[64:].astype(int)
    gray = np.ptp(below, -1) < 12
    brightness = below.mean(-1)[gray]
    assert (brightness < 130).sum() > 20  # the shadow
    light = brightness[brightness > 180]
    assert gray.mean() > 0.95 and light.std() > 4
    assert picture[0, 0, 2] > picture[0, 0, 0] + 5  # a blue sky


@pytest.mark.parametrize("name", [*VIEWS, "gymnax/Breakout-MinAtar"])
def test_every_world_can_be_looked_at(name):
    """What is kept of a world's own states can be painted, by the world's own actions."""
    if name.startswith("gymnax"):
        pytest.importorskip("gymnax")
    env = make(name)
    view = view_of(name)
    count = 3
    key = jax.random.key(0)

    def start(key):
        task = env.sample_task(key)
        state, obs = env.reset(key, task)
        return view.keep(state, task, obs)

    kept = jax.device_get(jax.jit(jax.vmap(start))(jax.random.split(key, count)))
    space = env.action_space
    action = np.zeros(count - 1, int) if hasattr(space, "n") else np.ones((count - 1, *space.shape))
    pictures = view.paint(Play(kept, action, np.ones(count - 1)), range(count), 64, 80)
    assert [picture.shape for picture in pictures] == [(64, 80, 3)] * count
    assert all(picture.dtype == np.uint8 and picture.std() > 3 for picture in pictures)


@pytest.mark.slow
def test_a_robot_of_brax_is_followed_by_the_camera():
    """The picture of its stand is the same wherever it stands, but for the checkers."""
    from jaxdl.envs import brax

    env = make("brax/hopper")
    view = view_of("brax/hopper")
    assert view.seconds == pytest.approx(brax.load("hopper").dt)
    state, obs = jax.jit(env.reset)(jax.random.key(0), ())
    kept = jax.device_get(view.keep(state, (), obs))
    poses, size = kept
    moved = poses._replace(
        geom_xpos=poses.geom_xpos
        + np.where(np.arange(len(poses.geom_xpos)) > 0, 2.0, 0.0)[:, None] * np.array([1.0, 0, 0]),
        cam_xpos=poses.cam_xpos + np.array([2.0, 0, 0]),
    )
    both = jax.tree.map(lambda *x: np.stack(x), (poses, size), (moved, size))
    one, other = view.paint(Play(both, np.zeros(1), np.zeros(1)), [0, 1], **ROOM)
    colored = np.ptp(one.astype(int), -1) > 40  # the robot
    assert colored.sum() > 100
    assert np.abs(one.astype(int) - other)[colored].mean() < 3


def test_the_reachers_target_is_seen_where_its_task_puts_it():
    env = make("mjx/reacher:task=easy")
    states, tasks = (
        jax.tree.map(lambda x: jnp.stack([x] * 2), tree)
        for tree in (
            env.reset(jax.random.key(0), env.sample_task(jax.random.key(0)))[0],
            env.sample_task(jax.random.key(0)),
        )
    )
    goal = tasks.goal._replace(place=jnp.array([[0.15, 0.0], [0.0, -0.15]]))
    view = view_of("mjx/reacher:task=easy")
    kept = kept_of(view, states, tasks._replace(goal=goal))
    places = []
    for picture in view.paint(Play(kept, np.zeros(1), np.zeros(1)), range(2), **ROOM):
        red, green, _ = np.moveaxis(picture.astype(int), -1, 0)
        places.append(np.argwhere(green - red > 60).mean(0) / 96 - 0.5)
    # Seen from 0.75 m above with 45 degrees: 0.15 m are about a quarter of the picture.
    np.testing.assert_allclose(places, [[0.0, 0.25], [0.25, 0.0]], atol=0.03)
