"""Launch files that compile in a moment, for tests of what is done with finished runs."""

POLICY = '''"""A linear policy of pendulum, moved by chance."""

from dataclasses import dataclass

from jaxdl.core.run import Run, option
from jaxdl.launch import About, System, launch

ABOUT = About("Linear", "Nobody 2000", "", "It moves at random.", "eval/size", samples="moves")


@dataclass(frozen=True)
class Config:
    run: Run = Run(steps=4, steps_per_call=2, devices=1)
    width: int = option(1, "of nothing", at_least=1)


PRESETS = {"smoke": Config(), "cpu": Config()}


def build(config):
    import jax
    import jax.numpy as jnp

    from jaxdl.core import Learner, TrainState
    from jaxdl.deploy import Deployment
    from jaxdl.envs import make

    def init(key):
        return TrainState({"w": jax.random.normal(key, (3, config.width))}, ())

    def step(key, state, batch):
        w = state.params["w"] + 0.1 * jax.random.normal(key, state.params["w"].shape)
        return state._replace(params={"w": w}), {"size": jnp.abs(w).mean()}

    def evaluate(key, state):
        return {"size": jnp.abs(state.params["w"]).mean()}

    def apply(weights, inputs):
        return {"action": 2 * jnp.tanh(inputs["obs"] @ weights["w"][:, :1])}

    inputs = {"obs": jax.ShapeDtypeStruct((3,), jnp.float32)}
    deployment = Deployment("A test.", lambda state: state.params, apply, inputs)
    world = ("pendulum", make("pendulum"))
    return System(Learner(init, step, evaluate), deployment=deployment, world=world)


if __name__ == "__main__":
    launch(build, PRESETS, ABOUT)
'''

# Not a policy, and nothing to keep.
NOTHING = POLICY.replace("deployment=deployment, world=world", "samples_per_step=2")

# Two stages, of which the second begins where the first has ended.
STAGES = POLICY.replace(
    'if __name__ == "__main__":',
    """def main(config):
    from jaxdl.core import fit

    learner = build(config).learner
    state, _ = fit(learner, (), config.run, stage="teacher")
    return fit(learner, (), config.run, stage="student", init=state)


if __name__ == "__main__":""",
)


def write(folder):
    """Writes the launch files into <folder>/rl, and returns that folder."""
    (folder / "rl").mkdir(parents=True)
    for name, text in {"linear": POLICY, "nothing": NOTHING, "staged": STAGES}.items():
        (folder / "rl" / f"{name}.py").write_text(text)
    return folder / "rl"


def train(path, workdir, **settings):
    """Trains the smoke preset of a launch file; returns the final state and the result."""
    from experiments._systems import find
    from jaxdl.launch.flags import train_system
    from jaxdl.launch.settings import configure

    file = find(str(path))
    settings = settings | {"workdir": str(workdir)}
    config = configure(file.name, file.module.PRESETS, "smoke", settings)
    return train_system(file.module.build, config, file.module.ABOUT)
