"""PPO on small worlds, the whole training as one program: beside rejax's, and by number of worlds.

Ours and rejax's both have MLPs of 64-64 tanh units for actor and critic apart, 4 epochs of 4
minibatches, discount 0.99, lambda 0.95, clip 0.2, entropy 0.01, value 0.5, advantages normalized
over a minibatch, no normalized observations, no evaluation. What differs stands in each row's note.
Both are scored by one rule: the mean return of 128 fresh episodes with sampled actions.
"""

import jax

from experiments._timing import (
    Candidate,
    act_at_random,
    measure,
    scored_training,
    take_steps,
    train_anew,
)
from experiments.rl import _rejax
from experiments.rl.ppo import PRESETS, build
from jaxdl.core import Learner
from jaxdl.envs import make, vectorize
from jaxdl.nn import actor_critic
from jaxdl.nn.mlp import Affine, dense, fast_dense
from jaxdl.ops import make_optimizer
from jaxdl.rl import ppo

STEPS = 524_288
ENVS = 64
UNROLL = 128
TURNS = 10  # each with a seed of its own
EPISODES = 128  # fresh ones, that a trained policy is scored in
LEARNING_RATE = 2.5e-4
MAX_NORM = 0.5
WORLDS = (16, 64, 256, 1024, 4096, 16_384)
OURS = (
    "clips gradients by their global norm; no value clipping; bootstraps truncated episodes; each "
    "world shuffles its own time"
)
PEERS = (
    "clips each gradient entry; clips value losses by 0.2; a truncation counts as an end; shuffles "
    "time x worlds"
)


def ppo_cartpole(peers: bool) -> list[dict]:
    """CartPole-v1's task; `mean_return` is of fresh episodes after training, actions sampled."""
    return measure("ppo_cartpole", _candidates("cartpole", "CartPole-v1", peers), repeats=TURNS)


def ppo_pendulum(peers: bool) -> list[dict]:
    """Pendulum-v1's task, with plain normal actions; `mean_return` as in `ppo_cartpole`."""
    return measure("ppo_pendulum", _candidates("pendulum", "Pendulum-v1", peers), repeats=TURNS)


def ppo_worlds(peers: bool) -> list[dict]:
    """Training steps per second over the number of worlds, with as many steps in an update."""
    del peers
    candidates = {}
    for num_envs in WORLDS:
        unroll = max(32_768 // num_envs, 16)
        learner = _learner("cartpole", num_envs, unroll, microbatches=4)
        updates = max(STEPS // (num_envs * unroll), 1)
        candidates[f"jaxdl, {num_envs} worlds"] = Candidate(
            train_anew(learner, updates),
            (jax.random.key(0),),
            items=updates * num_envs * unroll,
            note=f"cartpole, unroll {unroll}, 4 epochs of 4 minibatches",
        )
    return measure("ppo_worlds", candidates, repeats=3)


def ppo_ant(peers: bool) -> list[dict]:
    """Training of the gpu preset, an ant in 4096 worlds, beside its world alone; accelerators only.

    An item is an env step; the world alone takes actions drawn evenly.
    """
    del peers
    if jax.default_backend() == "cpu":
        return []
    config = PRESETS["gpu"]
    system = build(config)
    num_envs, unroll = config.worlds.num_envs, config.update.unroll
    _, env = system.world
    key = jax.random.key(0)
    state = jax.jit(system.learner.init)(key)
    beginning = jax.jit(vectorize(env, num_envs).reset)(key)
    note = f"{num_envs} worlds, unroll {unroll}"
    learning = f"{note}, {config.update.epochs} epochs of {config.update.minibatches} minibatches"
    items = num_envs * unroll
    candidates = {
        "jaxdl": Candidate(take_steps(system.learner, 1), (key, state), items, learning),
        "jaxdl (world alone)": Candidate(
            act_at_random(env, num_envs, unroll), (key, beginning), items, note
        ),
    }
    return measure("ppo_ant", candidates)


def _candidates(name: str, peers_name: str, peers: bool) -> dict[str, Candidate]:
    ours = {
        "jaxdl": _ours(name, fast_dense, OURS),
        "jaxdl (plain dense)": _ours(name, dense, f"{OURS}; gradients of dense layers by JAX"),
    }
    return ours | ({"rejax": _peer(peers_name)} if peers else {})


def _ours(name: str, affine: Affine, note: str) -> Candidate:
    return candidate_of(_learner(name, ENVS, UNROLL, microbatches=4, affine=affine), note)


def candidate_of(learner: Learner, note: str) -> Candidate:
    """Makes a candidate that trains a learner for `STEPS` env steps and scores what it learned."""
    evaluate = jax.jit(learner.evaluate)

    def mean_return(state):
        return evaluate(jax.random.key(0), state)["episode_return_sampled"]

    train = train_anew(learner, STEPS // (ENVS * UNROLL))
    return scored_training(train, mean_return, items=STEPS, note=note)


def _learner(
    name: str, num_envs: int, unroll: int, *, microbatches: int, affine: Affine = fast_dense
) -> Learner:
    env = make(name)
    tx = make_optimizer(learning_rate=LEARNING_RATE, steps=1, max_norm=MAX_NORM, flat=True)
    return ppo(
        env,
        actor_critic(env.obs_space, env.action_space, affine=affine),
        tx,
        num_envs=num_envs,
        unroll=unroll,
        microbatches=microbatches,
        entropy_coef=0.01,
        eval_envs=1,
        eval_sampled=EPISODES,
    )


def _peer(name: str) -> Candidate:
    peer = _rejax.load(name)
    algorithm = peer.rejax.PPO.create(
        env=peer.env,
        env_params=peer.params,
        num_envs=ENVS,
        num_steps=UNROLL,
        num_epochs=4,
        num_minibatches=4,
        learning_rate=LEARNING_RATE,
        max_grad_norm=MAX_NORM,
        ent_coef=0.01,
        total_timesteps=STEPS,
        eval_freq=STEPS,
        skip_initial_evaluation=True,
        agent_kwargs={"activation": "tanh", "hidden_layer_sizes": (64, 64)},
    ).replace(eval_callback=lambda algorithm, state, key: ())

    @jax.jit
    def mean_return(state):
        return peer.mean_return(algorithm.make_act(state), EPISODES)  # samples, as in training

    train = lambda key: algorithm.train(key)[0]  # noqa: E731
    return scored_training(train, mean_return, items=STEPS, note=PEERS)


CASES = {
    "ppo_cartpole": ppo_cartpole,
    "ppo_pendulum": ppo_pendulum,
    "ppo_worlds": ppo_worlds,
    "ppo_ant": ppo_ant,
}
