"""Simplification by rewriting, on the device: passes over a program until nothing changes.

A pass reads the program from right to left and rebuilds it in a table of nodes. At each token the
rules are compared with what is made of it and of its arguments, all at once, and the first one that
holds is applied. What that gives is looked at again in the next pass.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxdl.language.symbolic.derivative import run_steps
from jaxdl.language.symbolic.expressions import (
    CODES,
    FRACTION,
    INTEGER,
    LARGE,
    PAD,
    SMALL,
    Number,
    arities,
    count_tokens,
    lay_out,
    numbers,
)
from jaxdl.language.symbolic.nodes import (
    LITERALS,
    Node,
    Program,
    begin_table,
    make_node,
    read,
    store,
    write_out,
)
from jaxdl.language.symbolic.rules import (
    CANONICAL,
    READABLE,
    Condition,
    Rules,
    compile_rules,
)

MOST_PASSES = 64
MOST_POWER = 31  # exponents up to which powers of numbers are computed


class Pass(NamedTuple):
    """The passes under way.

    Attributes:
      tokens: [B, L] int32, the programs as yet.
      count: int32 scalar, passes so far.
      changes: bool scalar, whether the last one changed any.
      fits: [B] bool; False once a program would have outgrown its length.
    """

    tokens: jax.Array
    count: jax.Array
    changes: jax.Array
    fits: jax.Array


def simplify(program: jax.Array, *, passes: int = MOST_PASSES) -> Program:
    """Brings a program to canonical form.

    Values are kept wherever both forms are defined. A program that has its canonical form stays as
    it is; what needs more passes, or more tokens on the way, is left simplified in part.

    Args:
      program: [..., L] int32; a batch takes as many steps as its longest program.
      passes: the most that are made.

    Returns:
      The program; `fits` is False where it outgrew L tokens on the way, and was left there.
    """
    return rewrite(program, compile_rules(CANONICAL), passes=passes)


def make_readable(program: jax.Array, *, passes: int = MOST_PASSES) -> Program:
    """Writes a program of canonical form with differences, quotients and roots, for readers."""
    return rewrite(program, compile_rules(READABLE), passes=passes)


def rewrite(program: jax.Array, rules: Rules, *, passes: int = MOST_PASSES) -> Program:
    """Applies rules until none holds, or for so many passes.

    Args:
      program: [..., L] int32.
      rules: compiled.
      passes: the most that are made.
    """

    whole = jnp.asarray(program, jnp.int32)
    rows = whole.reshape(-1, whole.shape[-1])

    def go_on(state: Pass) -> jax.Array:
        return state.changes & (state.count < passes)

    def body(state: Pass) -> Pass:
        with jax.enable_x64(True):
            new = _pass(state.tokens, rules)
        tokens = jnp.where(new.fits[:, None], new.tokens, state.tokens)
        changes = jnp.any(tokens != state.tokens)
        return Pass(tokens, state.count + 1, changes, state.fits & new.fits)

    begun = Pass(rows, jnp.int32(0), jnp.bool_(True), jnp.ones(len(rows), bool))
    ended = jax.lax.while_loop(go_on, body, begun)
    return Program(ended.tokens.reshape(whole.shape), ended.fits.reshape(whole.shape[:-1]))


def _pass(programs: jax.Array, rules: Rules) -> Program:
    """Makes one pass over programs [B, L], which takes as many steps as the longest one has."""
    length = programs.shape[1]
    steps = jnp.max(count_tokens(programs), initial=1)
    tables, roots = jax.vmap(lambda program: _rebuild(program, rules, steps))(programs)
    sizes = jax.vmap(read)(tables, roots).size
    longest = jnp.minimum(jnp.max(sizes, initial=1), length)
    new = jax.vmap(lambda table, root: write_out(table, root, length, longest))(tables, roots)
    is_empty = programs[:, 0] == PAD
    return Program(jnp.where(is_empty[:, None], programs, new.tokens), new.fits | is_empty)


def _rebuild(program: jax.Array, rules: Rules, used: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Rebuilds a program [L] of so many tokens; returns a table of nodes, and the program's."""
    size, begin = len(program), len(LITERALS)
    steps, asks = jnp.asarray(rules.steps), jnp.asarray(rules.asks)
    per_token = 2 + steps.shape[1]
    second = lay_out(program).second
    literals = jnp.arange(begin, dtype=jnp.int32)

    def step(count, carry):
        table, slots = carry  # slots [L + 1] of the expressions that begin at each place
        place = used - 1 - count
        token = program[place]
        slot = begin + per_token * place
        a, b = slots[place + 1], slots[second[place]]
        node = make_node(token, read(table, a), read(table, b), a, b)
        table = store(table, slot, node)
        places, around = _look_around(table, slot)
        folded, folds = _fold_around(around)
        nothing = jax.tree.map(jnp.zeros_like, node)
        table = store(table, slot + 1, make_node(folded, nothing, nothing, a, b))
        holds = jnp.stack([_holds(c, around, folds) for c in rules.conditions])
        rule = _first_rule(holds, asks)
        known = jnp.concatenate([literals, places, slot[None] + 1])
        table, known = run_steps(table, slot + 2, steps[rule], known)
        return table, slots.at[place].set(jnp.where(token == PAD, 0, known[-1]))

    begun = begin_table(begin + per_token * size), jnp.zeros(size + 1, jnp.int32)
    table, slots = jax.lax.fori_loop(0, used, step, begun)
    return table, slots[0]


def _look_around(table: jax.Array, slot: jax.Array) -> tuple[jax.Array, Node]:
    """Returns the slots [P] of `PLACES` around a node, and what is in them."""
    self = read(table, slot)
    near = read(table, jnp.stack([self.a, self.b]))
    further = jnp.stack([near.a, near.b], axis=1).reshape(-1)  # 00 01 10 11
    third = read(table, further)
    last = jnp.stack([third.a[2], third.b[2], third.a[1]])  # 100 101 010
    places = jnp.concatenate([slot[None], self.a[None], self.b[None], further, last])
    parts = [jax.tree.map(lambda x: x[None], self), near, third, read(table, last)]
    return places, jax.tree.map(lambda *x: jnp.concatenate(x), *parts)


def _holds(condition: Condition, around: Node, folds: jax.Array) -> jax.Array:
    """Says whether a condition holds, a bool scalar.

    What lies below a place is only asked for together with the token above it, so that it does not
    matter what stands there where there is nothing.
    """
    kind, place, other = condition
    token = around.token[place]
    if kind == "token":
        return token == other
    if kind == "equal":
        return (around.low[place] == around.low[other]) & (around.high[place] == around.high[other])
    if kind == "folds":
        return folds
    if kind == "class":
        over = numbers(token).numerator
        is_number = token >= FRACTION
        return (is_number, token >= INTEGER, is_number & (over < 0), ~is_number)[other]
    return _is_before(around, other) & ((other != 2) | (around.token[2] != around.token[0]))


def _is_before(around: Node, place: int) -> jax.Array:
    """Says whether a place comes before the first argument in the order of sums or products.

    Numbers come first, then short expressions. In sums coefficients do not count, in products
    exponents: so that what can be collected stands side by side.
    """
    is_sum = around.token[0] == CODES["+"]
    below = {1: (3, 4), 2: (5, 6), 5: (7, 8)}

    def key(place: int) -> jax.Array:
        a, b = below[place]
        token = around.token[place]
        has_factor = is_sum & (token == CODES["*"]) & (around.token[a] >= FRACTION)
        is_power = ~is_sum & (token == CODES["^"])
        core = jnp.where(has_factor, b, jnp.where(is_power, a, place))
        low, size = around.low[core], around.size[core]
        low = jnp.where(~is_sum & (token == CODES["exp"]), 0, low)
        size = jnp.where(~is_sum & (token == CODES["exp"]), 2, size)
        ranked = (jnp.minimum(size, 127) << 23) | ((low >> 9) & 0x7FFFFF)
        return jnp.where(token >= FRACTION, -1, ranked)

    return key(place) < key(1)


def _first_rule(holds: jax.Array, asks: jax.Array) -> jax.Array:
    """Returns the number of the first rule of which all conditions hold.

    Args:
      holds: [C] bool.
      asks: [R + 1, W] uint32.
    """
    missing = 32 * asks.shape[1] - len(holds)
    bits = jnp.pad(holds, (0, missing)).reshape(-1, 32).astype(jnp.uint32)
    words = jnp.sum(bits << jnp.arange(32, dtype=jnp.uint32), axis=1, dtype=jnp.uint32)  # [W]
    applies = jnp.all((asks & words) == asks, axis=1)  # [R + 1]
    return jax.lax.argmax(applies, 0, jnp.int32)


def _fold_around(around: Node) -> tuple[jax.Array, jax.Array]:
    """Returns what `#` is in the rules, and whether it is a number."""
    below = jnp.where(around.token[1] >= FRACTION, around.token[1], around.token[3])
    is_binary = arities(around.token[0]) == 2
    operator = jnp.where(is_binary, around.token[0], CODES["*"])
    first = jnp.where(is_binary, around.token[1], LITERALS["-1"])
    return fold(operator, first, jnp.where(is_binary, around.token[2], below))


def fold(token: jax.Array, first: jax.Array, second: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Applies + * ^ to two numbers.

    Args:
      token: of the operator.
      first: token of the first number.
      second: token of the second one.

    Returns:
      The token of the result, and whether there is one: a number that a token can be.
    """
    x, y = numbers(first), numbers(second)
    are_numbers = (first >= FRACTION) & (second >= FRACTION)
    base, exponent, has_root = _take_roots(x, y)
    by_token = {
        "+": (_add(x, y), jnp.bool_(True)),
        "*": (_multiply(x, y), jnp.bool_(True)),
        "^": (_raise(base, exponent), has_root & ((x.numerator != 0) | (y.numerator > 0))),
    }
    result, fits, works = Number(jnp.int32(0), jnp.int32(1)), jnp.bool_(False), jnp.bool_(False)
    for name, ((value, is_exact), holds) in by_token.items():
        is_it = token == CODES[name]
        result = jax.tree.map(
            lambda new, old, is_it=is_it: jnp.where(is_it, new, old), value, result
        )
        fits = jnp.where(is_it, is_exact, fits)
        works = jnp.where(is_it, holds, works)
    works = works & are_numbers & fits
    result = jax.tree.map(lambda new, old: jnp.where(works, new, old), result, Number(0, 1))
    common = jnp.gcd(result.numerator, result.denominator)
    sign = jnp.where(result.denominator < 0, -1, 1)
    over, under = (sign * part // common for part in result)
    token = jnp.where(under == 1, INTEGER + LARGE + over, FRACTION + (over + SMALL) * SMALL + under)
    is_fraction = (under < SMALL) & (jnp.abs(over) < SMALL)
    return token, works & (is_fraction | ((under == 1) & (jnp.abs(over) < LARGE)))


def _add(x: Number, y: Number) -> tuple[Number, jax.Array]:
    parts = (x.numerator, y.denominator), (y.numerator, x.denominator)
    under = (x.denominator, y.denominator)
    exact = _is_small(*parts[0]) & _is_small(*parts[1]) & _is_small(*under)
    over = parts[0][0] * parts[0][1] + parts[1][0] * parts[1][1]
    return Number(over, under[0] * under[1]), exact


def _multiply(x: Number, y: Number) -> tuple[Number, jax.Array]:
    parts = (x.numerator, y.numerator), (x.denominator, y.denominator)
    exact = _is_small(*parts[0]) & _is_small(*parts[1])
    return Number(parts[0][0] * parts[0][1], parts[1][0] * parts[1][1]), exact


def _raise(x: Number, exponent: jax.Array) -> tuple[Number, jax.Array]:
    times = jnp.abs(exponent)
    large = jnp.maximum(jnp.abs(x.numerator), x.denominator).astype(jnp.float32)
    exact = (times <= MOST_POWER) & (times * jnp.log2(jnp.maximum(large, 1)) < 28.9)
    over, under = jnp.int32(1), jnp.int32(1)
    square = x
    for bit in range(5):  # products wrap around where they are not needed
        is_set = (times >> bit) & 1 == 1
        over = jnp.where(is_set, over * square.numerator, over)
        under = jnp.where(is_set, under * square.denominator, under)
        square = Number(square.numerator**2, square.denominator**2)
    is_inverse = exponent < 0
    return Number(jnp.where(is_inverse, under, over), jnp.where(is_inverse, over, under)), exact


def _take_roots(x: Number, y: Number) -> tuple[Number, jax.Array, jax.Array]:
    """Writes x^y as a power with an integer exponent; says whether it is one."""
    roots = [jnp.round(jnp.sqrt(jnp.abs(part).astype(jnp.float32))).astype(jnp.int32) for part in x]
    are_squares = (roots[0] ** 2 == x.numerator) & (roots[1] ** 2 == x.denominator)
    is_integer, is_half = y.denominator == 1, (y.denominator == 2) & are_squares
    over = jnp.where(is_integer, x.numerator, roots[0])
    under = jnp.where(is_integer, x.denominator, roots[1])
    return Number(over, under), y.numerator, is_integer | is_half


def _is_small(a: jax.Array, b: jax.Array) -> jax.Array:
    """Says whether a product and the sum of two such stay below 2^30."""
    return jnp.abs(a.astype(jnp.float32) * b.astype(jnp.float32)) < LARGE - 64
