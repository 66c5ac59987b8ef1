"""Characters drawn at random, for few-shot learning without any file.

A character is a few strokes, curves with four control points each. Whoever draws it again moves the
points a little, and turns, slants, scales and shifts the whole, so that drawings of a class differ
as handwriting does. They are easier than Omniglot's: what is measured on them stands for nothing
but itself.
"""

import numpy as np

from jaxdl.data.few_shot import Characters

POINTS = 64  # of a stroke, as it is drawn
WIDTH = 0.03  # of the pen, as a share of the side
JITTER = 0.03  # deviation of a control point, as a share of the side


def drawn_characters(
    classes: tuple[int, int, int] = (150, 25, 75),
    *,
    samples: int = 20,
    side: int = 28,
    seed: int = 0,
) -> Characters:
    """Draws characters of 2 to 4 strokes.

    Args:
      classes: how many to learn from, to choose by, and for tests.
      samples: S, drawings of each.
      side: of the images, pixels.
      seed: of the characters and their drawings.
    """
    rng = np.random.default_rng(seed)
    images = np.stack([_draw_class(rng, samples, side) for _ in range(sum(classes))])
    ends = np.cumsum(classes)[:-1]
    return Characters(*np.split(images, ends), name="drawn characters")


def _draw_class(rng: np.random.Generator, samples: int, side: int) -> np.ndarray:
    """Draws one character so often: [S, H, W] uint8."""
    strokes = rng.integers(2, 5)
    control = rng.uniform(-0.42, 0.42, (strokes, 4, 2))
    control = control + rng.normal(0, JITTER, (samples, *control.shape))
    hands = np.eye(2) + rng.normal(0, 0.1, (samples, 2, 2))  # turned, slanted and scaled
    control = np.einsum("sij,snkj->snki", hands, control)
    control += 0.5 + rng.normal(0, 0.03, (samples, 1, 1, 2))
    t = np.linspace(0, 1, POINTS)[:, None]
    weights = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])  # Bézier's
    points = np.einsum("pk,snki->snpi", weights, control).reshape(samples, 1, 1, -1, 2)
    places = (np.arange(side) + 0.5) / side
    rows = (places[:, None, None] - points[..., 0]) ** 2  # [S, H, 1, P]
    columns = (places[:, None] - points[..., 1]) ** 2  # [S, 1, W, P]
    distance = np.sqrt((rows + columns).min(axis=-1))
    ink = np.clip((WIDTH - distance) * side + 0.5, 0, 1)  # a pixel at the edge is partly covered
    return np.round(255 * ink).astype(np.uint8)
