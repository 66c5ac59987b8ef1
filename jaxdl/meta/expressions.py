"""Rewards as expressions of what an animal perceives, to be evolved (Niekum, Barto & Spector 2010).

Genetic Programming for Reward Function Search evolves programs of Push, which has a stack for each
type. So has this small language, in which every sequence of tokens is a program: a token that lacks
arguments does nothing. What the stack of numbers holds on top at the end is the reward, within -1
and 1, or 0 where it is empty.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.envs.needs import Senses

CONSTANTS = (-1.0, -0.5, -0.1, -0.01, 0.01, 0.1, 0.5, 1.0)
# name -> numbers taken, truths taken, numbers given, truths given
OPERATIONS = {
    "add": (2, 0, 1, 0),
    "subtract": (2, 0, 1, 0),
    "multiply": (2, 0, 1, 0),
    "least": (2, 0, 1, 0),
    "greatest": (2, 0, 1, 0),
    "less": (2, 0, 0, 1),
    "and": (0, 2, 0, 1),
    "or": (0, 2, 0, 1),
    "not": (0, 1, 0, 1),
    "if": (2, 1, 1, 0),
}


class Language(NamedTuple):
    """What the tokens 0 .. V - 1 mean, in a world of S states.

    Attributes:
      names: [V] of the tokens: "skip", the constants, measures, flags and operations.
      arity: [V, 4] int32 numbers and truths that a token takes, numbers and truths that it gives.
      kind: [V] int32 of what a token computes: 0 what it pushes, else 1 + the number of the
        operation.
      numbers: [V, S] float32 that a token pushes.
      truths: [V, S] bool that a token pushes.
    """

    names: tuple[str, ...]
    arity: np.ndarray
    kind: np.ndarray
    numbers: np.ndarray
    truths: np.ndarray


class Stacks(NamedTuple):
    """What a program has computed so far, with room for D values of each type.

    Attributes:
      numbers: [D, S] float32.
      truths: [D, S] bool.
      count: [2] int32 values on each stack.
    """

    numbers: jax.Array
    truths: jax.Array
    count: jax.Array


def language(senses: Senses) -> Language:
    """Returns the language in which rewards of these senses are written."""
    states = len(senses.need)
    pushed = [(f"{value:g}", np.full(states, value)) for value in CONSTANTS]
    pushed += list(zip(senses.measures, senses.values.T, strict=True))
    flags = list(zip(senses.flags, senses.is_so.T, strict=True))
    names = ["skip", *(name for name, _ in pushed + flags), *OPERATIONS]
    arity = [(0, 0, 0, 0)] + [(0, 0, 1, 0)] * len(pushed) + [(0, 0, 0, 1)] * len(flags)
    kind = [0] * len(arity) + list(range(1, len(OPERATIONS) + 1))
    numbers = np.zeros((len(names), states), np.float32)
    truths = np.zeros((len(names), states), bool)
    for place, (_, value) in enumerate(pushed, start=1):
        numbers[place] = value
    for place, (_, value) in enumerate(flags, start=1 + len(pushed)):
        truths[place] = value
    arity += list(OPERATIONS.values())
    return Language(tuple(names), np.array(arity, np.int32), np.array(kind), numbers, truths)


def evaluate(words: Language, program: jax.Array) -> jax.Array:
    """Runs a program in all states at once: which values it pushes depends on no state.

    Args:
      words: the language.
      program: [M] int32 tokens.

    Returns:
      [S] float32, the reward of arriving in each state.
    """
    states = words.numbers.shape[1]
    depth = program.shape[0] + 2  # two below all, so that every token finds something to take
    arity, kind = jnp.asarray(words.arity), jnp.asarray(words.kind)

    def run(stacks, token):
        takes, gives = arity[token, :2], arity[token, 2:]
        numbers, truths = stacks.numbers, stacks.truths
        top = stacks.count + 1  # of each stack
        a, b = numbers[top[0] - 1], numbers[top[0]]
        p, q = truths[top[1] - 1], truths[top[1]]
        number = jnp.stack(
            [jnp.asarray(words.numbers)[token], a + b, a - b, a * b, jnp.minimum(a, b)]
            + [jnp.maximum(a, b), *[b] * 4, jnp.where(q, a, b)]
        )[kind[token]]
        truth = jnp.stack([jnp.asarray(words.truths)[token], *[q] * 5, a < b, p & q, p | q, ~q, q])[
            kind[token]
        ]
        runs = jnp.all(stacks.count >= takes)
        count = jnp.where(runs, stacks.count - takes + gives, stacks.count)
        place = count + 1
        after = Stacks(
            jnp.where(runs & (gives[0] > 0), numbers.at[place[0]].set(number), numbers),
            jnp.where(runs & (gives[1] > 0), truths.at[place[1]].set(truth), truths),
            count,
        )
        return after, None

    empty = Stacks(
        jnp.zeros((depth, states)), jnp.zeros((depth, states), bool), jnp.zeros(2, jnp.int32)
    )
    ended, _ = jax.lax.scan(run, empty, program)
    return jnp.clip(ended.numbers[ended.count[0] + 1], -1.0, 1.0)


def write(words: Language, program: np.ndarray) -> str:
    """Writes what a program computes, as an expression with brackets; "0" where it is nothing."""
    stacks: tuple[list[str], list[str]] = ([], [])
    for token in np.asarray(program):
        taken = words.arity[token]
        if len(stacks[0]) < taken[0] or len(stacks[1]) < taken[1] or not taken.any():
            continue
        parts = []
        for stack, many in zip(stacks, taken[:2], strict=True):
            parts += stack[len(stack) - many :]
            del stack[len(stack) - many :]
        name = words.names[token]
        text = f"{name}({', '.join(parts)})" if parts else name
        stacks[0 if taken[2] else 1].append(text)
    return stacks[0][-1] if stacks[0] else "0"


def random_programs(key: jax.Array, words: Language, number: int, length: int) -> jax.Array:
    """Draws programs [number, length], all tokens equally likely."""
    return jax.random.randint(key, (number, length), 0, len(words.names))


def select(key: jax.Array, scores: jax.Array, number: int, size: int) -> jax.Array:
    """Returns the winners [number] int32 of tournaments among programs.

    Args:
      key: of the draws.
      scores: [N] of the programs; the higher one wins, of equal ones the first that was drawn.
      number: how many tournaments.
      size: programs that are drawn for each, with replacement.
    """
    drawn = jax.random.randint(key, (number, size), 0, scores.shape[0])
    return jnp.take_along_axis(drawn, jnp.argmax(scores[drawn], 1)[:, None], 1)[:, 0]


def cross(key: jax.Array, one: jax.Array, other: jax.Array) -> jax.Array:
    """Returns one's program [M] with a piece, between two random cuts, of the other's."""
    length = one.shape[0]
    cuts = jnp.sort(jax.random.randint(key, (2,), 0, length + 1))
    place = jnp.arange(length)
    return jnp.where((place >= cuts[0]) & (place < cuts[1]), other, one)


def mutate(key: jax.Array, program: jax.Array, words: Language, rate: float) -> jax.Array:
    """Replaces each token of a program [M], with a probability of `rate`, by a random one."""
    token_key, change_key = jax.random.split(key)
    tokens = jax.random.randint(token_key, program.shape, 0, len(words.names))
    return jnp.where(jax.random.bernoulli(change_key, rate, program.shape), tokens, program)
