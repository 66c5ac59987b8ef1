"""Makes cma_es.npz beside it with Hansen's own pycma, which no test needs.

    python -m venv peers; peers/bin/pip install cma==4.5.0
    peers/bin/python tests/ops/golden/make_cma_es.py

Two searches of ten generations of nine points in four dimensions: "near" begins beside the minimum,
"far" with a step so small that the path of the covariance stalls. pycma's step size follows another
rate by default, and its covariance begins not quite at I, so that no eigenvalues are equal: the
first is set to the tutorial's here, the second kept.
"""

from pathlib import Path

import cma
import numpy as np

STARTS = {"near": ([0.5, -0.3, 0.8, 0.1], 0.4), "far": ([5.0, -3.0, 8.0, 1.0], 0.05)}
GENERATIONS = 10
POINTS = 9


def search(mean, step_size):
    """Returns name -> what each generation was told and came to, [G, ...]."""
    options = {"seed": 7, "verbose": -9, "popsize": POINTS, "CMA_diagonal_decoding": 0}
    es = cma.CMAEvolutionStrategy(mean, step_size, options)
    n, mass = es.N, es.sp.weights.mueff
    es.adapt_sigma.initialize(es)
    es.adapt_sigma.cs = (mass + 2) / (n + mass + 5)
    es.adapt_sigma.damps = 1 + es.adapt_sigma.cs
    rows = []
    for _ in range(GENERATIONS):
        points = np.array(es.ask())
        losses = np.sum(10.0 ** np.arange(n) * points**2, axis=1)
        es.tell(list(points), list(losses))
        end = es.mean, es.sigma, es.sm.C, es.pc, es.adapt_sigma.ps
        rows.append([np.array(x) for x in (points, losses, *end)])
    names = "points losses mean step_size covariance covariance_path step_path".split()
    columns = zip(*rows, strict=True)
    return {name: np.stack(values) for name, values in zip(names, columns, strict=True)}


def main():
    """Writes the file."""
    found = {
        f"{case}/{name}": values
        for case, start in STARTS.items()
        for name, values in search(*start).items()
    }
    np.savez_compressed(Path(__file__).with_name("cma_es.npz"), **found)


if __name__ == "__main__":
    main()
