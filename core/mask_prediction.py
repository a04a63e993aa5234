"""The answer to one prompt, resized to the original frame only when it is asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .mask_resizing import resize_to_mask


@dataclass(frozen=True, eq=False)
class MaskPrediction:
    """Three candidate masks of one object.

    Attributes:
        low_res_logits: (3, L, L) float32; a pixel belongs to a mask where its logit is >= 0.
        iou: (3,) float32, predicted IoU of each candidate.
        best: index of the answer.
        original_size_hw: (height, width) of the original image.
        negative_points: (M, 2) original pixels, (x, y), that are out of the answer whatever the
            logits say.
        box: (4,) original pixels (x0, y0, x1, y1) that no mask leaves, or None.
    """

    low_res_logits: NDArray[np.float32]
    iou: NDArray[np.float32]
    best: int
    original_size_hw: tuple[int, int]
    negative_points: NDArray[np.float64]
    box: NDArray[np.float64] | None = None

    @property
    def score(self) -> float:
        """Predicted IoU of the answer, clipped to [0, 1]."""
        return float(np.clip(self.iou[self.best], 0, 1))

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool, the answer in the original frame."""
        return self.candidate_mask(self.best)

    def candidate_mask(self, index: int) -> NDArray[np.bool_]:
        """(H, W) bool of one candidate; logits are resized bicubic, as published."""
        mask = resize_to_mask(
            self.low_res_logits[index], self.original_size_hw, "bicubic", self.box
        )
        height_px, width_px = self.original_size_hw
        for x, y in self.negative_points:
            mask[min(int(y), height_px - 1), min(int(x), width_px - 1)] = False
        return mask
