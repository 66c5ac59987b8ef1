"""Where rewards are searched for: tables of numbers, one for each need, or expressions."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.core.run import BadInput
from jaxdl.envs.needs import Senses
from jaxdl.meta import expressions

ENUMERATED = 2**16  # tables; of larger sets a search draws at random
GOLDEN = 0.6180339887  # of all tables lie between two that follow one another


class RewardSpace(NamedTuple):
    """Candidates for the reward, as arrays of N rows of G integers.

    Attributes:
      length: G.
      first: key -> candidates [N, G] of the first generation.
      follow: key, generation, candidates [N, G], their scores [N] -> candidates of the next one.
      decode: [G] -> the reward [S] of each state.
    """

    length: int
    first: Callable[[jax.Array], jax.Array]
    follow: Callable[[jax.Array, jax.Array, jax.Array, jax.Array], jax.Array]
    decode: Callable[[jax.Array], jax.Array]


def tables(
    senses: Senses, levels: Sequence[float], *, number: int, by_hunger: bool = False
) -> RewardSpace:
    """Makes the space of all tables of rewards with these levels, one for each need.

    As Singh, Lewis & Barto search: candidates know nothing of each other. Where the tables are few,
    each comes once before any comes again; where they are many, they are drawn evenly.

    Args:
      senses: what the animal perceives, with K needs.
      levels: rewards that a need can have.
      number: N, of a generation.
      by_hunger: whether needs differ in hunger alone, K = 2: the papers' fitness-based rewards.

    Raises:
      BadInput: fewer than two levels.
    """
    if len(levels) < 2:
        raise BadInput(f"tables of rewards need at least 2 levels, got {list(levels)}")
    need = senses.is_hungry.astype(np.int32) if by_hunger else senses.need
    length = int(need.max()) + 1
    base, size = len(levels), len(levels) ** length

    def generate(key, generation):
        if size > ENUMERATED:
            return jax.random.randint(key, (number, length), 0, base)
        place = generation.astype(jnp.uint32) * number + jnp.arange(number, dtype=jnp.uint32)
        code = (place % size) * np.uint32(_stride(size)) % size
        powers = np.uint32(base) ** np.arange(length, dtype=np.uint32)
        return jnp.int32(code[:, None] // powers % base)

    return RewardSpace(
        length,
        first=lambda key: generate(key, jnp.int32(0)),
        follow=lambda key, generation, candidates, scores: generate(key, generation),
        decode=lambda digits: jnp.asarray(levels, jnp.float32)[digits][need],
    )


def programs(
    senses: Senses, *, number: int, length: int = 16, tournament: int = 4, mutation: float = 0.1
) -> RewardSpace:
    """Makes the space of expressions, whose generations evolve.

    A generation's first program is the best of the one before. The others are winners of
    tournaments, which get a piece of another winner and then random tokens.

    Args:
      senses: what the animal perceives.
      number: N, of a generation.
      length: G, tokens of a program.
      tournament: programs that compete to be a parent.
      mutation: chance that a token is replaced.
    """
    words = expressions.language(senses)

    def follow(key, generation, candidates, scores):
        del generation
        parent_key, cut_key, token_key = jax.random.split(key, 3)
        winners = expressions.select(parent_key, scores, 2 * number, tournament)
        one, other = candidates[winners].reshape(2, number, length)
        children = jax.vmap(expressions.cross)(jax.random.split(cut_key, number), one, other)
        keys = jax.random.split(token_key, number)
        children = jax.vmap(lambda k, p: expressions.mutate(k, p, words, mutation))(keys, children)
        return children.at[0].set(candidates[jnp.argmax(scores)])

    return RewardSpace(
        length,
        first=lambda key: expressions.random_programs(key, words, number, length),
        follow=follow,
        decode=lambda program: expressions.evaluate(words, program),
    )


def reward_space(
    senses: Senses,
    kind: str,
    *,
    number: int,
    levels: Sequence[float],
    length: int,
    tournament: int,
    mutation: float,
) -> RewardSpace:
    """Makes the space of that name.

    Args:
      senses: what the animal perceives.
      kind: "tables", "hunger" (tables that see nothing else) or "expressions".
      number: N, of a generation.
      levels: that tables are made of.
      length: tokens of an expression.
      tournament: expressions that compete to be a parent.
      mutation: chance that a token is replaced.
    """
    if kind == "expressions":
        breeding = {"length": length, "tournament": tournament, "mutation": mutation}
        return programs(senses, number=number, **breeding)
    return tables(senses, levels, number=number, by_hunger=kind == "hunger")


def fitness_reward(senses: Senses) -> np.ndarray:
    """Returns the task's own reward [S], which is the fitness: 1 where the animal is not hungry."""
    return 1.0 - senses.is_hungry.astype(np.float32)


def by_need(senses: Senses, reward: Any) -> np.ndarray:
    """Returns the mean reward [..., K] of each need over the places, of rewards [..., S]."""
    reward = np.asarray(reward)
    means = [reward[..., senses.need == k].mean(axis=-1) for k in range(len(senses.needs))]
    return np.stack(means, axis=-1)


def _stride(size: int) -> int:
    """Returns a step around `size` places that meets each of them, and lands far from the last."""
    near = round(GOLDEN * size)
    return next(s for s in range(near, 2 * size + 2) if np.gcd(s, size) == 1)
