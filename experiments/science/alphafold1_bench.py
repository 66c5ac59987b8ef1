"""What a fold costs: energies and their gradients, by the length of the chain and by the method."""

from typing import Any

import jax
import jax.numpy as jnp

from experiments._timing import Candidate, measure
from jaxdl.science import alphafold1
from jaxdl.science.alphafold1 import Potential, VonMises, make_potential

LENGTHS = 64, 128, 256
STARTS = 8
STEPS = 20  # of a descent


def fold_step(peers: bool) -> list[dict[str, Any]]:
    """Times an energy with its gradient, and alone, of 8 chains side by side."""
    del peers  # there is none in JAX
    candidates = {}
    for length in LENGTHS:
        potential, starts = random_potential(length)
        for who, fn in (("gradient", energy_and_gradient), ("energy", energies)):
            name = "jaxdl" if (who, length) == ("gradient", 128) else f"jaxdl ({who}, {length})"
            note = f"{who} of {length} residues"
            candidates[name] = Candidate(fn, (potential, starts), items=STARTS, note=note)
    return measure("fold_step", candidates)


def fold_descent(peers: bool) -> list[dict[str, Any]]:
    """Times a descent of 8 chains of 128 residues by each method, an item an energy's gradient."""
    del peers
    potential, starts = random_potential(128)
    methods = {"jaxdl": alphafold1.lbfgs(), "jaxdl (Adam)": alphafold1.adam()}
    notes = {"jaxdl": "L-BFGS", "jaxdl (Adam)": "Adam"}

    def descent(method):
        def run(potential, starts):
            energy = lambda x: alphafold1.energy(potential, x)  # noqa: E731
            return jax.vmap(lambda x: method(energy, x, STEPS))(starts)

        return run

    candidates = {
        who: Candidate(descent(method), (potential, starts), STARTS * STEPS, notes[who])
        for who, method in methods.items()
    }
    return measure("fold_descent", candidates)


def energies(potential: Potential, starts: jax.Array) -> jax.Array:
    """Returns the energies [S] of chains by torsions [S, N, 2]."""
    return jax.vmap(alphafold1.energy, (None, 0))(potential, starts)


def energy_and_gradient(potential: Potential, starts: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns energies [S] and their gradients [S, N, 2]."""
    return jax.vmap(jax.value_and_grad(alphafold1.energy, 1), (None, 0))(potential, starts)


def random_potential(length: int) -> tuple[Potential, jax.Array]:
    """Makes a potential of noisy distances of a random chain, and starts [S, N, 2]."""
    keys = jax.random.split(jax.random.key(0), 3)
    torsions = jax.random.uniform(keys[0], (length, 2), minval=-jnp.pi, maxval=jnp.pi)
    cb = alphafold1.build_backbone(torsions).cb
    flat = jnp.zeros((1, 64))
    told = alphafold1.noisy_distogram(keys[1], alphafold1.distances(cb), flat, noise=1.0)
    weak = VonMises(torsions, jnp.ones((length, 2)))
    mask = jnp.ones(length)
    potential = make_potential(told, flat, weak, mask, 0 * mask)
    return potential, jax.random.uniform(keys[2], (STARTS, length, 2), minval=-3, maxval=3)


CASES = {"fold_step": fold_step, "fold_descent": fold_descent}
