"""Energies and forces by TorchANI with random weights: `--peers=torch` of the benchmark."""

from collections.abc import Callable

import numpy as np
import torch
from torchani.aev import AEVComputer
from torchani.nn import ANINetworks, AtomicNetwork, Ensemble

from jaxdl.science.ani import WIDTHS

FEATURES = 384


def evaluation(species: np.ndarray, x: np.ndarray, *, members: int) -> Callable[[], float]:
    """Makes a call that computes energies and forces, and returns the mean energy.

    Args:
      species: [A].
      x: [B, A, 3], Angstrom.
      members: sets of nets, of whose mean the forces are taken.
    """
    aev = AEVComputer.like_1x(strategy="pyaev")
    nets = Ensemble([_nets() for _ in range(members)]) if members > 1 else _nets()
    kinds = torch.tensor(species).expand(len(x), -1).contiguous()

    def call() -> float:
        coordinates = torch.tensor(x, requires_grad=True)
        energies = nets(kinds, aev(kinds, coordinates))
        forces = -torch.autograd.grad(energies.sum(), coordinates)[0]
        return float((energies.mean() + 0 * forces.sum()).detach())

    return call


def _nets() -> ANINetworks:
    return ANINetworks({e: AtomicNetwork((FEATURES, *WIDTHS[e], 1)) for e in "HCNO"})
