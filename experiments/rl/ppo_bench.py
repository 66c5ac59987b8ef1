"""PPO on small worlds: the whole training of 524,288 steps as one program, beside rejax's.

Both have MLPs of 64-64 tanh units for actor and critic apart, 4 epochs of 4 minibatches, discount
0.99, lambda 0.95, clip 0.2, entropy 0.01, value 0.5, no normalized observations, no evaluation.
"""

from typing import Any

import jax
import optax

from experiments._timing import Candidate, measure
from jaxdl.core.run import BadInput
from jaxdl.envs import make
from jaxdl.nn import actor_critic
from jaxdl.rl import ppo

STEPS, ENVS, UNROLL = 524_288, 64, 128
TURNS = 10  # each with a seed of its own
LEARNING_RATE, MAX_NORM = 2.5e-4, 0.5


def ppo_cartpole(peers: bool) -> list[dict]:
    """CartPole-v1's task; `mean_return` is of fresh episodes after training."""
    return measure("ppo_cartpole", _candidates("cartpole", "CartPole-v1", peers), repeats=TURNS)


def ppo_pendulum(peers: bool) -> list[dict]:
    """Pendulum-v1's task, with plain normal actions; `mean_return` as in `ppo_cartpole`."""
    return measure("ppo_pendulum", _candidates("pendulum", "Pendulum-v1", peers), repeats=TURNS)


def _candidates(name: str, peers_name: str, peers: bool) -> dict[str, Candidate]:
    return {"jaxdl": _ours(name)} | ({"rejax": _rejax(peers_name)} if peers else {})


def _ours(name: str) -> Candidate:
    env = make(name)
    learner = ppo(
        env,
        actor_critic(env.obs_space, env.action_space),
        optax.flatten(optax.chain(optax.clip_by_global_norm(MAX_NORM), optax.adam(LEARNING_RATE))),
        num_envs=ENVS,
        unroll=UNROLL,
        microbatches=4,
        entropy_coef=0.01,
    )

    def train(key):
        init_key, run_key = jax.random.split(key)
        keys = jax.random.split(run_key, STEPS // (ENVS * UNROLL))
        step = lambda state, key: (learner.step(key, state, ())[0], ())  # noqa: E731
        return jax.lax.scan(step, learner.init(init_key), keys)[0]

    evaluate = jax.jit(learner.evaluate)
    return _candidate(
        train,
        lambda state: evaluate(jax.random.key(0), state)["episode_return"],
        "clips by global norm",
    )


def _rejax(name: str) -> Candidate:
    try:
        import gymnax
        import rejax
        from rejax.evaluate import evaluate
    except ImportError as error:
        raise BadInput(f"--peers needs {error.name}: install the extra `peers`") from None
    env, params = gymnax.make(name)
    env = _one_done(env)
    algorithm = rejax.PPO.create(
        env=env,
        env_params=params,
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
        act = algorithm.make_act(state)
        limit = params.max_steps_in_episode
        return evaluate(act, jax.random.key(0), env, params, 128, limit)[1].mean()

    return _candidate(lambda key: algorithm.train(key)[0], mean_return, "clips each gradient entry")


def _one_done(env: Any) -> Any:
    """An env of gymnax 1.0 as rejax 0.1.3 knows them: one `done`, no word on truncation."""

    class OneDone:
        def __getattr__(self, name):
            return getattr(env, name)

        def step(self, *args):
            obs, state, reward, *done, info = env.step(*args)
            return obs, state, reward, done[0] | done[-1], info

    return OneDone()


def _candidate(train: Any, mean_return: Any, note: str) -> Candidate:
    return Candidate(
        train,
        (jax.random.key(0),),
        items=STEPS,
        note=note,
        vary=lambda turn: (jax.random.key(turn),),
        score=lambda state: {"mean_return": mean_return(state)},
    )
