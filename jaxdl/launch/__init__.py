"""From the command line to a checked Config, and again from the start after a crash. No JAX."""

from typing import Any

from jaxdl.launch.flags import configure, launch, launch_tool
from jaxdl.launch.latest import latest_workdir
from jaxdl.launch.system import About, Build, Exhibit, Outcome, System, Table

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
]


def __getattr__(name: str) -> Any:
    if name != "train":  # the one name that needs JAX, loaded on first use
        raise AttributeError(f"module 'jaxdl.launch' has no attribute {name!r}")
    import importlib

    globals()["train"] = importlib.import_module("jaxdl.launch.train").train
    return globals()["train"]
