"""What a step of domain randomization costs, its pictures included.

`tobin_step`: a step of the CPU preset, which draws its pictures, beside the same step on pictures
that are there already, and beside drawing alone. Their difference is what rendering takes.
"""

from typing import Any

import jax

from experiments._timing import Candidate, measure
from experiments.sim2real import tobin
from experiments.sim2real._table_options import open_scene, randomization
from jaxdl import sim2real
from jaxdl.launch import configure
from jaxdl.ops import make_optimizer
from jaxdl.sim2real.tobin import as_state

BATCH = 256  # pictures a step, so that what is timed is not the call


def tobin_step(peers: bool) -> list[dict[str, Any]]:
    """Times a step and its parts; an item is a picture.

    There is no peer: no other project renders such scenes and learns from them in one program.
    """
    del peers
    config = configure("tobin", tobin.PRESETS, "cpu", {"batch_size": BATCH})
    table = open_scene(config.scene)
    regime = sim2real.Regime(randomization(config.looks), config.scene.distractors)
    key = jax.random.key(0)
    state = as_state(regime, key)
    draw = jax.jit(sim2real.table_pictures(table))
    ready = draw(jax.random.split(key, BATCH), state)

    def on_ready(pictures):
        net = sim2real.Detector(
            sim2real.Trunk(config.channels, config.strides), 1, config.hidden, config.readout
        )
        shape = (config.scene.side, config.scene.side, 3)
        return sim2real.tobin(
            net,
            make_optimizer(steps=1000),
            lambda keys, regime: pictures,
            regime,
            image_shape=shape,
            batch_size=BATCH,
        )

    whole = tobin.build(config).learner
    first = jax.jit(whole.init)(key)
    keys = jax.random.split(key, BATCH)

    def step_alone(key, state, pictures):
        return on_ready(pictures).step(key, state, ())[0]

    alone = jax.jit(on_ready(ready).init)(key)
    rows = measure(
        "tobin_step",
        {
            "jaxdl": Candidate(
                lambda key, state: whole.step(key, state, ())[0], (key, first), BATCH
            ),
            "jaxdl (pictures at hand)": Candidate(step_alone, (key, alone, ready), BATCH),
            "jaxdl (drawing alone)": Candidate(
                sim2real.table_pictures(table), (keys, state), BATCH
            ),
        },
    )
    unit = "cpu_seconds" if jax.default_backend() == "cpu" else "wall_seconds"
    share = rows[2][unit] / rows[0][unit]
    side = config.scene.side
    for row in rows:
        row["note"] = f"{side} x {side}, batch {BATCH}; drawing takes {100 * share:.2g} % of a step"
    return rows


CASES = {"tobin_step": tobin_step}
