"""RL² on bandits: one update of the slow learner, and how fast its world is without it."""

from experiments._timing import Candidate, measure


def rl2_bandit(peers: bool) -> list[dict]:
    """Env steps per second of training, at the sizes of the cpu preset with one seed.

    There is no peer: no other project trains RL² on bandits on the device.
    """
    import jax

    from experiments.rl2 import PRESETS, build
    from jaxdl.envs import make, vectorize
    from jaxdl.meta import trial

    config, key = PRESETS["cpu"], jax.random.key(0)
    (arms,), (pulls,), updates = config.arms, config.pulls, 10
    _, learner = build(config, arms=arms, pulls=pulls)
    state = jax.jit(learner.init)(key)
    worlds = vectorize(trial(make("bandit", arms=arms), pulls), config.batch // pulls)

    def training(key, state):
        def step(state, key):
            return learner.step(key, state, ())

        return jax.lax.scan(step, state, jax.random.split(key, updates))

    def world(key, state):
        def step(state, key):
            action_key, step_key = jax.random.split(key)
            action = jax.random.randint(action_key, (worlds.num_envs,), 0, arms)
            return worlds.step(step_key, state, action)[0], ()

        return jax.lax.scan(step, state, jax.random.split(key, updates * pulls))[0]

    items = updates * config.batch
    sizes = f"{config.batch // pulls} trials, k={arms}, n={pulls}"
    net = f"GRU-{config.hidden}, {config.epochs} epochs, {config.minibatches} minibatches"
    candidates = {
        "jaxdl": Candidate(training, (key, state), items, f"{sizes}, {net}"),
        "jaxdl (world alone)": Candidate(world, (key, worlds.reset(key)), items, sizes),
    }
    return measure("rl2_bandit", candidates)
