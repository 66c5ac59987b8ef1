"""Losses: formulas without state."""

from jaxdl.losses.contrastive import ntxent

__all__ = ["ntxent"]
