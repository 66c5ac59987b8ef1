"""Keeps trained functions as files that need nothing of ours to be run."""

from jaxdl.deploy.comparison import Check, check
from jaxdl.deploy.program import Deployment, Loaded, load, write

__all__ = ["Check", "Deployment", "Loaded", "check", "load", "write"]
