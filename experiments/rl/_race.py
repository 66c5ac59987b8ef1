"""How many seconds a learner trains until it earns what is asked for."""

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from experiments._timing import take_steps
from jaxdl.launch.system import Build

if TYPE_CHECKING:
    import numpy as np


class Race(NamedTuple):
    """What was measured of S seeds.

    Attributes:
      seconds: [S] of training until the return was reached or time was up; without compilation,
        the start, and the episodes that score. They are CPU-seconds where a CPU trains, which other
        work beside it leaves alone, else by the clock.
      returns: [S] of the last policy.
      reached: how many of them.
      compile_seconds: of all programs, once.
    """

    seconds: "np.ndarray"
    returns: "np.ndarray"
    reached: int
    compile_seconds: float


def race(build: Build, config: Any, *, target: float, limit: float, seeds: int) -> Race:
    """Trains one seed after the other until fresh episodes earn the target.

    Args:
      build: of the launch file.
      config: of the launch file; fresh episodes score the policy after every `steps_per_call`.
      target: mean return.
      limit: seconds after which a seed is given up.
      seeds: S.
    """
    import numpy as np

    learner = build(config).learner
    clock = time.process_time if jax.default_backend() == "cpu" else time.monotonic
    began = clock()
    key = jax.random.key(config.run.seed)
    state = jax.eval_shape(learner.init, key)
    init = jax.jit(learner.init).lower(key).compile()
    steps = take_steps(learner, config.run.steps_per_call)
    train = jax.jit(steps, donate_argnums=1).lower(key, state).compile()
    score = jax.jit(learner.evaluate).lower(key, state).compile()
    compile_seconds = clock() - began

    def run(key):
        """Returns seconds and the last return."""
        init_key, key = jax.random.split(key)
        state = jax.block_until_ready(init(init_key))
        seconds = 0.0
        while True:
            key, train_key, score_key = jax.random.split(key, 3)
            began = clock()
            state = jax.block_until_ready(train(train_key, state))
            seconds += clock() - began
            earned = float(score(score_key, state)["episode_return"])
            if earned >= target or seconds > limit:
                return seconds, earned

    pairs = [run(jax.random.fold_in(key, seed)) for seed in range(seeds)]
    spent, returns = np.array(pairs).T
    return Race(spent, returns, int(np.sum(returns >= target)), compile_seconds)
