"""The machine: what a learner is, and the one driver that trains it.

The names are loaded on first use, so that flags can be checked before JAX is imported.
"""

from typing import TYPE_CHECKING

from jaxdl.lazy import keep_functions, load_lazily

if TYPE_CHECKING:
    from jaxdl.core.checkpoint import fingerprint as fingerprint
    from jaxdl.core.fit import fit as fit
    from jaxdl.core.learner import DeviceData as DeviceData
    from jaxdl.core.learner import Fold as Fold
    from jaxdl.core.learner import HostData as HostData
    from jaxdl.core.learner import Learner as Learner
    from jaxdl.core.learner import Mean as Mean
    from jaxdl.core.learner import Replay as Replay
    from jaxdl.core.learner import TrainState as TrainState
    from jaxdl.core.learner import over_seeds as over_seeds
    from jaxdl.core.learner import update as update
    from jaxdl.core.mesh import per_device as per_device
    from jaxdl.core.mesh import spread as spread
    from jaxdl.core.run import BadInput as BadInput
    from jaxdl.core.run import NonFinite as NonFinite
    from jaxdl.core.run import NotSaved as NotSaved
    from jaxdl.core.run import Run as Run
    from jaxdl.core.run import Stopped as Stopped

_HOME = {
    "BadInput": "run",
    "DeviceData": "learner",
    "Fold": "learner",
    "HostData": "learner",
    "Learner": "learner",
    "Mean": "learner",
    "NonFinite": "run",
    "NotSaved": "run",
    "Replay": "learner",
    "Run": "run",
    "Stopped": "run",
    "TrainState": "learner",
    "fingerprint": "checkpoint",
    "fit": "fit",
    "over_seeds": "learner",
    "per_device": "mesh",
    "spread": "mesh",
    "update": "learner",
}

__getattr__, __dir__ = load_lazily(__name__, _HOME)
keep_functions(__name__, _HOME)
