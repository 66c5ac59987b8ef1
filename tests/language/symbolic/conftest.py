"""Programs that many tests share, and one compiled form of each function."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.language.symbolic.batches import map_by_length
from jaxdl.language.symbolic.derivative import derivative
from jaxdl.language.symbolic.simplify import simplify
from jaxdl.language.symbolic.stack_machine import evaluate
from jaxdl.language.symbolic.trees import sample_expression
from jaxdl.language.symbolic.verify import compare

BATCH, LENGTH = 512, 40


@pytest.fixture(scope="session")
def drawn():
    """Random expressions of up to 8 operators, [512, 40]."""
    draw = jax.jit(jax.vmap(partial(sample_expression, most=8)))
    rows = draw(jax.random.split(jax.random.key(0), BATCH))
    return jnp.pad(rows, ((0, 0), (0, LENGTH - rows.shape[1])))


@pytest.fixture(scope="session")
def simplify_rows():
    """The simplifier of rows [512, 40]."""
    return jax.jit(lambda rows: map_by_length(lambda _, rows: simplify(rows), rows))


@pytest.fixture(scope="session")
def evaluate_rows():
    """The value of rows [512, L] at points [6, N]."""
    return jax.jit(jax.vmap(evaluate, (0, None)))


@pytest.fixture(scope="session")
def compare_rows():
    """The verdict on values [B, N]."""
    return jax.jit(jax.vmap(compare))


@pytest.fixture(scope="session")
def differentiate_rows():
    """The derivatives of rows [512, 40]."""
    return jax.jit(jax.vmap(partial(derivative, length=4 * LENGTH)))


@pytest.fixture(scope="session")
def points():
    """The 32 points at which rows are compared, [1, 32]."""
    rng = np.random.default_rng(0)
    values = rng.uniform(0.2, 3, (1, 32)) + 1j * rng.uniform(-0.5, 0.5, (1, 32))
    with jax.enable_x64(True):
        return jnp.asarray(values)
