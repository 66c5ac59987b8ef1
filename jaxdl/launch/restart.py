"""`--max_restarts`: a run that crashes starts again from its last checkpoint. No JAX in here."""

import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from jaxdl.core.run import Run, in_cluster

# Done, bad input, not finite, not saved, stopped: what would end in the same way again.
FINAL = (0, 2, 3, 4, 129, 130, 138, 143)
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)


def supervise(run: Run, restart_with: Sequence[str] = ()) -> int:
    """Runs this very command as a child until it ends for good; returns its exit code.

    Signals are handed on to the child, which saves and ends; then this process ends too.

    Args:
      run: how often it may start again, and where it saves.
      restart_with: more flags for the child.
    """
    last = [*restart_with, f"--workdir={run.workdir}", "--max_restarts=0"]
    command = [sys.executable, *sys.orig_argv[1:], *last]
    asked = False
    child: subprocess.Popen | None = None

    def hand_on(number, frame):
        nonlocal asked
        asked = True
        if child:
            child.send_signal(number)

    for number in FORWARDED:
        signal.signal(number, hand_on)
    for attempt in range(run.max_restarts + 1):
        # A process group of its own, so that Ctrl-C reaches it once, through `hand_on`.
        child = subprocess.Popen(command, process_group=0)
        if asked:  # before there was a child to hand it on to
            child.terminate()
        code = child.wait()
        code = code if code >= 0 else 128 - code
        if code in FINAL or asked:
            return code
        left = run.max_restarts - attempt
        print(f"jaxdl: ended with exit code {code}; {left} restarts left", file=sys.stderr)
        if left and (run.num_processes > 1 or in_cluster()):
            time.sleep(run.heartbeat)  # until the others have noticed, so that all start together
    return code
