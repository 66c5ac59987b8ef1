"""Makes ani.npz: ANI-1x AEVs and their gradients by TorchANI 2.9.0, in float64.

    pip install torchani==2.9.0 ase; python tests/science/golden/make_ani.py

Molecules are ASE's, moved by noise so that nothing is symmetric. TorchANI keeps its constants in
float32; here they are set to the decimals of the paper. The gradient is that of the sum of all
features, each times the cosine of its place in the array.
"""

from pathlib import Path

import ase.build
import numpy as np
import torch
from torchani.aev import AEVComputer

MOLECULES = ("CH4", "H2O", "NH3", "CH3CH2OH", "C6H6", "CH3CONH2")


def computer() -> AEVComputer:
    """Returns ANI-1x's with constants in float64."""
    made = AEVComputer.like_1x(strategy="pyaev").double()
    made.radial.shifts.copy_(torch.from_numpy(0.9 + 4.3 / 16 * np.arange(16)))
    made.angular.shifts.copy_(torch.from_numpy(0.9 + 0.65 * np.arange(4)))
    made.angular.sections.copy_(torch.from_numpy(np.pi / 16 * (1 + 2 * np.arange(8))))
    return made


def main() -> None:
    """Writes the file."""
    random, aev, arrays = np.random.default_rng(0), computer(), {}
    for name in MOLECULES:
        atoms = ase.build.molecule(name)
        species = np.array(["HCNO".index(symbol) for symbol in atoms.get_chemical_symbols()])
        x = atoms.positions + random.normal(scale=0.05, size=atoms.positions.shape)
        coordinates = torch.tensor(x[None], requires_grad=True)
        features = aev(torch.tensor(species[None]), coordinates)[0]  # [A, 384]
        weights = np.cos(np.arange(features.numel())).reshape(features.shape)
        (gradient,) = torch.autograd.grad((features * torch.tensor(weights)).sum(), coordinates)
        arrays |= {f"{name}/species": species.astype(np.int32), f"{name}/coordinates": x}
        arrays |= {f"{name}/aev": features.detach().numpy()}
        arrays |= {f"{name}/gradient": gradient[0].numpy()}
    np.savez_compressed(Path(__file__).with_name("ani.npz"), **arrays)


if __name__ == "__main__":
    main()
