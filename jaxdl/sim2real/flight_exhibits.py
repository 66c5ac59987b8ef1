"""What a report shows of flights: where they went, what the drones saw, how they ended."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxdl.deploy import Deployment
from jaxdl.envs.corridor.flight import SECONDS, SPEED
from jaxdl.envs.corridor.world import corridor_world
from jaxdl.pages import COLORS, dots
from jaxdl.pages.exhibit import Exhibit, Outcome, of_first_seed
from jaxdl.render.corridors import Track, corridor_map, risk_picture
from jaxdl.render.film import GAP, captioned, mosaic
from jaxdl.sim2real.cad2rl import CollisionNet, advise
from jaxdl.sim2real.flights import PILOTS

BLUE, VERMILION, GREEN = COLORS[:3]
TITLES = {
    "": "CAD2RL, unseen corridors and looks",
    "corridors": "CAD2RL, unseen corridors",
    "seen": "CAD2RL, as in training",
    "oracle": "true geometry",
    "random": "at random",
    "straight": "straight on",
}
MEASURES = {"collision_rate": "end in a collision", "reach_rate": "reach the exit"}
SIDE = 220  # pixels of a picture in the report
MOMENTS = 3  # of each flight that is shown
PER_ROW = 8  # pictures of each family of looks
FAMILIES = {
    "training, random": {"looks": "random"},
    "training, fixed": {"looks": "fixed"},
    "held out": {"layouts": "unseen", "looks": "held_out"},
}


def flight_exhibits(outcome: Outcome, *, bins: Any, side: int) -> list[Exhibit]:
    """Shows flights in unseen corridors, the families of looks, and how often drones collided.

    Args:
      outcome: of an evaluation by `flights_score`.
      bins: [B, 2] directions, places in the picture.
      side: of the pictures, pixels.
    """
    if "eval/collision_rate" not in outcome.metrics:
        return []
    shown = [name for name in TITLES if f"eval/{_prefix(name)}collision_rate" in outcome.metrics]
    groups = {
        title: {TITLES[name]: outcome.metrics[f"eval/{_prefix(name)}{what}"] for name in shown}
        for what, title in MEASURES.items()
    }
    return [
        Exhibit(
            "flights",
            flights_sheet(outcome, np.asarray(bins)),
            "Flights through unseen corridors of unseen looks, from above, and what the drone saw "
            "at three moments. Each dot is a direction, green where no collision is predicted and "
            "orange where one is, the ring is flown to. Blue is CAD2RL; where the baselines flew "
            "too, green is the pilot that knows the geometry, orange flies straight on. A cross is "
            "a collision.",
        ),
        Exhibit(
            "looks",
            looks_sheet(side),
            "Corridors as training shows them, with and without random looks, and as they are "
            "shown in tests alone: photographs, lamps, a dark-edged lens, and photons for noise.",
        ),
        Exhibit(
            "collisions",
            dots(groups, scale=100, unit="flights (%)"),
            "How flights end, means over seeds with 95 % intervals where there are several.",
        ),
    ]


def flights_sheet(outcome: Outcome, bins: np.ndarray) -> Image.Image:
    """Draws a row for each filmed flight of the first seed: a map, and what the drone saw."""
    film = {
        name: of_first_seed(outcome, name)
        for name in ("position", "is_alive", "picture", "risk", "low", "high")
    }
    rows = []
    for flight in range(film["position"].shape[1]):
        steps = int(film["is_alive"][:, flight].sum())
        own = film["position"][:steps, flight, :2]
        tracks = [
            *_baseline_tracks(outcome, flight),
            Track(own, BLUE, _has_crashed(own, outcome, flight)),
        ]
        sheet = corridor_map(
            film["low"][flight], film["high"][flight], tracks, height=SIDE, width=2 * SIDE
        )
        cells = [captioned(sheet, f"flight {flight + 1}, {steps} steps")]
        for time in np.linspace(0, steps - 1, MOMENTS).astype(int):
            seen, risk = film["picture"][time, flight], film["risk"][time, flight]
            picture = risk_picture(seen, risk, bins, size=SIDE)
            least = f"least risk {risk.min():.2f}"
            cells.append(_as_high(captioned(picture, f"step {time}", least), cells[0]))
        rows.append(np.concatenate(cells, axis=1))
    return Image.fromarray(np.concatenate(rows))


def looks_sheet(side: int) -> Image.Image:
    """Takes pictures at random places, a row for each family of looks."""
    pictures = []
    for more in FAMILIES.values():
        world = corridor_world(side=side, start="anywhere", **more)

        def take(key, world=world):
            task = world.sample_task(key)
            return world.see(world.start(jax.random.fold_in(key, 1), task), task)

        keys = jax.random.split(jax.random.key(0), PER_ROW)
        pictures.extend(np.asarray(jax.jit(jax.vmap(take))(keys)))
    size = (SIDE // 2, SIDE // 2)
    enlarge = lambda x: Image.fromarray(x).resize(size, Image.Resampling.NEAREST)  # noqa: E731
    return Image.fromarray(mosaic([np.asarray(enlarge(x)) for x in pictures], PER_ROW))


def flight_deployment(net: CollisionNet, side: int) -> Deployment:
    """Keeps the net: a picture -> where to fly, and how probable collisions are.

    Args:
      net: that predicts.
      side: of the pictures, pixels.
    """

    def apply(params, inputs):
        logits = net.apply(params, inputs["obs"])
        action = net.bins[advise(jax.random.key(0), logits)]
        return {"action": action, "collision": jax.nn.sigmoid(logits)}

    text = (
        "A pilot by one picture, trained in simulated corridors: pictures of 0 to 255 -> `action`, "
        "the place in the picture to fly to, to the right and up, -1 .. 1, and `collision`, the "
        "discounted probability of one for each direction of a grid, row by row from the upper "
        "left. The camera is level and sees 90 degrees."
    )
    inputs = {"obs": jax.ShapeDtypeStruct((side, side, 3), jnp.uint8)}
    return Deployment(text, lambda state: state.params, apply, inputs)


def _prefix(name: str) -> str:
    return f"{name}_" if name else ""


def _has_crashed(points: np.ndarray, outcome: Outcome, flight: int) -> bool:
    """Tells whether a flight ended before the exit: its last step did not begin just before it."""
    before, exit_ = of_first_seed(outcome, "route")[flight, -2:]
    ahead = (exit_ - before) / np.linalg.norm(exit_ - before)
    return bool((exit_ - points[-1]) @ ahead > SPEED * SECONDS)


def _baseline_tracks(outcome: Outcome, flight: int) -> Sequence[Track]:
    """Returns the ways of the pilots that see no picture, through the same corridor."""
    if "path" not in outcome.arrays:
        return ()
    path, is_on = (of_first_seed(outcome, name) for name in ("path", "is_on"))
    tracks = []
    for name, color in (("straight", VERMILION), ("oracle", GREEN)):
        pilot = PILOTS.index(name)
        points = path[: int(is_on[:, pilot, flight].sum()), pilot, flight, :2]
        tracks.append(Track(points, color, _has_crashed(points, outcome, flight)))
    return tracks


def _as_high(picture: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Adds white rows below a picture until it is as high as another, and a gap at its left."""
    missing = len(other) - len(picture)
    return np.pad(picture, ((0, missing), (GAP, 0), (0, 0)), constant_values=252)
