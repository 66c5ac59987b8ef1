"""CAD2RL: its targets and losses by hand, its pilots, and what must not work."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs.corridor.flight import free_distance
from jaxdl.envs.corridor.world import corridor_world
from jaxdl.sim2real import CollisionNet, cad2rl, collision_net, collision_returns, free_space
from jaxdl.sim2real.cad2rl import advise, bernoulli_loss, collision_loss, grid_of
from jaxdl.sim2real.flights import PILOTS, fly_baselines, free_way

KEY = jax.random.key(0)
SIDE, ROWS, COLUMNS = 8, 1, 3
WORLD = corridor_world(start="anywhere", side=SIDE)


def returns_by_hand(hit, cut, horizon, discount):
    """State by state, step by step."""
    steps, drones = hit.shape
    total = np.zeros((steps - horizon + 1, drones))
    known = np.ones(total.shape, bool)
    for start in range(len(total)):
        for drone in range(drones):
            for k in range(horizon):
                if hit[start + k, drone]:
                    total[start, drone] = discount**k
                    break
                if cut[start + k, drone]:
                    known[start, drone] = False
                    break
    return total, known


def test_returns_are_those_of_a_plain_loop():
    random = np.random.default_rng(0)
    hit = random.random((12, 50)) < 0.1
    cut = ~hit & (random.random((12, 50)) < 0.1)
    for horizon, discount in ((5, 0.9), (1, 0.5), (12, 1.0)):
        found = collision_returns(hit, cut, horizon=horizon, discount=discount)
        expected = returns_by_hand(hit, cut, horizon, discount)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
        np.testing.assert_array_equal(found[1], expected[1])
        assert 0 < expected[1].mean() < 1 and 0 < expected[0].mean() < 1


def test_the_loss_is_optaxs_and_its_gradient_is_probability_minus_target():
    random = np.random.default_rng(1)
    logits = jnp.float32(random.normal(size=(6, 4)))
    bins = jnp.int32(random.integers(0, 4, 6))
    target = jnp.float32(random.random(6))
    known = jnp.array([True, True, False, True, False, True])
    chosen = logits[np.arange(6), bins]
    each = optax.sigmoid_binary_cross_entropy(chosen, target)
    np.testing.assert_allclose(bernoulli_loss(chosen, target), each, rtol=1e-5)
    value, gradient = jax.value_and_grad(collision_loss)(logits, bins, target, known)
    np.testing.assert_allclose(value, each[known].mean(), rtol=1e-5)
    expected = np.zeros((6, 4))
    expected[np.arange(6), bins] = np.where(known, 1 / (1 + np.exp(-chosen)) - target, 0) / 4
    np.testing.assert_allclose(gradient, expected, atol=1e-6)
    nothing = collision_loss(logits, bins, target, jnp.zeros(6, bool))
    assert nothing == 0


def constant_net(logits):
    """Predicts the same for all pictures; its parameters are the logits."""
    logits = jnp.float32(logits)
    return CollisionNet(
        lambda key: logits,
        lambda params, pictures: jnp.broadcast_to(params, (*pictures.shape[:-3], len(params))),
        grid_of(ROWS, COLUMNS),
    )


def test_a_step_is_the_gradient_of_its_rollouts():
    """With one sample of each drone: the net's change is the mean of target less probability.

    The rollouts are flown again here, by a loop over the steps of each drone alone.
    """
    drones, horizon = 6, 5
    net = constant_net([0.3, -0.2, 0.1])
    learner = cad2rl(WORLD, net, optax.sgd(1.0), num_envs=drones, horizon=horizon, learned=1)
    state = jax.jit(learner.init)(KEY)
    after, metrics = jax.jit(learner.step)(jax.random.key(5), state, ())
    fly_key, _ = jax.random.split(jax.random.key(5))
    tried_key, _ = jax.random.split(fly_key)
    tried = jax.random.randint(tried_key, (drones,), 0, 3)
    move = jax.jit(WORLD.move)
    change, targets = np.zeros(3), []
    for drone in range(drones):
        task, world = jax.tree.map(lambda x, d=drone: x[d], (state.actors.task, state.actors.env))
        target = 0.0
        for k in range(horizon):
            chosen = int(tried[drone]) if k == 0 else 1  # the least of the logits
            world, out = move(world, net.bins[chosen], task)
            assert not out.truncated
            if out.terminated:
                target = 0.9**k
                break
        targets.append(target)
        chosen = int(tried[drone])
        probability = 1 / (1 + np.exp(-float(state.params[chosen])))
        change[chosen] += (target - probability) / drones
    np.testing.assert_allclose(after.params - state.params, change, atol=1e-5)
    np.testing.assert_allclose(metrics["target"], np.mean(targets), rtol=1e-5)
    assert 0 < np.mean(targets) < 1


def draw_blocked(keys, bins):
    """Which directions are blocked within 1.5 m [B, bins], at random places."""
    right, up = np.asarray(bins).T

    @jax.jit
    def draw(key):
        task_key, start_key = jax.random.split(key)
        task = WORLD.sample_task(task_key)
        world = WORLD.start(start_key, task)
        cos, sin = jnp.cos(world.heading), jnp.sin(world.heading)
        ways = jnp.stack([cos + right * sin, sin - right * cos, 0 * sin + up], axis=-1)
        ways /= jnp.linalg.norm(ways, axis=-1, keepdims=True)
        return free_distance(task.layout, world.position, ways) < 1.5

    return [draw(key) for key in keys]


def test_the_first_stage_learns_what_rays_say():
    """For a net without pictures the gradient is the share of rays that are blocked."""
    net = constant_net([0.0, 0.0, 0.0])
    learner = free_space(WORLD, net, optax.sgd(3.0), batch_size=16, distance=1.5)
    state = learner.init(KEY)
    after, metrics = jax.jit(learner.step)(jax.random.key(1), state, ())
    blocked = draw_blocked(jax.random.split(jax.random.key(1), 16), net.bins)
    share = np.mean(blocked, axis=0)
    np.testing.assert_allclose(after.params, share - 0.5, atol=1e-5)
    np.testing.assert_allclose(metrics["blocked"], share.mean(), rtol=1e-5)
    assert 0 < share.mean() < 1


def last_loss(see):
    """Of a net that learns free space by such pictures, in corridors of one look."""
    world = corridor_world(start="anywhere", looks="fixed", side=16)
    net = collision_net(side=16, rows=1, columns=3, channels=6, hidden=32)
    world = world._replace(see=see or world.see)
    learner = free_space(world, net, optax.adam(1e-2), batch_size=32, distance=1.5)
    keys = jax.random.split(jax.random.key(3), 400)
    step = lambda state, key: learner.step(key, state, ())  # noqa: E731
    _, metrics = jax.jit(lambda s: jax.lax.scan(step, s, keys))(learner.init(KEY))
    return np.mean(metrics["loss"][-50:])


def test_only_pictures_tell_more_than_the_best_constant_does():
    """The control: a net that is shown nothing comes to the best constant prediction, no farther.

    That is the share of blocked rays of each direction, whose loss is its entropy.
    """
    share = np.mean(draw_blocked(jax.random.split(jax.random.key(2), 500), grid_of(1, 3)), axis=0)
    constant = -np.mean(share * np.log(share) + (1 - share) * np.log(1 - share))
    blank = last_loss(lambda state, task: jnp.zeros((16, 16, 3), jnp.uint8))
    assert abs(blank - constant) < 0.03
    assert last_loss(None) < 0.7 * constant


def test_advice_is_the_least_collision_or_drawn_by_its_odds():
    logits = jnp.tile(jnp.array([2.0, -1.0, 0.5]), (4000, 1))
    assert (advise(KEY, logits) == 1).all()
    drawn = np.bincount(advise(KEY, logits, temperature=0.5), minlength=3) / 4000
    odds = np.exp(-1 / (1 + np.exp(-np.array([2.0, -1.0, 0.5]))) / 0.5)
    np.testing.assert_allclose(drawn, odds / odds.sum(), atol=0.03)


def test_bins_lie_in_the_middle_of_their_parts_of_the_picture():
    bins = np.asarray(grid_of(2, 3))
    np.testing.assert_allclose(bins[:3], [[-2 / 3, 0.5], [0, 0.5], [2 / 3, 0.5]], atol=1e-6)
    np.testing.assert_allclose(bins[3:, 1], -0.5)


def test_the_geometric_pilot_is_alike_left_and_right_and_flies_farther():
    """A corridor in a mirror is flown through in the mirror; and geometry beats chance."""
    task = WORLD.sample_task(KEY)
    state = WORLD.start(jax.random.key(1), task)
    bins = grid_of(1, 9)
    layout = task.layout
    low, high = layout.low, layout.high
    flip = jnp.array([1.0, -1.0, 1.0])
    mirrored = task._replace(
        layout=layout._replace(
            low=low.at[:, 1].set(-high[:, 1]), high=high.at[:, 1].set(-low[:, 1])
        )
    )
    turned = state._replace(position=state.position * flip, heading=-state.heading)
    found = free_way(state, task, bins)
    np.testing.assert_allclose(free_way(turned, mirrored, bins)[::-1], found, atol=1e-3)
    net = constant_net([0.0, 0.0, 0.0])._replace(bins=grid_of(3, 9))
    fly = jax.jit(lambda key: fly_baselines(key, WORLD_TESTED, net, episodes=32, max_steps=120))
    results = fly(KEY)
    for pilot in PILOTS:
        ends = results[f"{pilot}_collision_rate"] + results[f"{pilot}_reach_rate"]
        assert ends <= 1
    assert results["straight_collision_rate"] == 1  # every corridor has turns
    assert results["oracle_meters"] > 2 * results["straight_meters"]
    assert results["straight_meters"] > results["random_meters"]


WORLD_TESTED = corridor_world(layouts="unseen", looks="held_out", side=SIDE)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"num_envs": 0}, "num_envs=0 should be at least 1"),
        ({"horizon": 0}, "horizon=0 should be at least 1"),
        ({"learned": 0}, "learned=0 should be at least 1"),
        ({"discount": 0.0}, "discount=0.0 should be above 0"),
        ({"discount": 1.5}, "discount=1.5 should be above 0 and at most 1"),
        ({"temperature": -1.0}, "temperature=-1.0 should be at least 0"),
    ],
)
def test_bad_numbers_are_refused_in_one_line(settings, text):
    net = constant_net([0.0, 0.0, 0.0])
    with pytest.raises(BadInput, match=text) as caught:
        cad2rl(WORLD, net, optax.sgd(1.0), **{"num_envs": 2} | settings)
    assert "\n" not in str(caught.value)


def test_a_grid_without_bins_and_no_distance_are_refused():
    with pytest.raises(BadInput, match="0 x 3 directions"):
        collision_net(side=16, rows=0, columns=3)
    net = constant_net([0.0, 0.0, 0.0])
    with pytest.raises(BadInput, match="within 0 m: should be above 0"):
        free_space(WORLD, net, optax.sgd(1.0), batch_size=2, distance=0)
