"""The corridors: what they are made of, how a drone flies and collides, and what it sees."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from jaxdl.core.run import BadInput
from jaxdl.envs import check, make
from jaxdl.envs.corridor import looks, prints
from jaxdl.envs.corridor.camera import cast
from jaxdl.envs.corridor.flight import (
    PROBES,
    RADIUS,
    SECONDS,
    SPEED,
    TURN,
    State,
    clearance,
    flight_direction,
    free_distance,
    move,
    progress_of,
    total_length,
)
from jaxdl.envs.corridor.layout import CEILING, SEEN, UNSEEN, Family, draw_layout
from jaxdl.envs.corridor.world import MAX_STEPS, corridor_world

KEY = jax.random.key(0)
FAMILIES = {"seen": SEEN, "unseen": UNSEEN}
SIDE = 16


@cache
def begin(layouts="seen", start="entrance", looks="random"):
    """A world, and key -> task and state in one program."""
    world = corridor_world(layouts=layouts, start=start, looks=looks, side=SIDE)

    def both(key):
        task = world.sample_task(key)
        return task, world.start(jax.random.fold_in(key, 1), task)

    return world, jax.jit(both)


@cache
def layouts(family, count):
    """Some corridors as NumPy's arrays [count, ...]."""
    keys = jax.random.split(jax.random.key(3), count)
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(lambda k: draw_layout(k, family)))(keys))


def one(tree, i):
    return jax.tree.map(lambda x: x[i], tree)


def distance_by_hand(low, high, point):
    """To the nearest of many points on and in the boxes, and to floor and ceiling."""
    nearest = min(point[2], CEILING - point[2])
    for a, b in zip(low, high, strict=True):
        grid = [np.linspace(a[i], b[i], 1 + int(np.ceil((b[i] - a[i]) / 0.01))) for i in range(3)]
        gaps = [np.abs(line - point[i]).min() for i, line in enumerate(grid)]
        nearest = min(nearest, np.linalg.norm(gaps))
    return nearest


def test_distances_are_those_to_the_nearest_of_all_points():
    drawn = one(layouts(UNSEEN, 15), 0)
    random = np.random.default_rng(0)
    spots = random.uniform(drawn.low.min(0) - 1, drawn.high.max(0) + 1, (200, 3))
    spots[:, 2] = random.uniform(0, CEILING, 200)
    found = clearance(drawn, jnp.float32(spots))
    expected = [distance_by_hand(drawn.low, drawn.high, spot) for spot in spots]
    np.testing.assert_allclose(found, expected, atol=8e-3)  # the points are 1 cm apart
    assert (np.asarray(found) == 0).any() and (np.asarray(found) > 0.3).any()


def march(low, high, start, way, radius, step=2e-3):
    """How far a cube goes by small steps."""
    gone = 0.0
    while gone < 30.0:
        spot = start + gone * way
        inside = np.all((spot > low - radius) & (spot < high + radius), axis=1).any()
        if inside or not radius < spot[2] < CEILING - radius:
            return gone
        gone += step
    return gone


@pytest.mark.parametrize("radius", [0.0, RADIUS])
def test_free_distances_are_those_of_small_steps(radius):
    drawn = one(layouts(SEEN, 15), 0)
    random = np.random.default_rng(1)
    ways = random.normal(size=(20, 3)) * [1, 1, 0.3]
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    start = np.array([0.3, 0.1, 1.2])
    found = free_distance(drawn, jnp.float32(start), jnp.float32(ways), radius)
    expected = [march(drawn.low, drawn.high, start, way, radius) for way in ways]
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize("name", FAMILIES)
def test_there_is_always_a_way_for_the_drone(name):
    """By breadth-first search over cells of 10 cm whose middles have room for the drone."""
    cell = 0.1
    for i in range(15):
        drawn = one(layouts(FAMILIES[name], 15), i)
        start, end = drawn.low.min(0), drawn.high.max(0)
        axes = [np.arange(a, b, cell) for a, b in zip(start, end, strict=True)]
        spots = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        outside = np.full(spots.shape[:3], np.inf)
        for a, b in zip(drawn.low, drawn.high, strict=True):
            gap = np.maximum(np.maximum(a - spots, spots - b), 0)
            outside = np.minimum(outside, (gap**2).sum(-1))
        height = np.minimum(spots[..., 2], CEILING - spots[..., 2])
        free = np.minimum(np.sqrt(outside), height) > RADIUS
        begin, goal = (cell_of(axes, (*drawn.route[j], 1.3)) for j in (0, -1))
        seed = np.zeros_like(free)
        seed[begin] = True
        reached = ndimage.binary_propagation(seed, mask=free)  # all cells, ring by ring
        assert free[begin] and free[goal] and reached[goal], i


def cell_of(axes, spot):
    return tuple(int(np.abs(axis - v).argmin()) for axis, v in zip(axes, spot, strict=True))


@pytest.mark.parametrize("name", FAMILIES)
def test_walls_close_the_corridor(name):
    """A step to the side of the middle line always meets a wall, and never outside of it."""
    drawn = layouts(FAMILIES[name], 15)
    touch = jax.jit(clearance)
    for i in range(15):
        corridor = one(drawn, i)
        for begin, end in zip(corridor.route[:-1], corridor.route[1:], strict=True):
            ahead = (end - begin) / np.linalg.norm(end - begin)
            aside = np.array([-ahead[1], ahead[0]]) * corridor.width / 2
            for share in (0.4, 0.5, 0.6):
                middle = begin + share * (end - begin)
                for sign in (-1, 1):
                    walls = np.append(middle + sign * 1.1 * aside, 1.2)
                    assert touch(corridor, jnp.float32(walls)) == 0
        assert 0 < total_length(corridor) < MAX_STEPS * SPEED * SECONDS


def test_no_corridor_of_the_tests_can_be_one_of_training():
    assert UNSEEN.width[1] < SEEN.width[0] and UNSEEN.segments > SEEN.segments


def test_a_flight_is_the_one_written_down_before():
    """Positions and headings by the equations in NumPy, and stored numbers of the last state."""
    task, state = begin()[1](KEY)
    places = np.array([[0.2, 0.1], [-0.9, 0.0], [0.4, -0.3], [0.0, 0.0], [-0.2, 0.2]])
    position, heading = np.float64(state.position), float(state.heading)
    step = jax.jit(lambda state, place: move(state, place, task.layout))
    for right, up in places:
        state, hit = step(state, jnp.float32([right, up]))
        way = np.array([np.cos(heading) + right * np.sin(heading),
                        np.sin(heading) - right * np.cos(heading), up])  # fmt: skip
        position = position + SPEED * SECONDS * way / np.sqrt(1 + right**2 + up**2)
        heading -= TURN * np.arctan(right)
        np.testing.assert_allclose(state.position, position, atol=1e-5)
        np.testing.assert_allclose(state.heading, heading, atol=1e-5)
        assert not hit
    np.testing.assert_allclose(state.position, GOLDEN, atol=1e-4)
    assert float(state.progress) == pytest.approx(float(state.position[0]), abs=1e-5)


GOLDEN = [1.402349, -0.305829, 1.297227]


def test_a_collision_is_within_the_radius_of_a_box():
    """A drone that flies at a wall hits it where its ball touches, and not before."""
    task, _ = begin()[1](KEY)
    fly = jax.jit(lambda state: move(state, jnp.zeros(2), task.layout)[1])
    half = float(task.layout.width) / 2
    step = SPEED * SECONDS
    for gap, expected in ((1e-3, False), (-1e-3, True)):
        y = half - RADIUS - step - gap
        state = State(jnp.float32([0.0, y, 1.2]), jnp.float32(np.pi / 2), 0.0, jnp.int32(0))
        assert bool(fly(state)) is expected
    # What lies between two probes is met too: they are nearer to each other than a pillar is thick.
    assert max(np.diff([0.0, *PROBES])) * step < 0.14 * UNSEEN.width[0]


def test_the_drone_cannot_turn_around():
    """Who always turns as sharply as possible collides, from wherever they begin."""
    for name in FAMILIES:
        world, draw = begin(name, "anywhere")

        def circle(key, world=world, draw=draw):
            task, state = draw(key)

            def step(moment, _):
                state, over = moment
                state, out = world.move(state, jnp.array([8 / 9, 0.0]), task)
                return (state, over | out.terminated), ()

            (_, over), _ = jax.lax.scan(step, (state, jnp.bool_(False)), length=30)
            return over

        assert jax.jit(jax.vmap(circle))(jax.random.split(KEY, 200)).all()


def test_progress_is_the_way_along_the_middle_line():
    drawn = one(layouts(SEEN, 15), 0)
    lengths = np.linalg.norm(np.diff(drawn.route, axis=0), axis=1)
    spots = np.append(drawn.route[1] + 0.25 * (drawn.route[2] - drawn.route[1]), 1.0)
    gone = progress_of(drawn, jnp.float32(spots))
    np.testing.assert_allclose(gone, lengths[0] + 0.25 * lengths[1], rtol=1e-5)
    np.testing.assert_allclose(total_length(drawn), lengths.sum(), rtol=1e-6)


def slow_picture(low, high, position, heading, side):
    """Depth [side, side] and surface by testing every ray against every box, in float64."""
    depths, surfaces = np.empty((side, side)), np.empty((side, side), int)
    for row in range(side):
        for column in range(side):
            right, up = (2 * column + 1) / side - 1, 1 - (2 * row + 1) / side
            way = np.array([np.cos(heading) + right * np.sin(heading),
                            np.sin(heading) - right * np.cos(heading), up])  # fmt: skip
            best = (CEILING - position[2]) / up if up > 0 else -position[2] / up
            which = len(low) + (up > 0)
            for i, (a, b) in enumerate(zip(low, high, strict=True)):
                ends = np.stack([(a - position) / way, (b - position) / way])
                enters, leaves = ends.min(0).max(), ends.max(0).min()
                if 0 < enters < leaves and enters < best:
                    best, which = enters, i
            depths[row, column], surfaces[row, column] = best, which
    return depths, surfaces


@pytest.mark.parametrize("name", FAMILIES)
def test_rays_meet_what_a_slow_caster_meets(name):
    _, draw = begin(name, "anywhere")
    take = jax.jit(lambda state, layout: cast(state, layout, side=SIDE))
    for key in jax.random.split(jax.random.key(5), 4):
        task, state = draw(key)
        hit = take(state, task.layout)
        arrays = (np.float64(x) for x in (task.layout.low, task.layout.high, state.position))
        depth, surface = slow_picture(*arrays, float(state.heading), SIDE)
        same = np.asarray(hit.surface) == surface
        assert same.mean() > 0.99  # the edge of a box may pass within a pixel's rounding
        np.testing.assert_allclose(np.asarray(hit.depth)[same], depth[same], rtol=1e-3)
        np.testing.assert_allclose(np.asarray(hit.distance)[same],
                                   (depth * lengths(SIDE))[same], rtol=1e-3)  # fmt: skip


def lengths(side):
    """Of the rays, for a depth of 1."""
    places = (2 * np.arange(side) + 1) / side - 1
    return np.sqrt(1 + places**2 + places[:, None] ** 2)


def test_rays_of_the_directions_are_those_of_the_picture():
    """What is met in a pixel is as far as `free_distance` says in its direction."""
    task, state = begin("seen", "anywhere")[1](KEY)
    places = (2 * np.arange(SIDE) + 1) / SIDE - 1
    bins = np.stack(np.meshgrid(places, -places), axis=-1).reshape(-1, 2)

    def both(state, layout):
        ways = flight_direction(state.heading, jnp.float32(bins))
        return free_distance(layout, state.position, ways), cast(state, layout, side=SIDE).distance

    free, seen = jax.jit(both)(state, task.layout)
    np.testing.assert_allclose(free.reshape(SIDE, SIDE), seen, rtol=1e-3)


def test_pictures_are_what_their_paint_says():
    """One surface, plain and without noise: its color times the light, by hand."""
    world, draw = begin(looks="fixed")
    task, _ = draw(KEY)
    state = State(jnp.float32([0.0, 0.0, 1.2]), jnp.float32(0.3), 0.0, jnp.int32(0))
    picture = np.asarray(jax.jit(world.see)(state, task))
    hit = jax.jit(lambda state: cast(state, task.layout, side=SIDE))(state)
    light = task.look.light
    normal = np.stack([np.broadcast_to(n, hit.depth.shape) for n in hit.normal], axis=-1)
    way = flight_direction(state.heading, grid(SIDE))
    facing = np.abs((normal * np.asarray(way)).sum(-1))
    lit = light.ambient + light.sun * np.maximum(normal @ np.asarray(light.towards), 0)
    lit = lit + light.lamp * facing / (1 + (np.asarray(hit.distance) / 3) ** 2)
    plain = np.asarray(hit.surface) != len(task.layout.low)  # the floor has tiles
    expected = 255 * np.asarray(task.look.paint.rgb)[np.asarray(hit.surface)] * lit[..., None]
    assert plain.sum() > 100
    np.testing.assert_allclose(picture[plain], np.clip(expected, 0, 255)[plain], atol=1.5)


def grid(side):
    places = (2 * jnp.arange(side) + 1) / side - 1
    return jnp.stack(jnp.meshgrid(places, -places), axis=-1)


def test_looks_leave_the_flight_unchanged():
    """The same bits of states, rewards and ends in all looks; other pictures."""
    pictures, flights = [], []
    for look in ("random", "fixed", "held_out"):
        env = make("corridor", looks=look, side=SIDE)

        def play(key, env=env):
            task = env.sample_task(key)
            state, obs = env.reset(key, task)

            def step(state, key):
                action = jax.random.uniform(key, (2,), minval=-0.5, maxval=0.5)
                state, out = env.step(key, state, action, task)
                return state, (state, out.reward, out.terminated, out.truncated)

            return obs, jax.lax.scan(step, state, jax.random.split(key, 20))[1]

        obs, flight = jax.jit(play)(jax.random.key(4))
        pictures.append(np.asarray(obs))
        flights.append(flight)
    for flight in flights[1:]:
        jax.tree.map(np.testing.assert_array_equal, flights[0], flight)
    assert all((pictures[i] != pictures[i - 1]).any() for i in range(3))


def names_of(record):
    """The names of all parameters of a look, its records' too."""
    nested = (getattr(record, name) for name in record._fields)
    return {*record._fields}.union(*(names_of(x) for x in nested if hasattr(x, "_fields")))


def test_held_out_looks_share_nothing_with_those_of_training():
    """No parameter by name, no texture; and the photographs are in no painted picture."""
    drawn = [begin(looks=name)[1](KEY)[0].look for name in ("random", "held_out")]
    of_training, of_tests = map(names_of, drawn)
    assert not of_training & of_tests and len(of_training) > 10 and len(of_tests) > 6
    assert not {n for n in vars(looks) if n.isupper()} & {n for n in vars(prints) if n.isupper()}
    assert "photographs" not in vars(looks)
    pieces = prints.photographs()
    assert pieces.shape == (prints.PIECES, prints.PIECE_SIDE, prints.PIECE_SIDE, 3)
    assert len(np.unique(pieces.reshape(len(pieces), -1), axis=0)) == prints.PIECES


@pytest.mark.parametrize("draw", [looks.draw_look, prints.draw_printed])
def test_looks_stay_within_their_ranges(draw):
    many = jax.jit(jax.vmap(lambda key: draw(key, 6, 4)))(jax.random.split(KEY, 200))
    if draw is looks.draw_look:
        bounds = {"ambient": looks.AMBIENT, "sun": looks.SUN, "lamp": looks.LAMP}
        values = many.light._asdict()
        colors = np.asarray(many.paint.rgb)
        assert 0 <= colors.min() and colors.max() <= 1
        one_paint = (colors[:, :4] == colors[:, :1]).all((1, 2))
        assert 0.35 < one_paint.mean() < 0.65
        np.testing.assert_allclose(np.linalg.norm(many.light.towards, axis=-1), 1, rtol=1e-5)
    else:
        bounds = {"power": prints.POWER, "haze": prints.HAZE, "photons": prints.PHOTONS}
        values = many.lamps._asdict()
    for name, (low, high) in bounds.items():
        drawn = np.asarray(values[name])
        assert low <= drawn.min() < low + 0.2 * (high - low)
        assert high - 0.2 * (high - low) < drawn.max() <= high


def test_noise_has_the_deviation_that_it_says():
    grains = np.stack(looks.pixel_noise(jnp.uint32(7), (64, 64)))
    np.testing.assert_allclose(grains.mean((1, 2)), 0, atol=0.05)
    np.testing.assert_allclose(grains.std((1, 2)), 1, atol=0.03)
    assert np.abs(np.corrcoef(grains.reshape(3, -1)) - np.eye(3)).max() < 0.05


def test_it_is_a_world_like_others():
    env = make("corridor:layouts=unseen,looks=held_out,start=anywhere", side=SIDE)
    check(env)
    assert env.obs_space.shape == (SIDE, SIDE, 3)
    assert make("corridor").obs_space.shape == (32, 32, 3)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"layouts": "new"}, "layouts='new' should be one of seen, unseen"),
        ({"looks": "real"}, "looks='real' should be one of random, fixed, held_out"),
        ({"start": "exit"}, "start='exit' should be one of entrance, anywhere"),
        ({"side": 7}, "side=7 should be an even number of at least 8"),
        ({"side": 33}, "side=33 should be an even number"),
        ({"family": Family(0, (2, 2), (5, 6), 1)}, "0 segments"),
        ({"family": Family(2, (2, 2), (5, 6), -1)}, "-1 pieces"),
        ({"family": Family(2, (2.2, 2.0), (5, 6), 1)}, "width 2.2 .. 2.0 m: the least"),
        ({"family": Family(2, (2, 2), (6, 5), 1)}, "length 6 .. 5 m: the least"),
        ({"family": Family(2, (1, 2), (5, 6), 1)}, "width 1 m: should be at least 1.5"),
        ({"family": Family(2, (2, 2), (3, 6), 2)}, "segments of 3 m: should be at least 4.7 m"),
    ],
)
def test_bad_corridors_are_refused_in_one_line(settings, text):
    with pytest.raises(BadInput, match=text) as caught:
        corridor_world(**settings)
    assert "\n" not in str(caught.value)
