"""What a jigsaw puzzle costs: a step with 4 tiles and with 9, beside the cutting of tiles alone."""

import jax

from experiments._timing import Candidate, measure, scored_step
from experiments.vision import jigsaw
from jaxdl.data.colors import as_floats
from jaxdl.launch import configure
from jaxdl.vision.tiles import cut_tiles, drop_colors, fit_grid, standardize

SHAPE = (256, 32, 32, 3)
PUZZLES = {  # who -> flags
    "jaxdl": {"side": 2, "permutations": 24},
    "9 tiles": {"side": 3, "permutations": 1000},
}


def jigsaw_step(peers: bool) -> list[dict]:
    """Times whole steps of the cpu preset on images like CIFAR's; an item is an image."""
    del peers
    key = jax.random.key(0)
    images = jax.random.randint(key, SHAPE, 0, 256).astype("uint8")
    candidates = {}
    for who, puzzle in PUZZLES.items():
        settings = {"data": "cifar10", "batch_size": SHAPE[0]} | puzzle
        config = configure("jigsaw", jigsaw.PRESETS, "cpu", settings)
        learner = jigsaw.build(config).learner
        grid = fit_grid(SHAPE[1:], side=config.side, tile=config.tile, gap=config.gap)
        note = f"{grid.tiles} tiles of {grid.tile} x {grid.tile}, {config.permutations} orders"
        candidates[who] = scored_step(learner, key, images, items=SHAPE[0], note=note)
    config = jigsaw.PRESETS["cpu"]
    grid = fit_grid(SHAPE[1:], side=config.side, tile=config.tile, gap=config.gap)

    def cut(key, images):
        gray = drop_colors(key, as_floats(images), probability=config.drop)
        return standardize(cut_tiles(key, gray, grid, jitter=config.jitter))

    candidates["tiles alone"] = Candidate(cut, (key, images), SHAPE[0], "part of the step")
    return measure("jigsaw_step", candidates)


CASES = {"jigsaw_step": jigsaw_step}
