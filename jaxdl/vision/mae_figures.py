"""Pictures of masked images, and of what fills them."""

from typing import Any

import numpy as np

from jaxdl.launch.system import Exhibit, Outcome
from jaxdl.pages import STYLE
from jaxdl.pages.exhibit import of_first_seed
from jaxdl.vision.exhibits import as_shown


def reconstruction_exhibit(outcome: Outcome) -> list[Exhibit]:
    """Shows images as the encoder sees them, as they are rebuilt, and as they are.

    Args:
      outcome: whose arrays hold `pictures` [(S,) P, H, W, C] bytes, and `masked` and `rebuilt` of
        the same shape in [0, 1].
    """
    if "rebuilt" not in outcome.arrays:
        return []
    masked, rebuilt, pictures = (
        as_shown(of_first_seed(outcome, name)) for name in ("masked", "rebuilt", "pictures")
    )
    caption = (
        "What the encoder sees of the first images, with the rest gray; what the decoder fills in; "
        "and the images."
    )
    rows = {"seen": masked, "rebuilt": rebuilt, "image": pictures / 255.0}
    return [Exhibit("reconstructions", rows_figure(rows), caption)]


def rows_figure(rows: dict[str, np.ndarray]) -> Any:
    """Draws rows of images, each with its name at the left.

    Args:
      rows: name -> [P, H, W, C] in [0, 1].

    Returns:
      A matplotlib figure.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = len(next(iter(rows.values())))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.15 * columns + 0.8, 1.25 * len(rows)), layout="constrained")
        axes = figure.subplots(len(rows), columns, squeeze=False)
        for line, (name, pictures) in zip(axes, rows.items(), strict=True):
            for axis, picture in zip(line, pictures, strict=True):
                axis.imshow(np.squeeze(picture), cmap="gray", vmin=0, vmax=1)
                axis.set(xticks=[], yticks=[])
                axis.grid(False)
                axis.spines[:].set_visible(False)
            line[0].set_ylabel(name, fontsize=12)
    return figure
