"""Mazes in plain NumPy and Python, one cell and one pixel at a time, as others write them."""

from collections import deque

import numpy as np

from jaxdl.envs.maze.camera import CEILING, EYE, FADE, FLOOR, SHADE, TARGET, WALL

WAYS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # row and column: east, south, west, north


def has_wall(maze, row, column, heading):
    """Whether a wall stands between a cell and the next one."""
    at_x, at_y = (np.asarray(words) for words in maze)
    if heading % 2 == 0:
        return bool(int(at_x[column + (heading == 0)]) >> row & 1)
    return bool(int(at_y[row + (heading == 1)]) >> column & 1)


def reachable(maze, start=(0, 0)):
    """The cells that are joined with one, and the number of openings."""
    size = len(maze[0]) - 1
    seen, waiting = {start}, deque([start])
    while waiting:
        row, column = waiting.popleft()
        for heading, (down, right) in enumerate(WAYS):
            there = row + down, column + right
            if not has_wall(maze, row, column, heading) and there not in seen:
                assert 0 <= there[0] < size and 0 <= there[1] < size
                seen.add(there)
                waiting.append(there)
    openings = sum(
        not has_wall(maze, r, c, h) for r in range(size) for c in range(size) for h in (0, 1)
    )
    return seen, openings


def shortest(maze, start, heading, target):
    """Steps by breadth-first search over places and headings."""
    begin = (*map(int, start), int(heading))
    waiting, steps = deque([begin]), {begin: 0}
    while waiting:
        row, column, heading = here = waiting.popleft()
        if (row, column) == tuple(map(int, target)):
            return steps[here]
        nexts = [(row, column, (heading + 1) % 4), (row, column, (heading + 3) % 4)]
        if not has_wall(maze, row, column, heading):
            nexts.append((row + WAYS[heading][0], column + WAYS[heading][1], heading))
        for there in nexts:
            if there not in steps:
                steps[there] = steps[here] + 1
                waiting.append(there)
    raise AssertionError("there is no way")


def right_hand(maze, start, heading, target, limit):
    """Steps with a hand on the right wall."""
    (row, column), heading, steps = map(int, start), int(heading), 0
    while (row, column) != tuple(map(int, target)) and steps < limit:
        if not has_wall(maze, row, column, (heading + 1) % 4):
            heading, steps = (heading + 1) % 4, steps + 1
            if steps == limit:
                break
        elif has_wall(maze, row, column, heading):
            heading, steps = (heading + 3) % 4, steps + 1
            continue
        row, column, steps = row + WAYS[heading][0], column + WAYS[heading][1], steps + 1
    return steps


def dug(random, size):
    """A maze of the textbook's depth-first search: the set of openings between cells."""
    first = tuple(int(x) for x in random.integers(size, size=2))
    stack, seen, openings = [first], {first}, set()
    while stack:
        row, column = stack[-1]
        fresh = [
            there
            for there in ((row + d, column + r) for d, r in WAYS)
            if 0 <= min(there) and max(there) < size and there not in seen
        ]
        if not fresh:
            stack.pop()
            continue
        there = fresh[random.integers(len(fresh))]
        openings |= {((row, column), there), (there, (row, column))}
        seen.add(there)
        stack.append(there)
    return openings


def dead_ends(openings, size):
    """How many cells have one opening."""
    counts = [sum(a == (r, c) for a, _ in openings) for r in range(size) for c in range(size)]
    return counts.count(1)


def picture(maze, target, row, column, heading, height, width):
    """The picture, by a walk from cell to cell along each ray (Amanatides & Woo 1987)."""
    seen = np.zeros((height, width, 3), np.uint8)
    ahead, right = np.array(WAYS[heading]), np.array(WAYS[(heading + 1) % 4])
    for j in range(width):
        way = ahead + right * ((2 * j + 1) / width - 1)  # (y, x) for each cell of depth
        cell, passed = [row, column], []  # cells with the depth at which each is left
        ahead_by = 0.5 / np.abs(way)  # depth of the next line of each kind
        while True:
            kind = int(np.argmin(ahead_by))
            depth = ahead_by[kind]
            passed.append((tuple(cell), depth))
            side = (0 if way[1] > 0 else 2) if kind == 1 else (1 if way[0] > 0 else 3)
            if has_wall(maze, *cell, side):
                break
            cell[kind] += int(np.sign(way[kind]))
            ahead_by[kind] += 1 / abs(way[kind])
        for i in range(height):
            up = (height - 1 - 2 * i) / width
            flat = EYE / abs(up) if up else np.inf
            near = min(flat, depth)
            where = next(cell for cell, left_at in passed if near <= left_at)
            color = np.array(WALL if depth < flat else CEILING if up > 0 else FLOOR)
            color = np.array(TARGET) if where == tuple(target) else color
            shade = SHADE if depth < flat and kind == 1 else 1.0
            seen[i, j] = np.floor(255 * color * shade / (1 + FADE * near) + 0.5)
    return seen
