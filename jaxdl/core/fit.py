"""The one driver: `fit` trains any learner, and everything that a run does goes through it."""

import dataclasses
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from jaxdl.core import history as histories
from jaxdl.core import report
from jaxdl.core.checkpoint import Saved, fingerprint
from jaxdl.core.data import check_data, data_identity
from jaxdl.core.learner import Data, Learner, TrainState
from jaxdl.core.logs import Axis, read_metrics, say
from jaxdl.core.loop import Progress, finish, from_notes, train
from jaxdl.core.mesh import make_mesh
from jaxdl.core.program import Program, compile_learner, shape_state
from jaxdl.core.replay import put_in_replay, replay_bytes, take_out_replay
from jaxdl.core.run import BadInput, Run, Stopped, horizon
from jaxdl.core.start import Start, start_state
from jaxdl.core.watch import watch
from jaxdl.core.workdir import Workdir, open_workdir
from jaxdl.pages.exhibit import Exhibit, Figures, Outcome


def fit(
    learner: Learner,
    data: Data = (),
    run: Run | None = None,
    *,
    samples_per_step: int = 1,
    init: Start = None,
    stage: str = "",
    figures: Figures | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple[TrainState, dict[str, Any]]:
    """Trains a learner. The end is a function of (seed, step, state) alone, however often cut.

    Args:
      learner: what to train; with `run.num_seeds` > 1, that many independent copies of it.
      data: `sample(key, step) -> batch` over arrays on the device, DeviceData, HostData, or () for
        learners that make their own.
      run: how far, how fast, where to.
      samples_per_step: env steps, images or tokens that one step consumes in each seed.
      init: a state to start from instead of the learner's own (leaves [S, ...] for S > 1 seeds), or
        a function of the learner's own state of one seed.
      stage: name of this stage of a system that trains in several; it becomes a folder below
        `run.workdir`. A finished stage is loaded and not trained again.
      figures: what draws the run's pictures and tables for its report.
      about: what describes the system: the fields of `jaxdl.launch.About`, "verdicts", "command".

    Returns:
      The final state (leaves [S, ...] for S > 1 seeds), and what `result.json` holds.

    Raises:
      BadInput: data, actors or metrics are of a wrong kind, or the workdir is another run's.
      NonFinite: a metric or a part of the state is not finite. No such state is ever saved.
      NotSaved: a checkpoint could not be written; the earlier ones are as they were.
      Stopped: a signal has ended the run (SystemExit with 128 + its number). The state has been
        saved, and is on the exception.
    """
    run = _enter_stage(run or Run(), stage)
    about = dict(about or {})
    axis = Axis(about.get("samples", "samples"), samples_per_step, about.get("headline", ""))
    started_at = time.monotonic()
    mesh = make_mesh(run.devices)
    check_data(data, mesh.size)
    with (
        jax.set_mesh(mesh),
        open_workdir(run, axis) as workdir,
        watch(mesh, run.watchdog, run.save_on) as watching,
    ):
        abstract_state = shape_state(learner, run, mesh)
        identity = {"stage": stage} if stage else {}
        if workdir.path:
            identity |= {"horizon": horizon(run), "data_sha256": data_identity(data)}
        workdir.claim(identity)
        saved = workdir.restore(abstract_state)
        program = compile_learner(learner, data, run, mesh, abstract_state)
        progress = _begin(program, abstract_state, saved, run, workdir, init)
        finished = workdir.result()
        is_over = progress.step >= run.steps
        if finished and is_over and finished["fingerprint"] == fingerprint(progress.state):
            return progress.state, finished  # the run was over before it was started again
        first = progress.step
        if size := replay_bytes(progress.state):
            say(f"replay: {size / 1e6:,.1f} MB{'' if run.save_replay else ', not saved'}")
        # A run that was cut after its last save logs its last call again.
        workdir.begin(first if first < run.steps else first - 1)
        progress, signal = train(program, progress, run, workdir, watching)
        if progress.step < run.steps:
            workdir.interrupt(progress.step)
            raise Stopped(128 + signal, progress.step, progress.state)
        progress = finish(program, progress, workdir)
        samples = run.num_seeds * samples_per_step * (progress.step - first)
        metrics = histories.means(progress.history) | progress.evaluation.metrics
        result = report.result(
            run,
            metrics,
            mesh=mesh,
            fingerprint=fingerprint(progress.state),
            compile_seconds=program.compile_seconds(),
            wall_seconds=time.monotonic() - started_at,
            samples_per_second=samples / max(progress.train_seconds, 1e-9) if samples else None,
            window=_window(run),
            unit=axis.unit,
            samples=run.steps * samples_per_step,
            stage=stage,
            about=about,
        )
        workdir.finish(result, lambda: _draw(workdir, result, progress, figures))
    signal = signal or watching.stop()
    if signal:  # in the last call: this run is done, what was to follow it is not wanted
        raise Stopped(128 + signal, progress.step, progress.state)
    return progress.state, result


def _enter_stage(run: Run, stage: str) -> Run:
    """The run with the stage's own folder."""
    if not stage:
        return run
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", stage):
        raise BadInput(f"stage={stage!r} should be a name of letters, digits, . _ -")
    if stage in ("checkpoints", "figures", "replay", "export", "profile", "tensorboard"):
        raise BadInput(f"stage={stage!r} is the name of a folder that runs write themselves")
    workdir = f"{run.workdir}/{stage}" if run.workdir else ""
    return dataclasses.replace(run, workdir=workdir)


def _begin(
    program: Program,
    abstract_state: TrainState,
    saved: Saved | None,
    run: Run,
    workdir: Workdir,
    init: Start,
) -> Progress:
    """Goes on from what was saved, or starts.

    Raises:
      BadInput: what was saved is of another program.
    """
    begun: TrainState | None = None
    if saved is None or init is not None:
        begun = start_state(program.init(), init, run, abstract_state)
    if workdir.path:
        surroundings = [jax.__version__, len(jax.devices()), run.devices]
        start = fingerprint(begun) if init is not None else ""
        identity = {"sha256": program.identity() + start, "traced_with": surroundings}
        if workdir.is_other_program(identity) and saved and not run.accept_changes:
            raise BadInput(
                f"{workdir.path} holds a run of another learner: a step computes something else, "
                "or it starts elsewhere\n"
                "give another --workdir (or stage=), or --accept_changes to go on with it"
            )
    if saved is None:
        assert begun is not None
        return from_notes(0, begun, {}, run.num_seeds)
    state = _fill_replay(saved.state, program)
    return from_notes(saved.step, state, saved.notes, run.num_seeds)


def _fill_replay(state: TrainState, program: Program) -> TrainState:
    """Puts the learner's first rings where a checkpoint holds none."""
    rings = take_out_replay(state)[1]
    if all(ring is not None for ring in rings):
        return state
    return put_in_replay(state, take_out_replay(program.init())[1])


def _window(run: Run) -> dict[str, int]:
    """The steps that the final training metrics are means over."""
    first = run.steps - histories.window_size(run.steps) + 1
    return {"first_step": first, "last_step": run.steps}


def _draw(
    workdir: Workdir, result: Mapping[str, Any], progress: Progress, figures: Figures | None
) -> Sequence[Exhibit]:
    """Writes the arrays of the last evaluation, and draws what the system shows of them.

    A drawing that fails costs a line: the run itself is over and saved.
    """
    assert workdir.path
    arrays = progress.evaluation.arrays
    if arrays:
        np.savez_compressed(workdir.path / "evaluation.npz", allow_pickle=False, **arrays)
    if figures is None:
        return ()
    rows = read_metrics(workdir.path / "metrics.jsonl")
    try:
        return figures(Outcome(result["metrics"], arrays, rows, result["num_seeds"]))
    except Exception as error:
        say(f"the figures could not be drawn: {type(error).__name__}: {error}")
        return ()
