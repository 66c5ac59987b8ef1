"""How the state is placed, watched, saved and counted: actors, extra, replay, fingerprints."""

import hashlib
import resource

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.core import Learner, Replay, Run, Stopped, TrainState, fingerprint, fit
from jaxdl.core.checkpoint import read_newest, steps_in
from jaxdl.core.learner import skip_nonfinite
from jaxdl.core.mesh import layout, make_mesh
from jaxdl.core.replay import put_in_replay, replay_bytes, take_out_replay
from jaxdl.core.run import NonFinite


def test_only_the_field_called_actors_is_split():
    state = TrainState(
        params={"actors": jnp.zeros((8, 2)), "w": jnp.zeros(3)},
        opt_state=(),
        actors={"world": jnp.zeros((8, 5)), "count": jnp.int32(0)},
        extra={"actors": jnp.zeros((8, 2))},
    )
    places = layout(make_mesh(4), state)
    split = {jax.tree_util.keystr(p) for p, x in _leaves(places) if x.spec}
    assert split == {".actors['world']"}
    several = jax.tree.map(lambda x: jnp.zeros((3, *x.shape)), state)
    places = layout(make_mesh(4), several, axis=1)
    assert {jax.tree_util.keystr(p) for p, x in _leaves(places) if x.spec} == {".actors['world']"}


def _leaves(tree):
    return jax.tree_util.tree_leaves_with_path(tree)


def counter(extra):
    """Counts in its parameters; `extra(count)` is what the state holds besides."""

    def step(key, state, batch):
        count = state.params + 1
        return state._replace(params=count, extra=extra(count)), {"one": jnp.float32(1)}

    return Learner(lambda key: TrainState(jnp.float32(0), (), extra=extra(jnp.float32(0))), step)


def test_extra_is_watched_like_parameters(tmp_path):
    """An observation that is infinite once ruins a normalizer, while all metrics stay finite."""
    learner = counter(lambda count: jnp.where(count == 15, jnp.inf, count))
    run = Run(steps=40, steps_per_call=5, save_every=5, devices=1, workdir=str(tmp_path / "run"))
    with pytest.raises(NonFinite, match="extra, is not finite at step 15"):
        fit(learner, (), run)
    assert steps_in(tmp_path / "run/checkpoints") == [5, 10]


def test_an_update_that_ruins_extra_is_undone():
    def step(key, state, batch):
        draw = jax.random.uniform(key)
        extra = jnp.where(draw < 0.3, jnp.nan, state.extra + 1)
        return state._replace(extra=extra), {"one": jnp.float32(1)}

    learner = Learner(lambda key: TrainState((), (), extra=jnp.float32(0)), step)
    state, result = fit(learner, (), Run(steps=40, skip_nonfinite=6, devices=1))
    assert 20 < state.extra < 40
    assert result["metrics"]["skipped"]["mean"] > 0


def test_to_skip_updates_costs_no_copy_of_the_actors():
    """A ring of 64 MB is written in place, as it is without the check."""

    def step(key, state, batch):
        ring = state.actors.at[:, 3].set(state.params)
        return state._replace(params=state.params + 1, actors=ring), {"x": state.params}

    learner = skip_nonfinite(Learner(lambda key: None, step))
    state = TrainState(jnp.float32(0), (), actors=jnp.zeros((16, 1_000_000)))
    program = jax.jit(learner.step, donate_argnums=1).lower(jax.random.key(0), state, ()).compile()
    assert program.memory_analysis().temp_size_in_bytes < 1_000_000


def replaying(num_envs=8):
    """Writes its step number into a ring, and adds up what the ring holds."""

    def init(key):
        return TrainState(jnp.float32(0), (), {"ring": Replay(jnp.zeros((num_envs, 4)))})

    def step(key, state, batch):
        place = state.params.astype(jnp.int32) % 4
        ring = state.actors["ring"].ring.at[:, place].set(state.params)
        total = {"total": ring.sum()}
        return TrainState(state.params + 1, (), {"ring": Replay(ring)}), total

    return Learner(init, step)


def test_replay_is_kept_once_and_a_cut_run_goes_on_bit_for_bit(tmp_path, capsys):
    def run(name, steps, **changes):
        return Run(
            steps=steps, steps_per_call=2, save_every=2, keep=5, devices=1, horizon=12,
            workdir=str(tmp_path / name), **changes,
        )  # fmt: skip

    straight = fit(replaying(), (), run("straight", 12))[1]["fingerprint"]
    fit(replaying(), (), run("cut", 6))
    assert steps_in(tmp_path / "cut/checkpoints") == [2, 4, 6]
    assert steps_in(tmp_path / "cut/replay") == [6]
    assert fit(replaying(), (), run("cut", 12))[1]["fingerprint"] == straight
    assert "replay: 0.0 MB" in capsys.readouterr().err
    fit(replaying(), (), run("without", 6, save_replay=False))
    assert not (tmp_path / "without/replay").exists()
    capsys.readouterr()
    state, _ = fit(replaying(), (), run("without", 8, save_replay=False))
    assert "checkpoint 6 has no replay; it is filled anew" in capsys.readouterr().err
    np.testing.assert_array_equal(state.actors["ring"].ring[0], [0, 0, 6, 7])


def test_a_checkpoint_whose_replay_is_lost_gives_way_to_one_that_has_it(tmp_path, capsys):
    """As after a kill between the two: the newest step with both is the one to go on from."""

    def run(steps):
        return Run(steps=steps, steps_per_call=2, save_every=2, devices=1, horizon=8,
                   workdir=str(tmp_path / "run"))  # fmt: skip

    fit(replaying(), (), run(4))
    kept = tmp_path / "kept"
    (tmp_path / "run/replay").rename(kept)
    fit(replaying(), (), run(6))
    import shutil

    shutil.rmtree(tmp_path / "run/replay")
    kept.rename(tmp_path / "run/replay")
    state, _ = fit(replaying(), (), run(8))
    assert "resuming" in capsys.readouterr().err
    np.testing.assert_array_equal(state.actors["ring"].ring[0], [4, 5, 6, 7])


def test_replay_is_taken_out_and_put_in_again():
    state = replaying().init(jax.random.key(0))
    rest, rings = take_out_replay(state)
    assert len(jax.tree.leaves(rest)) == 1 and rings[0].shape == (8, 4)
    assert jax.tree.structure(put_in_replay(rest, rings)) == jax.tree.structure(state)
    assert replay_bytes(state) == 8 * 4 * 4


def test_a_fingerprint_is_that_of_all_bytes():
    leaf = np.arange(10_000_000, dtype=np.float32).reshape(10, -1)  # hashed in pieces
    digest = hashlib.sha256(b"['x'] float32 (10, 1000000)")
    digest.update(leaf.tobytes())
    assert fingerprint({"x": jnp.asarray(leaf)}) == digest.hexdigest()
    assert fingerprint({"x": jnp.asarray(leaf)}) != fingerprint({"x": jnp.asarray(-leaf)})


def test_a_fingerprint_makes_no_second_copy():
    leaf = jnp.zeros((256, 1_000_000), jnp.uint8)
    leaf.block_until_ready()
    fingerprint({"small": jnp.zeros(3)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fingerprint({"large": leaf})
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert growth < 0.4 * leaf.nbytes


def test_a_stopped_run_without_a_workdir_hands_out_its_state():
    """As in a notebook, where Ctrl-C would lose it."""
    import os
    import signal

    def step(key, state, batch):
        count = state.params + 1
        jax.debug.callback(interrupt, count)
        return state._replace(params=count), {"count": count}

    def interrupt(count):
        if count == 25:
            os.kill(os.getpid(), signal.SIGINT)

    learner = Learner(lambda key: TrainState(jnp.float32(0), ()), step)
    with pytest.raises(Stopped) as stopped:
        fit(learner, (), Run(steps=10**6, steps_per_call=10, devices=1))
    assert stopped.value.code == 130
    assert stopped.value.step >= 30 and stopped.value.state.params == stopped.value.step


def test_a_checkpoint_can_be_read_without_its_replay(tmp_path):
    """As watch and export do, which need the parameters alone."""
    run = Run(steps=2, devices=1, workdir=str(tmp_path / "run"))
    end, _ = fit(replaying(), (), run)
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    rest = take_out_replay(jax.eval_shape(replaying().init, jax.random.key(0)))[0]
    abstract = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), rest)
    step, state = read_newest(tmp_path / "run/checkpoints", abstract, print)
    assert step == 2 and state.params == end.params == 2
