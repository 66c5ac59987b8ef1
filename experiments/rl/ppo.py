"""PPO: policy gradients that stay near the policy that played (Schulman et al. 2017).

Proximal Policy Optimization Algorithms, arXiv 1707.06347, table 1: on seven MuJoCo tasks, clipping
scores 0.82 where the best run is 1 and random play 0; a fixed KL penalty 0.72; neither, -0.39.

Measured: 999.8 of 1000 in 21 s on 2 CPU cores, compilation included. In table 1's terms clipping
scores 0.88, no clipping 0.06, and a tuned penalty as much as clipping at our scale (RESULTS.md).

    ./run ppo                                       balance a pole in MuJoCo's physics, on a CPU
    ./run ppo --preset=gpu                          an ant, 4096 worlds
    ./run ppo --preset=paper --env=brax/hopper      figure 3: 1 M steps, hyper-parameters of table 3
"""

from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

from experiments.claims import Claim, Verdict, decide
from jaxdl.core.run import BadInput, Run, option
from jaxdl.launch.flags import configure, launch


@dataclass(frozen=True)
class Config:
    """Which world is learned, by which net, and how."""

    run: Run = Run(steps=40, steps_per_call=10)
    env: str = option("cartpole", "the world's name, as `jaxdl.envs.make` knows it")
    num_envs: int = option(64, "worlds side by side")
    unroll: int = option(128, "steps in each between two updates")
    epochs: int = option(4, "passes over these steps in an update")
    minibatches: int = option(4, "optimizer steps in a pass")
    microbatches: int = option(1, "parts of a minibatch whose gradients are summed")
    hidden: tuple[int, ...] = option((64, 64), "widths of the tanh layers")
    recurrent: Literal["no", "gru", "lstm"] = option("no", "what the last of these layers is")
    squash: bool = option(False, "squash actions to their bounds by tanh, rather than clip them")
    learning_rate: float = option(3e-4, "of Adam, at first", short="lr")
    decay: bool = option(False, "the learning rate falls linearly to 0")
    max_norm: float = option(0.5, "gradients are clipped to this global norm")
    discount: float = option(0.99, "gamma")
    gae_lambda: float = option(0.95, "lambda")
    objective: Literal["clip", "none", "kl", "adaptive_kl"] = option("clip", "eq. 7, 6, 8, 8")
    clip: float = option(0.2, "epsilon of the objective `clip`")
    kl_coef: float = option(1.0, "beta of `kl`, and the first one of `adaptive_kl`")
    target_kl: float = option(0.01, "divergence that `adaptive_kl` aims at")
    stop_kl: float | None = option(None, "an update ends where the divergence exceeds this")
    value_coef: float = option(0.5, "c1 of eq. 9")
    value_clip: float | None = option(None, "how far values may gain by moving in one update")
    entropy_coef: float = option(0.0, "c2 of eq. 9")
    normalize_advantages: bool = option(True, "to mean 0, deviation 1 over each minibatch")
    normalize_observations: bool = option(False, "by mean and deviation of all that was seen")
    eval_envs: int = option(128, "fresh worlds that the likeliest action is scored in")
    eval_steps: int = option(1000, "longest episode there")

    def __post_init__(self):
        positive = ("num_envs", "unroll", "epochs", "minibatches", "microbatches", "eval_envs")
        for name in (*positive, "eval_steps", "learning_rate", "max_norm"):
            if not getattr(self, name) > 0:
                raise BadInput(f"--{name} must be positive, got {getattr(self, name)}")
        for name in ("discount", "gae_lambda", "clip"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"--{name} must be within 0 and 1, got {getattr(self, name)}")
        if not self.hidden or min(self.hidden) < 1:
            raise BadInput("--hidden must hold widths of at least 1")


PRESETS = {
    "smoke": Config(microbatches=4, learning_rate=5e-3, decay=True, entropy_coef=0.01),
    "cpu": Config(
        run=Run(steps=60, steps_per_call=5),
        env="mjx/cartpole",
        epochs=10,
        learning_rate=2e-3,
        decay=True,
    ),
    "gpu": Config(  # the sizes of brax's own trainer for its ant, but for the net
        run=Run(steps=150, steps_per_call=10, eval_every=10, save_every=50),
        env="brax/ant",
        num_envs=4096,
        unroll=80,
        minibatches=32,
        hidden=(256, 256),
        squash=True,
        discount=0.97,
        entropy_coef=0.01,
        normalize_observations=True,
    ),
    "paper": Config(  # table 3; observations are normalized as in the authors' own code
        run=Run(steps=488, steps_per_call=8, eval_every=40, save_every=120, num_seeds=3, devices=1),
        env="brax/halfcheetah",
        num_envs=1,
        unroll=2048,
        epochs=10,
        minibatches=32,
        value_coef=0.5,
        normalize_observations=True,
    ),
}


def main(config: Config) -> tuple[Any, dict]:
    """Trains and evaluates; returns `fit`'s state and result."""
    from jaxdl.core import fit

    samples = config.num_envs * config.unroll
    return fit(build(config), (), config.run, samples_per_step=samples)


def build(config: Config) -> Any:
    """The learner."""
    import optax

    from jaxdl.envs import make
    from jaxdl.rl import ppo

    env = make(config.env)
    updates = config.run.steps * config.epochs * config.minibatches
    rate = config.learning_rate
    schedule = optax.linear_schedule(rate, 0.0, updates) if config.decay else rate
    return ppo(
        env,
        network(config, env),
        # Flat, since many small arrays cost more time than their arithmetic.
        optax.flatten(
            optax.chain(optax.clip_by_global_norm(config.max_norm), optax.adam(schedule, eps=1e-5))
        ),
        **{name: getattr(config, name) for name in LEARNER},
    )


def network(config: Config, env: Any) -> Any:
    """Policy and value for one of the worlds."""
    from jaxdl.nn import actor_critic

    return actor_critic(
        env.obs_space,
        env.action_space,
        hidden=config.hidden,
        recurrent=None if config.recurrent == "no" else config.recurrent,
        squash=config.squash,
    )


def deploy(config: Config) -> tuple[Any, Any]:
    """The learner, and what `./run export` keeps of it: the policy that it is evaluated with."""
    from jaxdl.envs import make
    from jaxdl.rl import deployment

    env = make(config.env)
    text = f"A policy for {config.env}, trained by PPO."
    return build(config), deployment(network(config, env), env.obs_space, text=text)


def world(config: Config) -> tuple[str, Any]:
    """The world that the policy plays, after its name: what `./run watch` shows."""
    from jaxdl.envs import make

    return config.env, make(config.env)


LEARNER = (
    *("num_envs", "unroll", "epochs", "minibatches", "microbatches", "discount", "gae_lambda"),
    *("objective", "clip", "kl_coef", "target_kl", "stop_kl", "value_coef", "value_clip"),
    *("entropy_coef", "normalize_advantages", "normalize_observations", "eval_envs", "eval_steps"),
)


# What each tier compares the objectives with: tasks, updates, seeds, and betas to choose from.
# The sizes are table 3's: 2048 steps an update, 10 epochs, minibatches of 64.
TIERS = {
    "smoke": (("pendulum",), 4, 2, (1.0, 3.0)),
    "cpu": (("cartpole", "pendulum", "mjx/cartpole"), 50, 5, (0.3, 1.0, 3.0, 10.0)),
    "gpu": (
        ("cartpole", "pendulum", "mjx/cartpole", "brax/reacher"),
        240,
        10,
        (0.3, 1.0, 3.0, 10.0),
    ),
}
SIZES = {"num_envs": 16, "unroll": 128, "epochs": 10, "minibatches": 32, "learning_rate": 1e-3}
SIZES |= {"decay": False, "entropy_coef": 0.0, "microbatches": 1, "eval_envs": 1, "eval_steps": 1}


def returns(env: str, updates: int, seeds: int, **settings: Any) -> Any:
    """The returns [seeds] of the last episodes in training, about the last 100 of each seed."""
    import numpy as np

    run = {"steps": updates, "steps_per_call": max(updates // 6, 1), "num_seeds": seeds}
    config = configure("ppo", PRESETS, "smoke", SIZES | run | {"env": env} | settings)
    return np.asarray(main(config)[1]["metrics"]["episode_return"]["values"])


def random_return(env: str, num_envs: int = 64, steps: int = 1001) -> float:
    """The mean return of random actions: bits for integers, uniform within real bounds."""
    import jax

    from jaxdl.envs import Discrete, make, mean_return, vectorize

    worlds = vectorize(make(env), num_envs)
    space = worlds.action_space

    def step(state, key):
        action_key, world_key = jax.random.split(key)
        if isinstance(space, Discrete):
            action = jax.random.randint(action_key, (num_envs,), 0, space.n)
        else:
            shape = (num_envs, *space.shape)
            action = jax.random.uniform(action_key, shape, minval=space.low, maxval=space.high)
        return worlds.step(world_key, state, action)[0], ()

    def play(key):
        reset_key, play_key = jax.random.split(key)
        keys = jax.random.split(play_key, steps)
        return mean_return(jax.lax.scan(step, worlds.reset(reset_key), keys)[0].stats)

    return float(jax.jit(play)(jax.random.key(0)))


@cache
def scores(tier: str) -> dict[str, Any]:
    """Objective -> scores [seeds]: 0 is random play, 1 the best run of a task; means over tasks.

    Beta is the one of the grid with the best mean score, on seeds of its own.
    """
    import numpy as np

    envs, updates, seeds, betas = TIERS[tier]
    worst = {env: random_return(env) for env in envs}

    def normalized(played):  # name -> env -> returns
        best = {env: max(run[env].max() for run in played.values()) for env in envs}
        one = lambda run, env: (run[env] - worst[env]) / (best[env] - worst[env])  # noqa: E731
        return {name: np.mean([one(run, e) for e in envs], 0) for name, run in played.items()}

    def play(seeds, **settings):
        return {env: returns(env, updates, seeds, **settings) for env in envs}

    tuned = {
        beta: play(max(seeds // 2, 2), objective="kl", kl_coef=beta, seed=1000) for beta in betas
    }
    tuned = normalized(tuned)
    beta = max(betas, key=lambda beta: tuned[beta].mean())
    return normalized(
        {
            "clip": play(seeds, objective="clip"),
            "none": play(seeds, objective="none"),
            f"KL penalty, beta {beta:g}": play(seeds, objective="kl", kl_coef=beta),
        }
    )


def clip_beats(which: int, tier: str) -> Verdict:
    """Whether the interval of the difference in score lies above 0."""
    from jaxdl.core.logs import interval
    from jaxdl.pages import show

    measured = scores(tier)
    other = list(measured)[which]
    gap = interval(measured["clip"] - measured[other])
    numbers = {name: interval(values) for name, values in measured.items()}
    parts = [
        f"{name} {show(number)}" for name, number in numbers.items() if name in ("clip", other)
    ]
    envs, updates, seeds, _ = TIERS[tier]
    summary = f"{', '.join(parts)}; difference {show(gap)}"
    summary += f"; {seeds} seeds, {2048 * updates:,} steps of {', '.join(envs)}"
    return Verdict(decide(gap), summary, numbers | {"difference": gap})


CLAIMS = [
    Claim(
        "clip_beats_none",
        "Clipping scores higher than neither clipping nor penalty (0.82 against -0.39)",
        "Schulman et al. 2017, table 1",
        partial(clip_beats, 1),
    ),
    Claim(
        "clip_beats_penalty",
        "Clipping scores higher than a KL penalty with tuned beta (0.82 against 0.72)",
        "Schulman et al. 2017, table 1",
        partial(clip_beats, 2),
    ),
]

if __name__ == "__main__":
    launch(main, PRESETS)
