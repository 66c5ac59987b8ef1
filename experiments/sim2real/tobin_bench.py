"""What a step of domain randomization costs, its pictures included.

`tobin_step`: steps of the CPU preset, which draw their pictures, beside the same steps on pictures
that are there already, and beside drawing alone, which tells what share of a step it takes.
"""

from dataclasses import asdict
from typing import Any

import jax
import jax.numpy as jnp

from experiments._timing import STEPS_A_CALL, Candidate, measure, scored_step
from experiments.sim2real import tobin
from experiments.sim2real._table_options import open_scene, randomization
from jaxdl import sim2real
from jaxdl.core import Learner
from jaxdl.launch import configure
from jaxdl.ops import make_optimizer
from jaxdl.sim2real.tobin import as_state


def tobin_step(peers: bool) -> list[dict[str, Any]]:
    """Times steps and their parts; an item is a picture.

    There is no peer: no other project renders such scenes and learns from them in one program.
    """
    del peers
    config = configure("tobin", tobin.PRESETS, "cpu", {})
    size = config.batch_size
    table = open_scene(config.scene)
    regime = sim2real.Regime(randomization(config.looks), config.scene.distractors)
    draw = sim2real.table_pictures(table)
    key = jax.random.key(0)
    state = as_state(regime, key)
    ready = jax.jit(draw)(jax.random.split(key, size), state)

    def draw_often(key, state):
        def once(total, key):
            images = draw(jax.random.split(key, size), state).images
            return total + jnp.sum(images.astype(jnp.int32)), ()

        return jax.lax.scan(once, jnp.int32(0), jax.random.split(key, STEPS_A_CALL))[0]

    rows = measure(
        "tobin_step",
        {
            "jaxdl": scored_step(tobin.build(config).learner, key, (), items=size),
            "jaxdl (pictures at hand)": scored_step(
                on_given(config, regime), key, ready, items=size
            ),
            "jaxdl (drawing alone)": Candidate(draw_often, (key, state), STEPS_A_CALL * size),
        },
    )
    unit = "cpu_seconds" if jax.default_backend() == "cpu" else "wall_seconds"
    share = rows[2][unit] / rows[0][unit]
    side = config.scene.side
    for row in rows:
        row["note"] = f"{side} x {side}, batch {size}; drawing takes {100 * share:.2g} % of a step"
    return rows


def on_given(config: tobin.Config, regime: sim2real.Regime) -> Learner:
    """Returns the same learner, but of pictures that its batch holds."""
    trunk = sim2real.Trunk(config.channels, config.strides)
    net = sim2real.Detector(trunk, 1, config.hidden, config.readout)
    tx = make_optimizer(**asdict(config.optimizer), steps=config.run.steps)
    shape = (config.scene.side, config.scene.side, 3)

    def learner(pictures):
        draw = lambda keys, regime: pictures  # noqa: E731
        size = config.batch_size
        return sim2real.tobin(net, tx, draw, regime, image_shape=shape, batch_size=size)

    return Learner(
        lambda key: learner(None).init(key),
        lambda key, state, batch: learner(batch).step(key, state, ()),
    )


CASES = {"tobin_step": tobin_step}
