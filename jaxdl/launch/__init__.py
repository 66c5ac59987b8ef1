"""From the command line to a checked Config, and again from the start after a crash. No JAX."""

from jaxdl.launch.flags import configure, launch

__all__ = ["configure", "launch"]
