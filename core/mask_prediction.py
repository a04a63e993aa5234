"""The answer to one prompt, resized to the original frame only when it is asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .mask_resizing import resize_to_mask
from .prompt import POSITIVE, Prompt


@dataclass(frozen=True, eq=False)
class MaskPrediction:
    """Three candidate masks of one object.

    Attributes:
        low_res_logits: (3, L, L) float32; a pixel belongs to a mask where its logit is >= 0.
        iou: (3,) float32, predicted IoU of each candidate.
        best: index of the answer.
        original_size_hw: (height, width) of the original image.
        obeyed: clicks whose pixels are in the mask, or out of it, whatever the logits say.
        box: (4,) original pixels (x0, y0, x1, y1) that no mask leaves, or None.
    """

    low_res_logits: NDArray[np.float32]
    iou: NDArray[np.float32]
    best: int
    original_size_hw: tuple[int, int]
    obeyed: Prompt | None = None
    box: NDArray[np.float64] | None = None

    @property
    def score(self) -> float:
        """Predicted IoU of the answer, clipped to [0, 1]."""
        return float(np.clip(self.iou[self.best], 0, 1))

    def find_cells(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """(N, 2) low-resolution cells under (N, 2) points in original pixels, (x, y)."""
        side = self.low_res_logits.shape[-1]
        scale = side / np.array(self.original_size_hw[::-1])
        return (points * scale).astype(np.int64).clip(0, side - 1)

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
        if self.obeyed is not None:
            x, y = self.obeyed.points.astype(np.int64).T
            is_inside = self.obeyed.labels == POSITIVE
            mask[y.clip(max=height_px - 1), x.clip(max=width_px - 1)] = is_inside
        return mask
