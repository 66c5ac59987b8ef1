"""How loss falls with size: a power law and how sure it is (Kaplan et al. 2020, eq. 1.1)."""

from typing import NamedTuple

import numpy as np

from jaxdl.core.run import BadInput

DRAWS = 1000  # of the bootstrap
LEVEL = (2.5, 97.5)  # percentiles


class PowerLaw(NamedTuple):
    """L(N) = (N_c / N)^alpha, which is factor / N^alpha, fitted by least squares of logarithms.

    Attributes:
      alpha: how fast the loss falls.
      factor: N_c^alpha.
      alphas: [R] of resampled runs.
      factors: [R] of them.
    """

    alpha: float
    factor: float
    alphas: np.ndarray
    factors: np.ndarray


class Prediction(NamedTuple):
    """What a law says of a size.

    Attributes:
      loss: predicted.
      low: where the 95 % band begins.
      high: where it ends.
    """

    loss: np.ndarray
    low: np.ndarray
    high: np.ndarray


def fit_power_law(sizes: np.ndarray, losses: np.ndarray, *, seed: int = 0) -> PowerLaw:
    """Fits a power law to the mean losses of several sizes.

    The band tells the noise of seeds alone, by the bootstrap over the runs of each size (Efron
    1979). That the law itself may not hold is told by sizes that the fit has not seen.

    Args:
      sizes: [K], parameters.
      losses: [K, S], of S runs each.
      seed: of the bootstrap.

    Raises:
      BadInput: there are less than two sizes.
    """
    if len({*np.asarray(sizes).tolist()}) < 2:
        raise BadInput("a power law needs the losses of two sizes or more")
    rng = np.random.default_rng(seed)
    count, runs = losses.shape
    rows = rng.integers(runs, size=(DRAWS, count, runs))
    drawn = np.take_along_axis(np.broadcast_to(losses, rows.shape), rows, axis=2).mean(2)
    alpha, factor = _least_squares(sizes, losses.mean(1)[None])
    return PowerLaw(float(alpha[0]), float(factor[0]), *_least_squares(sizes, drawn))


def predict(law: PowerLaw, sizes: np.ndarray) -> Prediction:
    """Predicts the losses [K] of sizes [K]."""
    sizes = np.asarray(sizes, np.float64)
    band = law.factors[:, None] * sizes ** -law.alphas[:, None]
    low, high = np.percentile(band, LEVEL, axis=0)
    return Prediction(law.factor * sizes**-law.alpha, low, high)


def _least_squares(sizes: np.ndarray, losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fits lines through the logarithms of losses [R, K]; returns alpha [R] and factor [R]."""
    x, y = np.log(np.asarray(sizes, np.float64)), np.log(losses)
    centered = x - x.mean()
    alpha = -(y @ centered) / (centered @ centered)
    return alpha, np.exp(y.mean(1) + alpha * x.mean())
