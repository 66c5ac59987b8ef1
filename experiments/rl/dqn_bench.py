"""DQN beside rejax's, and what its replay ring costs.

`dqn_cartpole`: ours and rejax's both have an MLP of 64-64 ReLUs, 16 worlds, 4 updates of 128
transitions after each step of them, rings of 16,384 filled by 1024 random steps, half the squared
errors, Adam at 1e-3, discount 0.99, epsilon from 1 to 0.05 in half of the steps, and a copy of the
net as its target every 512 env steps. Both are scored by one rule: the mean return of 128 fresh
episodes of the last greedy policy.

`replay_1m`: a ring of 1,048,576 transitions of MinAtar-like boards, [10, 10, 4] bytes.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments._timing import Candidate, measure, scored_training, train_anew
from experiments.rl import _rejax
from jaxdl.envs import make
from jaxdl.nn import fast_dense, q_network
from jaxdl.ops import make_optimizer
from jaxdl.rl import dqn
from jaxdl.rl.off_policy import Regime
from jaxdl.rl.replay import Ring, Steps, add, make_ring, sample, set_priority

STEPS = 65_536
ENVS = 16
UPDATES = 4
BATCH = 128
CAPACITY = 16_384
STARTS = 1024
TARGET_STEPS = 512
RATE = 1e-3
TURNS = 10  # each with a seed of its own
EPISODES = 128
OURS = (
    "draws each world's share of a batch, with replacement; bootstraps truncated episodes; epsilon "
    "falls from the first update on"
)
PEERS = (
    "draws without replacement, by sorting the whole ring; a truncation counts as an end; epsilon "
    "falls from the first step on"
)
WORLDS = 64  # of the large ring
PLACES = 16_384
CALLS = 256  # adds or samples in a timed call
SAMPLED = 512  # transitions of one sample


def dqn_cartpole(peers: bool) -> list[dict]:
    """CartPole-v1's task; `mean_return` is of fresh episodes after training, without exploring."""
    candidates = {"jaxdl": _ours()} | ({"rejax": _peer("CartPole-v1")} if peers else {})
    return measure("dqn_cartpole", candidates, repeats=TURNS)


def _ours() -> Candidate:
    env = make("cartpole")
    rounds = (STEPS - STARTS) // ENVS
    falling = STEPS // 2 // ENVS * UPDATES
    learner = dqn(
        env,
        q_network(env.obs_space, env.action_space, affine=fast_dense),
        make_optimizer(learning_rate=RATE, steps=1, flat=True),
        Regime(
            num_envs=ENVS,
            updates=UPDATES,
            batch_size=BATCH,
            capacity=CAPACITY,
            learning_starts=STARTS,
            tau=1.0,
            eval_envs=EPISODES,
            eval_steps=500,
        ),
        epsilon=optax.linear_schedule(1.0, 0.05, falling),
        target_every=TARGET_STEPS // ENVS * UPDATES,
        huber_delta=None,
    )

    evaluate = jax.jit(learner.evaluate)
    score = lambda state: evaluate(jax.random.key(0), state)["episode_return"]  # noqa: E731
    return scored_training(train_anew(learner, rounds), score, items=STEPS, note=OURS)


def _peer(name: str) -> Candidate:
    peer = _rejax.load(name)
    algorithm = peer.rejax.DQN.create(
        env=peer.env,
        env_params=peer.params,
        num_envs=ENVS,
        num_epochs=UPDATES,
        batch_size=BATCH,
        buffer_size=CAPACITY,
        fill_buffer=STARTS,
        learning_rate=RATE,
        eps_end=0.05,
        exploration_fraction=0.5,
        target_update_freq=TARGET_STEPS,
        polyak=0.0,
        ddqn=False,
        total_timesteps=STEPS,
        eval_freq=STEPS,
        skip_initial_evaluation=True,
        agent_kwargs={"activation": "relu"},  # its net is one of 64-64 in any case
    ).replace(eval_callback=lambda algorithm, state, key: ())

    @jax.jit
    def mean_return(state):
        act = lambda obs, key: jnp.argmax(  # noqa: E731
            algorithm.agent.apply(state.q_ts.params, obs[None])[0]
        )
        return peer.mean_return(act, EPISODES)

    train = lambda key: algorithm.train(key)[0]  # noqa: E731
    return scored_training(train, mean_return, items=STEPS, note=PEERS)


class Work(NamedTuple):
    """A program that is given a ring and gives it back.

    Attributes:
      fn: ring -> ring, and what keeps the compiler from leaving the work out.
      items: transitions that a call writes or reads.
      least_bytes: what has to be read and written for each of them.
      prioritized: which of the two rings it takes.
    """

    fn: Callable[[Ring], tuple[Ring, Any]]
    items: int
    least_bytes: float
    prioritized: bool = False


def replay_1m(peers: bool) -> list[dict]:
    """A ring of 2^20 transitions in place, and the share of the memory's bandwidth that is reached.

    That bandwidth is what the row `copy` reaches, which reads and writes all of the ring. The other
    rows count what has to be read and written at least, so that their shares cannot flatter: of
    `add` what is written alone, since what is added fits into the cache.
    `ring_copies` is the memory that a program takes beside the ring, in rings.
    """
    del peers
    keys = jax.random.split(jax.random.key(0), CALLS)
    rings = {prioritized: full_ring(prioritized=prioritized) for prioritized in (False, True)}
    places = WORLDS * PLACES
    step = jax.tree.map(lambda x: x[:, 0], rings[False].steps)
    one = tree_bytes(step) / WORLDS
    frame = tree_bytes(step.obs) / WORLDS
    pair = 4 * frame  # two observations read, and written
    drawn = CALLS * SAMPLED
    return measure_in_place(
        rings,
        {
            "copy": Work(copy, places, 2 * one),
            "add": Work(partial(add_often, step=step), CALLS * WORLDS, one),
            "sample": Work(partial(sample_often, keys=keys), drawn, pair),
            "sample, 3 steps of 4 frames": Work(
                partial(sample_often, keys=keys, n_step=3, stack=4), drawn, 4 * pair
            ),
            "sample by priority, and set it": Work(
                partial(sample_often, keys=keys), drawn, pair + 4 * places / SAMPLED, True
            ),
        },
    )


def measure_in_place(rings: dict[bool, Ring], works: dict[str, Work]) -> list[dict]:
    """Times programs to which a ring is given away, in turns; medians of `TURNS` calls."""
    rows, programs = {}, {}
    seconds: dict[str, list[tuple[float, float]]] = {who: [] for who in works}
    ring_bytes = tree_bytes(rings[False])
    for who, work in works.items():
        began = time.perf_counter(), time.process_time()
        program = jax.jit(work.fn, donate_argnums=0).lower(rings[work.prioritized]).compile()
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
        programs[who] = program
        copies = program.memory_analysis().temp_size_in_bytes / ring_bytes
        rows[who] = {
            "case": "replay_1m",
            "who": "jaxdl" if who == "sample" else f"jaxdl, {who}",
            "compile_wall_seconds": wall,
            "compile_cpu_seconds": cpu,
            "items": work.items,
            "ring_bytes": ring_bytes,
            "ring_copies": copies,
        }
    for turn in range(TURNS + 1):
        for who, work in works.items():
            began = time.perf_counter(), time.process_time()
            ring, _ = jax.block_until_ready(programs[who](rings[work.prioritized]))
            took = time.perf_counter() - began[0], time.process_time() - began[1]
            rings[work.prioritized] = ring
            if turn:
                seconds[who].append(took)
    rates = {}
    for who, work in works.items():
        wall, cpu = np.median(np.asarray(seconds[who]), axis=0)
        rates[who] = work.least_bytes * work.items / wall
        rows[who] |= {
            "wall_seconds": float(wall),
            "cpu_seconds": float(cpu),
            "items_per_second": work.items / float(wall),
            "items_per_cpu_second": work.items / max(float(cpu), 1e-9),
            "bytes_per_second": rates[who],
            "share_of_bandwidth": rates[who] / rates["copy"],
            "note": f"{WORLDS} worlds, boards [10, 10, 4] of bytes, {SAMPLED} in a sample",
        }
    return list(rows.values())


def full_ring(*, prioritized: bool) -> Ring:
    """Returns a ring of 2^20 transitions, every hundredth of which ends an episode."""
    draws = np.random.default_rng(0)
    shape = (WORLDS, PLACES)
    steps = Steps(
        obs=jnp.asarray(draws.integers(0, 2, (*shape, 10, 10, 4), np.uint8)),
        action=jnp.asarray(draws.integers(0, 6, shape, np.int32)),
        reward=jnp.ones(shape),
        discount=jnp.ones(shape),
        done=jnp.asarray(draws.random(shape) < 0.01),
        truncated=jnp.zeros(shape, bool),
    )
    empty = make_ring(jax.tree.map(lambda x: x[:, 0], steps), 1, prioritized=prioritized)
    priority = jnp.asarray(draws.exponential(size=shape), jnp.float32) if prioritized else ()
    return empty._replace(steps=steps, priority=priority, size=jnp.int32(PLACES))


def tree_bytes(tree: Any) -> int:
    """Returns the size of all arrays of a tree."""
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(tree))


def copy(ring: Ring) -> tuple[Ring, Any]:
    """Reads and writes all steps once."""
    steps = jax.tree.map(lambda x: ~x if x.dtype == bool else x + 1, ring.steps)
    return ring._replace(steps=steps), ()


def add_often(ring: Ring, *, step: Steps) -> tuple[Ring, Any]:
    """Adds the same steps many times."""
    return jax.lax.scan(lambda ring, _: (add(ring, step), ()), ring, length=CALLS)[0], ()


def sample_often(
    ring: Ring, *, keys: jax.Array, n_step: int = 1, stack: int = 1
) -> tuple[Ring, Any]:
    """Draws many samples, each of which is written out; priorities are set where there are any."""

    def draw(ring, key):
        return sample(key, ring, SAMPLED, n_step=n_step, stack=stack, importance=0.4)

    def step(carry, key):
        ring, _ = carry
        transitions, places = draw(ring, key)
        if not isinstance(ring.priority, tuple):
            ring = set_priority(ring, places, transitions.reward)
        return (ring, transitions), ()

    return jax.lax.scan(step, (ring, draw(ring, keys[0])[0]), keys)[0]


CASES = {"dqn_cartpole": dqn_cartpole, "replay_1m": replay_1m}
