"""Power laws against losses that follow one."""

import numpy as np
import pytest

from jaxdl.core.run import BadInput
from jaxdl.language.power_law import fit_power_law, predict

SIZES = np.array([1e4, 3e4, 1e5, 1e6])


def test_a_law_is_found_again_and_goes_on():
    losses = np.repeat((2e8 / SIZES[:, None]) ** 0.08, 3, axis=1)
    law = fit_power_law(SIZES[:3], losses[:3])
    assert (law.alpha, law.factor) == (pytest.approx(0.08), pytest.approx(2e8**0.08))
    said = predict(law, SIZES)
    for numbers in said:
        np.testing.assert_allclose(numbers, losses[:, 0])


def test_the_band_of_a_noisy_law_holds_what_it_should():
    """Of 200 laws, about 95 % of the bands hold the true loss of a size that was not seen."""
    rng = np.random.default_rng(0)
    truth = (2e8 / SIZES) ** 0.08
    inside = 0
    for seed in range(200):
        losses = truth[:, None] * np.exp(rng.normal(0, 0.02, (4, 20)))
        _, low, high = predict(fit_power_law(SIZES[:3], losses[:3], seed=seed), SIZES[3:])
        inside += low[0] <= truth[3] <= high[0]
    assert 0.88 <= inside / 200 <= 0.99


def test_losses_that_stay_are_a_law_too_and_one_size_is_none():
    law = fit_power_law(SIZES[:2], np.full((2, 3), 2.5))
    assert predict(law, SIZES).loss == pytest.approx(2.5)
    with pytest.raises(BadInput, match="two sizes or more"):
        fit_power_law(SIZES[:1], np.ones((1, 3)))
