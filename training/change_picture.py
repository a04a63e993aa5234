"""A picture of one object that a decoder answers differently since it learned."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from core import ImageEmbedding, Predictor, Prompt, draw_grid, draw_masks, draw_overlay
from training.comparison import Change
from training.interactive import next_click


def draw_change(
    rgb: npt.NDArray[np.uint8],
    change: Change,
    features: Tensor,
    before: Predictor,
    after: Predictor,
) -> Image.Image:
    """Draw the truth, and what one click gave before and gives now, side by side.

    Args:
        rgb: (h, w, 3), the view in which the object was measured.
        change: what was measured.
        features: of the view.
        before: the decoder that was in use.
        after: the one that learned.
    """
    truth = change.found.closest.mask
    size_hw = (truth.shape[0], truth.shape[1])
    photo = np.asarray(Image.fromarray(rgb).resize(size_hw[::-1]))
    embedding = ImageEmbedding(features, size_hw)
    click = next_click(np.zeros_like(truth), truth, np.zeros_like(truth))
    prompt = Prompt(points=[click[0]] if click else [])
    answers = [predictor.decode(embedding, prompt).mask for predictor in (before, after)]
    pictures = [draw_masks(photo, [truth])] + [draw_overlay(photo, m, prompt) for m in answers]
    old, new = change.one_click
    return draw_grid(
        pictures, ["accepted", f"one click before: {old:.2f}", f"now: {new:.2f}"], columns=3
    )
