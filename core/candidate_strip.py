"""The three candidate masks of one prompt side by side, as the published notebook shows them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .picture_grid import draw_grid, shrink_to_cell
from .prompt import Prompt
from .visualization import draw_overlay


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
    masks = [np.zeros(rgb.shape[:2], np.bool_), *candidates]
    captions = ["prompt"] + [
        f"candidate {index + 1}: {score:.2f}" + (" (answer)" if index == best else "")
        for index, score in enumerate(scores)
    ]
    pictures = [shrink_to_cell(draw_overlay(rgb, mask, prompt)) for mask in masks]
    return draw_grid(pictures, captions, columns=len(masks), framed=best + 1)
