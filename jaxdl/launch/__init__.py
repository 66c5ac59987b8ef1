"""From the command line to a checked Config, and again from the start after a crash. No JAX."""

from jaxdl.launch.flags import configure, launch, launch_tool
from jaxdl.launch.latest import latest_workdir
from jaxdl.launch.system import About, Build, Exhibit, Outcome, System, Table
from jaxdl.launch.train import train, train_stage

__all__ = [
    "About",
    "Build",
    "Exhibit",
    "Outcome",
    "System",
    "Table",
    "configure",
    "latest_workdir",
    "launch",
    "launch_tool",
    "train",
    "train_stage",
]
