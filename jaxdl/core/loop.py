"""The loop of a run: dispatch, log one call behind, evaluate, save, stop."""

import time
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxdl.core import history as histories
from jaxdl.core.history import History
from jaxdl.core.learner import Mean, TrainState
from jaxdl.core.program import Program, StepOutcome
from jaxdl.core.run import NonFinite, Run
from jaxdl.core.watch import Watch
from jaxdl.core.workdir import Workdir


class Evaluation(NamedTuple):
    """What an evaluation has returned.

    Attributes:
      metrics: name, beginning with "eval/" -> value [] or [S].
      arrays: name -> array [...] or [S, ...].
    """

    metrics: dict[str, np.ndarray]
    arrays: dict[str, np.ndarray]


class Call(NamedTuple):
    """A dispatch whose metrics have not been fetched yet.

    Attributes:
      steps: the numbers of its steps.
      outcome: what the devices return of them.
    """

    steps: range
    outcome: StepOutcome


class Progress(NamedTuple):
    """Where a run stands.

    Attributes:
      step: steps done.
      state: after them.
      history: the last steps' metrics, as many as the final window has.
      row: means over the newest call.
      streak: [S] updates undone in a row.
      evaluation: the newest one.
      train_seconds: time spent on training since the run was started, without compilation.
    """

    step: int
    state: TrainState
    history: History
    row: dict[str, np.ndarray]
    streak: np.ndarray
    evaluation: Evaluation = Evaluation({}, {})
    train_seconds: float = 0.0


def train(
    program: Program, progress: Progress, run: Run, workdir: Workdir, watching: Watch
) -> tuple[Progress, int]:
    """Runs to the last step, or to the first call boundary after a signal, and saves the state.

    Returns:
      The progress, and the signal's number or 0.
    """
    first = progress.step
    device_step = program.device_step(first)
    signal = watching.stop()
    pending: Call | None = None
    started_at = time.monotonic()
    compiled = program.compile_seconds()
    evaluating = 0.0
    while progress.step < run.steps and not signal:
        steps = _next_call(progress.step, run)
        with workdir.profile((steps.start - first) // run.steps_per_call):
            state, device_step, outcome = program.advance(progress.state, device_step, steps)
        if pending:  # one call behind: the devices never wait
            progress = _record(progress, pending, run)
            workdir.log(pending.steps.stop, progress.row)
        progress = progress._replace(step=steps.stop, state=state)
        pending = Call(steps, outcome)
        is_last = steps.stop == run.steps  # is saved and evaluated behind the loop
        is_save_due = _is_passed(run.save_every, steps) and not is_last
        is_evaluation_due = _is_passed(run.eval_every, steps) and not is_last
        if is_save_due or is_evaluation_due:
            progress = _record(progress, pending, run)  # raises before a bad state is saved
            pending = None
            row = progress.row
            if is_save_due:
                workdir.save(progress.step, progress.state, _notes(progress))
            if is_evaluation_due:
                progress, seconds = evaluate(program, progress, device_step)
                evaluating += seconds
                row = row | progress.evaluation.metrics
            workdir.log(progress.step, row)
        workdir.check()
        watching.restart()
        signal = watching.stop()
    if pending:
        progress = _record(progress, pending, run)
        if pending.steps.stop < run.steps:
            workdir.log(progress.step, progress.row)
    jax.block_until_ready(progress.state)
    seconds = time.monotonic() - started_at - (program.compile_seconds() - compiled) - evaluating
    workdir.save(progress.step, progress.state, _notes(progress))
    return progress._replace(train_seconds=seconds), signal


def finish(program: Program, progress: Progress, workdir: Workdir) -> Progress:
    """Evaluates the last state, which has been saved, and logs the last call."""
    progress, _ = evaluate(program, progress, program.device_step(progress.step))
    workdir.log(progress.step, progress.row | progress.evaluation.metrics)
    return progress


def _next_call(step: int, run: Run) -> range:
    """The steps up to the next multiple of `steps_per_call`, or up to the end."""
    boundary = step - step % run.steps_per_call + run.steps_per_call
    return range(step, min(boundary, run.steps))


def _is_passed(every: int, steps: range) -> bool:
    """Whether a multiple of `every` lies among the step counts that a call has reached."""
    return every > 0 and steps.start // every < steps.stop // every


def _record(progress: Progress, call: Call, run: Run) -> Progress:
    """Fetches a call's metrics, checks them, and adds them to the history.

    Raises:
      NonFinite: a number is not, or too many updates in a row have been undone.
    """
    outcome = jax.device_get(call.outcome)
    measured = histories.measure_steps(outcome.metrics)
    streak = progress.streak.copy()
    if run.skip_nonfinite:
        measured = histories.leave_out_skipped(measured, call.steps, streak, run.skip_nonfinite)
    histories.check_finite(measured, call.steps, bool(outcome.is_finite))
    longest = histories.window_size(run.steps)
    history = histories.append(progress.history, measured, longest)
    return progress._replace(history=history, row=histories.means(measured), streak=streak)


def _notes(progress: Progress) -> dict[str, Any]:
    """What a checkpoint holds beside the state, so that a resumed run reports the same."""
    return {
        "history": histories.to_json(progress.history),
        "row": {name: value.tolist() for name, value in progress.row.items()},
        "streak": progress.streak.tolist(),
    }


def from_notes(step: int, state: TrainState, notes: dict[str, Any], num_seeds: int) -> Progress:
    """Reads the progress out of a checkpoint."""
    streak = np.zeros(num_seeds)
    streak[:] = notes.get("streak", 0.0)
    row = {name: np.asarray(value, np.float64) for name, value in notes.get("row", {}).items()}
    return Progress(step, state, histories.from_json(notes.get("history", {})), row, streak)


def evaluate(
    program: Program, progress: Progress, device_step: jax.Array
) -> tuple[Progress, float]:
    """Evaluates a state.

    Returns:
      The progress, and the seconds that it took, compilation left out.

    Raises:
      NonFinite: a metric is not finite.
    """
    started_at = time.monotonic()
    compiled = program.compile_seconds()
    values = jax.device_get(program.evaluate(progress.state, device_step))
    metrics = {}
    for name in sorted(program.metric_names):
        value = values.pop(name)
        parts = value if isinstance(value, Mean) else (value,)
        if not all(np.isfinite(part).all() for part in parts):
            raise NonFinite(f"eval/{name} is not finite at step {progress.step}")
        one_step = jax.tree.map(lambda x: np.asarray(x)[None], {f"eval/{name}": value})
        metrics |= histories.means(histories.measure_steps(one_step))
    seconds = time.monotonic() - started_at - (program.compile_seconds() - compiled)
    return progress._replace(evaluation=Evaluation(metrics, values)), seconds
