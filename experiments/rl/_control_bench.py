"""What the benchmarks of DDPG, TD3 and SAC share: one setting of all of them, and its peer.

All have an MLP of 64-64 ReLUs for actor and critics, 4 worlds, one update of 128 transitions after
each step of them, a ring of 32,768 that is filled by 1024 steps first, Adam at 1e-3, discount 0.99
and targets that follow by 0.005. All are scored by one rule: the mean return of 128 fresh episodes
of the last policy.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from experiments._timing import Candidate, scored_training, train_anew
from experiments.rl import _rejax
from jaxdl.core import Learner
from jaxdl.envs import Env, make
from jaxdl.nn import Actor, stacked_critics
from jaxdl.ops import make_optimizer
from jaxdl.rl.continuous import Nets
from jaxdl.rl.noise import Noise, gaussian_noise
from jaxdl.rl.off_policy import Regime

STEPS = 40_960
ENVS = 4
STARTS = 1024
TURNS = 5  # each with a seed of its own
EPISODES = 128  # fresh ones, that a trained policy is scored in
HIDDEN = (64, 64)
REGIME = Regime(
    num_envs=ENVS,
    batch_size=128,
    capacity=32_768,
    learning_starts=STARTS,
    eval_envs=EPISODES,
    eval_steps=200,
)
RATE = 1e-3
PEERS_SETTINGS = {
    "num_envs": ENVS,
    "batch_size": REGIME.batch_size,
    "buffer_size": REGIME.capacity,
    "fill_buffer": STARTS,
    "learning_rate": RATE,
    "gamma": REGIME.discount,
    "polyak": 1 - REGIME.tau,
    "total_timesteps": STEPS,
    "eval_freq": STEPS,
    "skip_initial_evaluation": True,
}
OURS = (
    "draws each world's share of a batch, with replacement; bootstraps truncated episodes; its "
    "first steps are random"
)
PEERS = "draws without replacement, by sorting the whole ring; a truncation counts as an end"


def pendulum() -> Env:
    """Returns the world."""
    return make("pendulum")


def noise() -> Noise:
    """Returns the noise of deterministic policies, a tenth of half the range."""
    return gaussian_noise(np.full(ENVS, 0.1, np.float32), 1)


def nets(env: Env, make_actor: Callable[..., Actor], *, critics: int) -> Nets:
    """Builds actor and critics with their optimizers."""
    tx = make_optimizer(learning_rate=RATE, steps=1, flat=True)
    return Nets(
        make_actor(env.obs_space, 1, hidden=HIDDEN),
        stacked_critics(env.obs_space, 1, count=critics, hidden=HIDDEN),
        tx,
        tx,
    )


def ours(learner: Learner, note: str = OURS) -> Candidate:
    """Times the whole training of a learner of this setting as one program."""

    evaluate = jax.jit(learner.evaluate)
    score = lambda state: evaluate(jax.random.key(0), state)["episode_return"]  # noqa: E731
    train = train_anew(learner, (STEPS - STARTS) // ENVS)
    return scored_training(train, score, items=STEPS, note=note)


def peer(
    name: str, settings: Mapping[str, Any], act: Callable[[Any, Any], Callable], note: str
) -> Candidate:
    """Times rejax's algorithm of that name in the same setting.

    Args:
      name: of its class.
      settings: beside those that all share.
      act: algorithm, state -> function of observation and key to the action of the last policy.
      note: what differs.
    """
    loaded = _rejax.load("Pendulum-v1")
    algorithm = getattr(loaded.rejax, name).create(
        env=loaded.env, env_params=loaded.params, **PEERS_SETTINGS, **settings
    )
    algorithm = algorithm.replace(eval_callback=lambda algorithm, state, key: ())
    score = jax.jit(lambda state: loaded.mean_return(act(algorithm, state), EPISODES))
    train = lambda key: algorithm.train(key)[0]  # noqa: E731
    return scored_training(train, score, items=STEPS, note=f"{PEERS}; {note}")
