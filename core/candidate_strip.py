"""The three candidate masks of one prompt side by side, as the published notebook shows them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .prompt import Prompt
from .visualization import draw_overlay

_CELL_WIDTH_PX = 480
_GAP_PX = 6
_CHOSEN_RGB = (40, 200, 80)


def draw_candidates(
    rgb: NDArray[np.uint8],
    candidates: Sequence[NDArray[np.bool_]],
    scores: Sequence[float],
    best: int,
    prompt: Prompt,
) -> Image.Image:
    """Draw the prompt alone, then each candidate with its predicted IoU; the answer has a frame.

    Args:
        rgb: (H, W, 3) uint8.
        candidates: (H, W) bool each.
        scores: predicted IoU of each.
        best: index of the answer.
        prompt: in the pixels of ``rgb``.

    Returns:
        An RGB picture, each cell at most 480 pixels wide.
    """
    nothing = np.zeros(rgb.shape[:2], np.bool_)
    cells = [_shrink(draw_overlay(rgb, nothing, prompt, "prompt"))]
    for index, (mask, score) in enumerate(zip(candidates, scores, strict=True)):
        caption = f"candidate {index + 1}: {score:.2f}" + (" (answer)" if index == best else "")
        cells.append(_shrink(draw_overlay(rgb, mask, prompt, caption)))
    width_px, height_px = cells[0].size
    step_px = width_px + _GAP_PX
    strip = Image.new("RGB", (step_px * len(cells) + _GAP_PX, height_px + 2 * _GAP_PX), "black")
    chosen = (step_px * (best + 1), 0, step_px * (best + 2) + _GAP_PX, strip.height)
    strip.paste(_CHOSEN_RGB, chosen)
    for number, cell in enumerate(cells):
        strip.paste(cell, (_GAP_PX + number * step_px, _GAP_PX))
    return strip


def _shrink(picture: Image.Image) -> Image.Image:
    picture.thumbnail((_CELL_WIDTH_PX, picture.height))
    return picture
