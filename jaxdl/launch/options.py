"""Groups of options that several systems share, so that a flag means the same everywhere.

A Config holds them as fields, with the system's own defaults: `optimizer: Optimizer = Optimizer(
learning_rate=1e-3)`. Their flags are not dotted: `--lr`, `--env`, `--data_dir`. No JAX here.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from jaxdl.core.run import BadInput, option


@dataclass(frozen=True)
class Optimizer:
    """How gradients become updates: `jaxdl.ops.make_optimizer` takes the same arguments."""

    group: ClassVar[str] = "optimizer"

    optimizer: Literal["adam", "adamw", "lars", "rmsprop", "sgd"] = option("adam", "the rule")
    learning_rate: float = option(3e-4, "at its peak", short="lr", above=0)
    schedule: Literal["constant", "linear", "cosine"] = option(
        "constant", "how the rate goes from its peak to 0 at the horizon, or stays"
    )
    warmup: float = option(
        0.0, "share of the horizon in which the rate rises from 0", at_least=0, at_most=1
    )
    weight_decay: float = option(0.0, "on matrices and kernels alone", at_least=0)
    max_norm: float = option(
        0.0, "gradients are clipped to this global norm (0: not at all)", at_least=0
    )


@dataclass(frozen=True)
class Images:
    """Which pictures are learned from."""

    group: ClassVar[str] = "data"

    data: Literal["digits", "mnist", "cifar10", "imagenet"] = option("digits", "the images")
    data_dir: str = option("", "where their files lie (digits need none)", free=True)
    train_images: int = option(
        0, "learn and probe with so many training images (0: all)", at_least=0
    )
    test_images: int = option(0, "probe with so many test images (0: all)", at_least=0, free=True)
    skip_broken: bool = option(False, "leave out files that cannot be read, and name them")


@dataclass(frozen=True)
class Policy:
    """Which net acts: `jaxdl.rl.setup.make_net` builds it for a world's spaces."""

    group: ClassVar[str] = "net"

    hidden: tuple[int, ...] = option((64, 64), "widths of the layers", at_least=1)
    recurrent: Literal["no", "gru", "lstm"] = option("no", "what the last of these layers is")
    squash: bool = option(False, "squash actions to their bounds by tanh, rather than clip them")

    def __post_init__(self):
        if not self.hidden:
            raise BadInput("--hidden must hold at least one width")


@dataclass(frozen=True)
class Worlds:
    """Which world is played, and in how many copies."""

    group: ClassVar[str] = "world"

    env: str = option(
        "cartpole", "name of the world; ./run envs lists them", check="jaxdl.envs.names:check_name"
    )
    num_envs: int = option(64, "worlds side by side", at_least=1)
    eval_envs: int = option(
        128, "fresh worlds in which the policy is scored", at_least=1, free=True
    )
    eval_steps: int = option(1000, "longest episode there", at_least=1, free=True)


@dataclass(frozen=True)
class Pictures:
    """How a world is seen: `jaxdl.rl.sight.make_sight` takes the same arguments."""

    group: ClassVar[str] = "pictures"

    picture: int = option(100, "side of the camera's pictures, pixels", at_least=3)
    side: int = option(84, "of the crops that the net reads, pixels", at_least=3)
    stack: int = option(3, "frames that are read at once", at_least=1)
    action_repeat: int = option(
        0, "steps of the world in each action (0: the paper's for the task)", at_least=0
    )

    def __post_init__(self):
        if self.side > self.picture:
            raise BadInput(f"--side={self.side} should be at most --picture={self.picture}")


@dataclass(frozen=True)
class PolicyUpdate:
    """How a policy learns from its own steps, for PPO and what is built on it."""

    group: ClassVar[str] = "update"

    unroll: int = option(128, "steps in each world between two updates", at_least=1)
    epochs: int = option(4, "passes over these steps in an update", at_least=1)
    minibatches: int = option(4, "optimizer steps in a pass", at_least=1)
    discount: float = option(0.99, "gamma", at_least=0, at_most=1)
    gae_lambda: float = option(0.95, "lambda", at_least=0, at_most=1)
    clip: float = option(0.2, "epsilon of the clipped objective", above=0, at_most=1)
    value_coef: float = option(0.5, "weight of the value loss", at_least=0)
    entropy_coef: float = option(0.0, "weight of the entropy bonus", at_least=0)


@dataclass(frozen=True)
class ActorCriticUpdate:
    """How a policy learns from its own steps by one gradient, for A2C."""

    group: ClassVar[str] = "update"

    unroll: int = option(20, "steps in each world between two updates", at_least=1)
    discount: float = option(0.99, "gamma", at_least=0, at_most=1)
    gae_lambda: float = option(1.0, "lambda; 1 sums rewards to the end of the unroll", at_least=0)
    value_coef: float = option(0.5, "weight of the value loss", at_least=0)
    entropy_coef: float = option(0.01, "weight of the entropy bonus at first", at_least=0)
    last_entropy_coef: float | None = option(
        None, "its weight at the horizon, which it falls to (None: the same)", at_least=0
    )


@dataclass(frozen=True)
class OffPolicy:
    """How a learner fills its replay ring and learns from it, for DQN, DDPG, TD3 and SAC."""

    group: ClassVar[str] = "replay"

    unroll: int = option(1, "steps in each world between two rounds of updates", at_least=1)
    updates: int = option(1, "gradient steps in a round", at_least=1)
    batch_size: int = option(256, "transitions of a gradient step", at_least=1)
    capacity: int = option(65_536, "transitions that the ring holds", at_least=1)
    learning_starts: int = option(
        1024, "env steps of random actions before the first update", at_least=1
    )
    discount: float = option(0.99, "gamma", at_least=0, at_most=1)
    n_step: int = option(1, "rewards that a target sums", at_least=1)
    tau: float = option(0.005, "share by which targets follow at each update", above=0, at_most=1)


@dataclass(frozen=True)
class TrustRegionUpdate:
    """How far a policy moves by its own steps: `jaxdl.rl.trpo` takes the same arguments."""

    group: ClassVar[str] = "update"

    unroll: int = option(128, "steps in each world between two updates", at_least=1)
    discount: float = option(0.99, "gamma", at_least=0, at_most=1)
    gae_lambda: float = option(0.95, "lambda of the advantages", at_least=0, at_most=1)
    value_lambda: float | None = option(
        None, "lambda of the value's targets, if another", at_least=0, at_most=1
    )
    max_kl: float = option(0.01, "delta, how far the policy may move in an update", above=0)
    damping: float = option(0.1, "added to the Fisher matrix's diagonal", at_least=0)
    solver_iterations: int = option(10, "of conjugate gradients", at_least=1)
    fisher_share: float = option(
        0.1, "of the steps that the Fisher matrix is taken over", above=0, at_most=1
    )
    line_search: bool = option(True, "shorten a step until it is safe and an improvement")
    backtracks: int = option(10, "how often a step is shortened before none is taken", at_least=0)
    shrink: float = option(0.5, "factor on the step each time", above=0, below=1)
    epochs: int = option(4, "the value's passes over the steps of an update", at_least=1)
    minibatches: int = option(4, "the value's optimizer steps in a pass", at_least=1)
    microbatches: int = option(
        4, "parts of a minibatch that are computed one after the other", at_least=1
    )
    normalize_observations: bool = option(False, "by mean and deviation of all earlier ones")


@dataclass(frozen=True)
class Control:
    """Which nets act and judge, for DDPG, TD3 and SAC: `jaxdl.rl.control` builds them."""

    group: ClassVar[str] = "nets"

    hidden: tuple[int, ...] = option((256, 256), "widths of the actor's layers", at_least=1)
    critic_hidden: tuple[int, ...] = option(
        (), "widths of a critic's layers (none: those of the actor)", at_least=1
    )
    critics: int = option(2, "critics, of which the least is believed", at_least=1)
    layer_norm: bool = option(False, "normalize each layer before its activation")
    atoms: int = option(
        0, "returns whose probabilities a critic learns (0: their mean alone)", at_least=0
    )
    least_return: float = option(-100.0, "the first of these returns")
    greatest_return: float = option(100.0, "the last of them")
    actor_rate: float = option(1.0, "the actor's learning rate over the critics'", above=0)
    normalize_observations: bool = option(
        False, "by mean and deviation of all so far; integers stay as they are"
    )


@dataclass(frozen=True)
class Exploration:
    """What is added to the actions of a deterministic policy, for DDPG and TD3."""

    group: ClassVar[str] = "exploration"

    noise: Literal["gaussian", "ornstein-uhlenbeck", "none"] = option("gaussian", "its kind")
    noise_scale: float = option(0.1, "in the first world, in units of actions", at_least=0)
    last_scale: float | None = option(
        None, "in the last world; those between are evenly spaced (None: the same)", at_least=0
    )
    eval_values: int = option(
        0,
        "fresh worlds in which values are compared with the returns that follow",
        at_least=0,
        free=True,
    )


@dataclass(frozen=True)
class BoardGame:
    """Which game of two players is learned, by which net, how, and against whom it is measured."""

    group: ClassVar[str] = "game"

    env: str = option(
        "pgx/connect_four",
        "name of the game; ./run envs lists them",
        check="jaxdl.envs.names:check_game_name",
    )
    channels: int = option(32, "of every layer of the net", at_least=1)
    blocks: int = option(2, "residual blocks of two convolutions", at_least=0)
    num_games: int = option(128, "games side by side", at_least=1)
    moves: int = option(16, "made in every game between two rounds of learning", at_least=1)
    window: int = option(32_768, "positions that are learned from", at_least=1)
    updates: int = option(8, "minibatches in a round", at_least=1)
    batch_size: int = option(512, "positions in a minibatch", at_least=1)
    value_coef: float = option(1.0, "weight of the value's loss", at_least=0)
    augment: bool = option(True, "learn from boards turned by the game's symmetries")
    opening: int = option(0, "games of self-play begin with up to so many random moves", at_least=0)
    eval_games: int = option(
        64, "games against each opponent, an even number", at_least=2, free=True
    )
    eval_simulations: int = option(
        0, "of a search in these games (0: as many as in self-play)", at_least=0, free=True
    )
    plain_factor: int = option(
        10,
        "how many times as much the stronger opponent without a net searches",
        at_least=1,
        free=True,
    )

    def __post_init__(self):
        if self.eval_games % 2:
            raise BadInput(f"--eval_games={self.eval_games} should be even: each side begins half")


@dataclass(frozen=True)
class GameSearch:
    """How moves are searched for: `jaxdl.rl.search`."""

    group: ClassVar[str] = "search"

    search: Literal["gumbel", "puct"] = option("gumbel", "sequential halving, or visits by PUCT")
    simulations: int = option(32, "positions that a search looks at", at_least=1)
    considered: int = option(16, "moves among which the Gumbel search begins", at_least=1)
    dirichlet_alpha: float = option(0.3, "of PUCT's noise at the root", above=0)
    dirichlet_fraction: float = option(0.25, "of that noise", at_least=0, at_most=1)
    sampled_moves: int = option(
        0, "moves of a game that are drawn from the search's policy", at_least=0
    )
