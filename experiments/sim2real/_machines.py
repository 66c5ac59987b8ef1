"""Makes what system identification consists of from its options. No JAX at import."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from experiments.sim2real._options import Recording
from jaxdl.core.run import BadInput, horizon

if TYPE_CHECKING:
    import numpy as np

    from experiments.sim2real.identification import Config
    from jaxdl.core.learner import DeviceData
    from jaxdl.deploy import Deployment
    from jaxdl.sim2real.identified import Truth
    from jaxdl.sim2real.machines import Machine
    from jaxdl.sim2real.records import Windows
    from jaxdl.sim2real.searches import Search

HELD_OUT = 10_007  # added to the seed of held-out episodes


class Task(NamedTuple):
    """Holds what is to be identified.

    Attributes:
      machine: the simulation.
      names: of the P unknown constants.
      start: [H, P] logarithms of the factors that are believed at first.
      truth: () -> what the fit is judged by; recorded once.
      data: batch size -> windows to learn from.
    """

    machine: "Machine"
    names: Sequence[str]
    start: "np.ndarray"
    truth: "Callable[[], Truth]"
    data: "Callable[[int], DeviceData]"


def check_world(name: str) -> None:
    """Checks that a world can be identified.

    Raises:
      BadInput: it is not known, or none of MuJoCo's.
    """
    from jaxdl.envs.names import check_name, parse_name, suggest

    check_name(name)
    world = parse_name(name).world
    if world != "swingup" and not world.startswith("mjx/"):
        near = suggest(world, ["swingup", "mjx/cartpole", "mjx/reacher"])
        raise BadInput(f"{world} has no record of MuJoCo's; --env is swingup or mjx/...{near}")


def open_task(options: Recording, fit: Sequence[str], window: int) -> Task:
    """Prepares an identification; nothing is recorded or read yet.

    Raises:
      BadInput: an unknown world or constant.
    """
    from jaxdl.sim2real.machines import check_constants, open_machine, usual_fit

    machine = open_machine(options.env, _read_nominal(options.nominal))
    names = tuple(fit) or usual_fit(options.env)
    check_constants(machine.name, machine.constants, names)
    if len(set(names)) < len(names):
        raise BadInput(f"--fit={','.join(names)} names a constant twice")
    hidden, start = _draw(machine, names, options)
    parts = cache(lambda: _windows(machine, options, hidden, window))
    return Task(machine, names, start, lambda: parts()[0], lambda batch: _data(parts()[1], batch))


def search(config: "Config", machine: "Machine", dimensions: int) -> "Search":
    """Makes the search of a method.

    Raises:
      BadInput: a gradient in reverse mode, which the machine's solver has not.
    """
    import math

    from jaxdl import sim2real
    from jaxdl.ops import make_optimizer

    population = config.population or None
    if config.method == "cma_es":
        return sim2real.evolution_search(
            dimensions, step_size=config.step_size, population=population
        )
    if config.method == "random":
        reach = math.log(config.recording.hidden)
        return sim2real.random_search(reach=reach, candidates=population or 8)
    if config.method == "gauss_newton":
        return sim2real.gauss_newton_search()
    if config.derivative == "reverse" and machine.solver_loops:
        raise BadInput(
            f"--derivative=reverse: the solver of {machine.name} loops until it has converged; "
            "take --derivative=forward"
        )
    tx = make_optimizer(**asdict(config.optimizer), steps=horizon(config.run))
    return sim2real.gradient_search(tx, derivative=config.derivative)


def deployment(task: Task) -> "Deployment":
    """Keeps the identified simulation of the first machine: what follows a state and controls."""
    import jax

    from jaxdl.deploy import Deployment
    from jaxdl.sim2real.machines import all_factors

    machine = task.machine

    def apply(weights, inputs):
        factors = all_factors(machine, task.names, weights["log_factors"])
        move = jax.vmap(lambda qpos, qvel, ctrl: machine.move(qpos, qvel, ctrl, factors))
        qpos, qvel = move(inputs["qpos"], inputs["qvel"], inputs["ctrl"])
        return {"qpos": qpos, "qvel": qvel}

    sizes = {"qpos": machine.joints, "qvel": machine.joints, "ctrl": machine.controls}
    return Deployment(
        f"{machine.name} as it was identified: positions, speeds and controls -> positions and "
        f"speeds {machine.seconds:g} s later.",
        lambda state: {"log_factors": state.params["log_factors"][0]},
        apply,
        {name: jax.ShapeDtypeStruct((size,), "float32") for name, size in sizes.items()},
    )


def _read_nominal(texts: Sequence[str]) -> dict[str, float]:
    """Reads constants that are written as name=value.

    Raises:
      BadInput: one is not, or is not above 0.
    """
    values = {}
    for text in texts:
        name, _, value = (part.strip() for part in text.partition("="))
        try:
            values[name] = float(value)
        except ValueError:
            raise BadInput(f"--nominal={text!r} should be written as name=value") from None
        if not 0 < values[name] < float("inf"):
            raise BadInput(f"--nominal={text}: {name} must be above 0")
    return values


def _draw(
    machine: "Machine", names: Sequence[str], options: Recording
) -> "tuple[np.ndarray, np.ndarray]":
    """Logarithms of the hidden factors [H, C] and of those believed at first [H, P].

    Where constants are hidden, the nominal ones are believed at first; of a file, drawn ones are.
    """
    import numpy as np

    rng = np.random.default_rng(options.record_seed)
    reach = np.log(options.hidden)
    drawn = rng.uniform(-reach, reach, (options.machines, len(names)))
    hidden = np.zeros((options.machines, len(machine.constants)))
    if options.record:
        return hidden, drawn
    hidden[:, [machine.constants.index(name) for name in names]] = drawn
    return hidden, np.zeros_like(drawn)


def _windows(
    machine: "Machine", options: Recording, hidden: "np.ndarray", window: int
) -> "tuple[Truth, Windows]":
    """What the fit is judged by, and the windows that are learned from."""
    import numpy as np

    from jaxdl.sim2real import records
    from jaxdl.sim2real.identified import Truth

    if options.record:
        found = records.read_record(machine, options.record, options.machines)
        learned, held_out = records.split_record(found)
        ahead = min(options.ahead, held_out.ctrl.shape[2])
        own = np.log(machine.own / machine.nominal) + hidden
        true = own if records.is_of_dm_control(options.record) else None
    else:
        shared = {"steps": options.length, "controls": options.controls}
        learned, held_out = (
            records.record(
                machine,
                np.exp(hidden),
                episodes=options.episodes,
                seed=options.record_seed + more,
                noise=noise,
                **shared,
            )
            for more, noise in ((0, options.noise), (HELD_OUT, 0.0))
        )
        ahead, true = options.ahead, hidden
    parts = records.windows(learned, window)
    return Truth(records.windows(held_out, ahead), parts, true), parts


def _data(parts: "Windows", batch_size: int) -> "DeviceData":
    """Windows to learn from.

    Raises:
      BadInput: there are fewer than a batch.
    """
    from jaxdl.core.learner import DeviceData

    if batch_size > len(parts.ctrl):
        raise BadInput(f"--batch_size={batch_size}: the record has {len(parts.ctrl)} windows")
    return DeviceData(parts, batch_size)
