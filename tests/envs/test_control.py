"""Our worlds of dm_control's tasks against its recorded trajectories, and against MuJoCo in C."""

import importlib
from importlib import resources

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.envs import Box, check, make
from jaxdl.envs.control.episodes import MAX_STEPS, Moment, State, poses
from jaxdl.envs.control.physics import Constants, center_velocity, with_constants
from jaxdl.envs.control.rewards import above, linear_above

XML = resources.files("jaxdl.envs").joinpath("assets")
RECORDED = {
    "reacher": "reacher-easy",
    "cheetah": "cheetah-run",
    "walker": "walker-walk",
    "finger": "finger-spin",
    "ball_in_cup": "ball_in_cup-catch",
}


def design_of(name, *settings):
    return importlib.import_module(f"jaxdl.envs.control.{name}").design(*settings)


def recording(real_data, name):
    recorded = np.load(real_data / "mjcf/dmc_traj.npz")
    names = ("qpos", "qvel", "act", "rew", "obs", "dt")
    return [recorded[f"{RECORDED[name]}/{part}"] for part in names]


def goal_of(real_data, name, design):
    if name != "reacher":
        return design.draw_goal(jax.random.key(0))
    target = np.load(real_data / "mjcf/dmc_traj.npz")["reacher-easy/target"]
    goal = design.draw_goal(jax.random.key(0))
    assert goal.radius == np.float32(target[3])
    return goal._replace(place=jnp.float32(target[:2]))


def exact(compiled):
    """The model with dm_control's settings of the solver, which ours are a faster choice of."""
    compiled.opt.iterations = 200
    compiled.opt.ls_iterations = 50
    compiled.opt.tolerance = 1e-8
    return compiled


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_trajectories_of_dm_control(real_data, name):
    qpos, qvel, action, reward, obs, (seconds, timestep, *_) = recording(real_data, name)
    design = design_of(name)
    goal = goal_of(real_data, name, design)
    model = exact(design.mechanism.compiled)
    assert model.opt.timestep == timestep
    assert design.mechanism.steps * timestep == pytest.approx(seconds)
    data = mujoco.MjData(model)
    data.qpos = qpos[0]
    data.qvel = qvel[0]
    observe = jax.jit(design.observe)
    judge = jax.jit(design.reward)
    for t in range(60):
        data.ctrl = action[t]
        for _ in range(design.mechanism.steps):
            mujoco.mj_step(model, data)
        np.testing.assert_allclose(data.qpos, qpos[t + 1], atol=1e-10)
        np.testing.assert_allclose(data.qvel, qvel[t + 1], atol=1e-9)
        joints = jnp.float32(data.qpos), jnp.float32(data.qvel)
        moment = Moment(design.mechanism.model, *joints, jnp.float32(data.sensordata))
        np.testing.assert_allclose(observe(moment, goal), obs[t], rtol=1e-5, atol=2e-6)
        np.testing.assert_allclose(judge(moment, goal), reward[t], rtol=1e-4, atol=1e-6)


def test_constants_are_compiled_as_mujoco_compiles_them():
    changed = Constants(mass=1.5, damping=0.5, strength=2.0, friction=0.75, gravity=0.8)
    compiled_anew = (
        "opt.gravity body_mass body_inertia dof_armature body_invweight0 dof_invweight0 "
        "tendon_invweight0 dof_damping actuator_gear geom_friction"
    )
    for name in RECORDED:
        design = design_of(name)
        spec = mujoco.MjSpec.from_string(XML.joinpath(f"{name}.xml").read_text())
        for geom in spec.geoms:
            geom.density *= changed.mass
            geom.friction *= changed.friction
        for joint in spec.joints:
            joint.armature *= changed.mass
            joint.damping *= changed.damping
        for motor in spec.actuators:
            motor.gear *= changed.strength
        spec.option.gravity *= changed.gravity
        theirs = spec.compile()
        if name == "finger":  # the spinner's own damping when it spins
            theirs.dof_damping[2] = changed.damping * 0.03
        ours = with_constants(design.mechanism.model, changed)
        for field in compiled_anew.split():
            expected = theirs.opt.gravity if field == "opt.gravity" else getattr(theirs, field)
            mine = ours.opt.gravity if field == "opt.gravity" else getattr(ours, field)
            np.testing.assert_allclose(mine, expected, rtol=1e-5, atol=1e-9, err_msg=field)


def test_parts_of_the_cheetah_that_are_left_out_stay_apart():
    """In poses within the joints' limits, half of them with most joints at a limit."""
    model = design_of("cheetah").mechanism.compiled
    data = mujoco.MjData(model)
    bodies = [(pair >> 16, pair & 0xFFFF) for pair in model.exclude_signature]
    geoms = [
        (i, j)
        for first, second in bodies
        for i in np.flatnonzero(model.geom_bodyid == first)
        for j in np.flatnonzero(model.geom_bodyid == second)
    ]
    assert len(bodies) == 10 and len(geoms) == 11
    rng = np.random.default_rng(0)
    low, high = np.where(model.jnt_limited, model.jnt_range.T, 0.0)
    nearest = np.inf
    for number in range(2000):
        draw = rng.uniform(-0.5, 1.5, 9) if number % 2 else rng.uniform(0, 1, 9)
        data.qpos = low + (high - low) * np.clip(draw, 0, 1)
        mujoco.mj_kinematics(model, data)
        for i, j in geoms:
            nearest = min(nearest, mujoco.mj_geomDistance(model, data, i, j, 1.0, None))
    assert 0.05 < nearest < 0.5


@pytest.mark.parametrize("name", ["cheetah", "walker"])
def test_the_speed_of_the_center_of_mass(name):
    """Against the sensor by which dm_control measures it."""
    text = XML.joinpath(f"{name}.xml").read_text()
    sensor = '<sensor><subtreelinvel body="torso"/></sensor></mujoco>'
    compiled = mujoco.MjModel.from_xml_string(text.replace("</mujoco>", sensor))
    data = mujoco.MjData(compiled)
    data.qpos, data.qvel = np.random.default_rng(0).normal(size=(2, 9))
    mujoco.mj_forward(compiled, data)
    moved = design_of(name).mechanism
    speed = jax.jit(lambda qpos, qvel: center_velocity(moved, moved.model, qpos, qvel))
    ours = speed(jnp.float32(data.qpos), jnp.float32(data.qvel))
    np.testing.assert_allclose(ours, data.sensordata, rtol=1e-4, atol=1e-5)


def test_rewards_fade_as_they_should():
    # By hand: a bell that is 0.1 where 0.6 is missing, so 0.1 ** 0.25 where 0.3 is.
    np.testing.assert_allclose(
        above(jnp.array([2.0, 1.2, 0.9, 0.6]), 1.2, margin=0.6), [1, 1, 0.1**0.25, 0.1], rtol=1e-5
    )
    # A line through 1 at 8 and 0.5 at 4, which ends at 0 for -1 and below.
    fade = linear_above(jnp.array([9.0, 8.0, 6.0, 4.0, 0.0, -1.0]), 8.0, margin=4.0, at_margin=0.5)
    np.testing.assert_allclose(fade, [1, 1, 0.75, 0.5, 0, 0], atol=1e-6)


def moment_of(design, qpos, qvel, sensors=()):
    arrays = (jnp.float32(x) for x in (qpos, qvel, sensors))
    return Moment(design.mechanism.model, *arrays)


def test_the_reacher_is_paid_within_its_target():
    for task, radius in (("easy", 0.05), ("hard", 0.015)):
        design = design_of("reacher", task)
        goal = design.draw_goal(jax.random.key(0))._replace(place=jnp.array([0.0, 0.1]))
        assert goal.radius == np.float32(radius)
        # The arm points along y, folded back so that its tip is `far` from the shoulder.
        for far, paid in ((0.1 + radius + 0.009, 1), (0.1 + radius + 0.011, 0)):
            bend = 2 * np.arccos(far / 0.24)
            qpos = [np.pi / 2 - bend / 2, bend]
            moment = moment_of(design, qpos, [0, 0])
            assert design.reward(moment, goal) == paid
            to_target = design.observe(moment, goal)[2:4]
            np.testing.assert_allclose(to_target, [0, 0.1 - far], atol=1e-6)


def test_the_finger_is_paid_for_spinning_and_for_turning():
    design = design_of("finger")
    for speed, paid in ((-15.1, 1), (-14.9, 0), (15.1, 0)):
        moment = moment_of(design, [0, 0, 0], [0, 0, speed], [0, 0])
        assert design.reward(moment, ()) == paid
    for task, radius in (("turn_easy", 0.07), ("turn_hard", 0.03)):
        design = design_of("finger", task)
        goal = design.draw_goal(jax.random.key(1))
        np.testing.assert_allclose(jnp.linalg.norm(goal.place), 0.13, rtol=1e-6)
        right = -np.arctan2(goal.place[0], goal.place[1])
        reach = 2 * np.arcsin(radius / 2 / 0.13)  # angle whose chord is the radius
        for off, paid in ((0.0, 1), (0.98 * reach, 1), (-1.02 * reach, 0)):
            moment = moment_of(design, [0, 0, right + off], [0, 0, 0], [np.e - 1, 0])
            assert design.reward(moment, goal) == paid
            obs = design.observe(moment, goal)
            np.testing.assert_allclose(obs[7:9], [1, 0], atol=1e-6)
            np.testing.assert_allclose(obs[9:11], goal.place)
            distance = 2 * 0.13 * np.sin(abs(off) / 2) - radius
            np.testing.assert_allclose(obs[11], distance, atol=1e-6)


def test_the_cup_is_paid_while_the_ball_is_in_it():
    design = design_of("ball_in_cup")
    middle = np.array([0.0, 0.35])  # of the cup's inside, from where the ball's joints are 0
    for off, paid in (((0, 0), 1), ((0.024, -0.024), 1), ((0.026, 0), 0), ((0, 0.026), 0)):
        moment = moment_of(design, [0.1, -0.2, *(middle + [0.1, -0.2] + off)], np.zeros(4))
        assert design.reward(moment, ()) == paid


def test_the_walker_is_paid_for_standing_and_for_its_speed():
    rewards = {}
    for task in ("stand", "walk", "run"):
        design = design_of("walker", task)
        reward = jax.jit(design.reward)
        goal = design.draw_goal(jax.random.key(0))
        for speed in (0.0, 1.0, 8.0):
            qvel = [0, speed, *[0] * 7]
            rewards[task, speed] = float(reward(moment_of(design, np.zeros(9), qvel), goal))
    # Upright and still, a walker at its goal of 1 m/s lacks the whole of its margin, twice.
    expected = {"stand": (1, 1, 1), "walk": (1 / 6, 1, 1), "run": (1 / 6, (5 / 8 + 1) / 6, 1)}
    for task, values in expected.items():
        for speed, value in zip((0.0, 1.0, 8.0), values, strict=True):
            assert rewards[task, speed] == pytest.approx(value, rel=1e-5), (task, speed)


def test_starts_are_dm_controls():
    keys = jax.random.split(jax.random.key(0), 200)
    for name in ("reacher", "walker"):
        env = make(f"mjx/{name}")
        state, _ = jax.jit(jax.vmap(lambda key, env=env: env.reset(key, env.sample_task(key))))(
            keys
        )
        compiled = design_of(name).mechanism.compiled
        limited = compiled.jnt_limited == 1
        low, high = compiled.jnt_range[limited].T
        drawn = np.asarray(state.qpos)[:, limited]
        assert (drawn >= low).all() and (drawn <= high).all()
        np.testing.assert_allclose(drawn.mean(0), (low + high) / 2, atol=0.25 * (high - low).max())
        assert np.abs(state.qvel).max() == 0 and np.all(np.asarray(state.time) == 0)
    free = np.asarray(state.qpos)[:, :3]  # the walker's height and place stay, its pitch does not
    assert np.abs(free[:, :2]).max() == 0 and np.ptp(free[:, 2]) > 6


@pytest.mark.parametrize("name", ["finger", "ball_in_cup"])
def test_nothing_touches_at_the_start(name):
    design = design_of(name)
    start = jax.jit(jax.vmap(lambda key: design.start(key, design.mechanism.model)[0]))
    qpos = np.asarray(start(jax.random.split(jax.random.key(0), 300)))
    model = design.mechanism.compiled
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    touched = 0
    for joints in qpos:
        data.qpos = joints
        mujoco.mj_forward(model, data)
        assert data.ncon == 0
        # Drawn blindly from the same range, some would touch.
        data.qpos = rng.uniform(qpos.min(0), qpos.max(0))
        mujoco.mj_forward(model, data)
        touched += data.ncon > 0
    assert np.ptp(qpos[:, -1]) > 0.25
    assert touched > 0


def test_spaces_goals_and_lengths():
    sizes = {
        "mjx/reacher": (6, 2),
        "mjx/reacher:task=hard": (6, 2),
        "mjx/cheetah": (17, 6),
        "mjx/walker": (24, 6),
        "mjx/finger": (9, 2),
        "mjx/finger:task=turn_hard": (12, 2),
        "mjx/ball_in_cup": (8, 2),
    }
    for name, (observed, motors) in sizes.items():
        env = make(name)
        assert env.obs_space.shape == (observed,)
        assert env.action_space == Box((motors,), -1.0, 1.0)
    check(env)
    low, high = np.asarray(make("mjx/walker").obs_space.low), make("mjx/walker").obs_space.high
    np.testing.assert_array_equal(low, -np.asarray(high))
    np.testing.assert_array_equal(np.isfinite(low), np.arange(24) < 14)
    goals = jax.vmap(design_of("reacher").draw_goal)(jax.random.split(jax.random.key(0), 200))
    far = np.linalg.norm(goals.place, axis=1)
    assert 0.05 <= far.min() < 0.06 and 0.19 < far.max() <= 0.2


def test_randomized_constants():
    env = make("mjx/reacher", randomize=0.2)
    keys = jax.random.split(jax.random.key(0), 300)
    constants = jax.vmap(env.sample_task)(keys).constants
    for factor in constants:
        assert 0.8 <= factor.min() < 0.82 and 1.18 < factor.max() <= 1.2
    standard = jax.vmap(make("mjx/reacher").sample_task)(keys).constants
    for factor in standard:
        np.testing.assert_array_equal(factor, 1)


def test_a_heavier_arm_turns_less_and_episodes_are_cut():
    env = make("mjx/reacher")
    task = env.sample_task(jax.random.key(0))
    step = jax.jit(env.step)
    speeds = []
    for mass in (1.0, 2.0):
        heavier = task._replace(constants=task.constants._replace(mass=jnp.float32(mass)))
        for time, truncated in ((0, False), (MAX_STEPS - 2, False), (MAX_STEPS - 1, True)):
            state = State(jnp.zeros(2), jnp.zeros(2), jnp.int32(time))
            after, out = step(jax.random.key(0), state, jnp.array([9.0, 0.0]), heavier)
            assert bool(out.truncated) == truncated and not out.terminated
            assert out.reward in (0.0, 1.0)
        speeds.append(float(after.qvel[0]))
    assert 0 < speeds[1] < 0.7 * speeds[0]


def test_the_camera_is_told_of_the_target_and_follows_the_walker():
    design = design_of("reacher")
    task = make("mjx/reacher").sample_task(jax.random.key(0))
    state = State(jnp.zeros(2), jnp.zeros(2), jnp.int32(0))
    placed = jax.jit(poses(design))(state, task)
    target = design.mechanism.compiled.geom("target").id
    np.testing.assert_allclose(placed.geom_xpos[target, :2], task.goal.place, rtol=1e-6)

    design = design_of("walker")
    qpos = np.array([0.1, 3.0, 0.5, 0.2, -0.3, 0.1, 0.4, -0.5, 0.2])
    state = State(jnp.float32(qpos), jnp.zeros(9), jnp.int32(0))
    placed = jax.jit(poses(design))(state, make("mjx/walker").sample_task(jax.random.key(0)))
    data = mujoco.MjData(design.mechanism.compiled)
    data.qpos = qpos
    mujoco.mj_forward(design.mechanism.compiled, data)
    np.testing.assert_allclose(placed.cam_xpos, data.cam_xpos, atol=1e-5)
    np.testing.assert_allclose(placed.geom_xpos, data.geom_xpos, atol=1e-5)


def test_bad_settings():
    with pytest.raises(BadInput, match="easy, hard"):
        make("mjx/reacher", task="medium")
    with pytest.raises(BadInput, match="stand, walk, run"):
        make("mjx/walker", task="hop")
    with pytest.raises(BadInput, match="turn_easy"):
        make("mjx/finger", task="turn")
    with pytest.raises(BadInput, match="randomize=1"):
        make("mjx/cheetah", randomize=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECORDED)
def test_steps_as_mujoco_does_where_things_touch(name):
    """From states with contacts, which the recorded trajectories have few of."""
    design = design_of(name)
    env = make(f"mjx/{name}")
    before, after = touching_states(design, name, 64)
    task = env.sample_task(jax.random.key(0))

    @jax.jit
    @jax.vmap
    def step(qpos, qvel, action):
        return env.step(jax.random.key(0), State(qpos, qvel, jnp.int32(0)), action, task)

    state, out = step(*(jnp.float32(x) for x in before))
    apart = np.abs(np.asarray(state.qvel) - after[1]).max(1)
    assert np.median(apart) < 1e-4 and np.quantile(apart, 0.9) < 2e-3, np.sort(apart)[-8:]
    np.testing.assert_allclose(state.qpos, after[0], atol=0.05)
    assert np.isfinite(out.obs).all()
    assert out.reward.min() >= 0 and out.reward.max() <= 1
    if name == "finger":
        close = apart < 1e-3
        np.testing.assert_allclose(out.obs[close, 7:9], np.log1p(after[2])[close], atol=0.05)
        assert after[2].max() > 1  # one of the sensors felt something


def touching_states(design, name, count):
    """States and controls of random play in C before steps with contacts, and states after."""
    compiled = exact(mujoco.MjModel.from_xml_string(XML.joinpath(f"{name}.xml").read_text()))
    compiled.dof_damping[:] = design.mechanism.compiled.dof_damping
    data = mujoco.MjData(compiled)
    rng = np.random.default_rng(0)
    limited = compiled.jnt_limited == 1
    before, after = [], []
    while len(before) < count:
        mujoco.mj_resetData(compiled, data)
        data.qpos[limited] = rng.uniform(*compiled.jnt_range[limited].T)
        if name == "ball_in_cup":
            data.qpos[2:] = rng.uniform(-0.2, 0.2), rng.uniform(0.2, 0.6)
        for t in range(100):
            start = data.qpos.copy(), data.qvel.copy()
            data.ctrl = rng.uniform(-1, 1, compiled.nu) if t % 8 == 0 else data.ctrl
            data.qacc_warmstart = 0
            for _ in range(design.mechanism.steps):
                mujoco.mj_step(compiled, data)
            if t % 5 == 4 and len(before) < count and (data.ncon or name == "reacher"):
                before.append((*start, data.ctrl.copy()))
                after.append((data.qpos.copy(), data.qvel.copy(), data.sensordata.copy()))
    return [np.array(x) for x in zip(*before, strict=True)], [
        np.array(x) for x in zip(*after, strict=True)
    ]
