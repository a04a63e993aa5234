"""What counts as a mask when nobody has clicked: the options of segmenting everything."""

import math
from dataclasses import dataclass

from .errors import EfficientSAMError


@dataclass(frozen=True)
class AutomaticMaskConfig:
    """Options of ``segment_everything``; the defaults are those of the published notebook.

    A share is a number from 0 to 1. A model whose scores or logits have another scale has a row of
    its own in the registry (``ModelSpec.automatic_masks``).

    Attributes:
        points_per_side: the grid has this many points squared.
        points_per_batch: points decoded at once; more takes more memory and changes no mask.
        min_predicted_iou: candidates below it are dropped.
        min_stability: candidates below it are dropped. Stability is the IoU of the mask at
            ``+stability_offset`` and the mask at ``-stability_offset`` (SAM, arXiv 2304.02643).
        stability_offset: in logits, above 0.
        max_box_iou: of two masks whose boxes overlap more, the one of lower score is dropped.
        max_mask_iou: of two masks that overlap more, the one of lower score is dropped.
        min_area_share: masks, specks of masks and holes in masks below this share of the image
            are dropped, removed and filled.
    """

    points_per_side: int = 32
    points_per_batch: int = 32
    min_predicted_iou: float = 0.7
    min_stability: float = 0.9
    stability_offset: float = 1.0
    max_box_iou: float = 0.7
    max_mask_iou: float = 0.7
    min_area_share: float = 0.0005

    def __post_init__(self) -> None:
        """Check every number.

        Raises:
            EfficientSAMError: one is out of its range; the message has its name and value.
        """
        for name in ("points_per_side", "points_per_batch"):
            self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in (
            "min_predicted_iou", "min_stability", "max_box_iou", "max_mask_iou", "min_area_share",
        ):  # fmt: skip
            self._check(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        is_usable = 0 < self.stability_offset < math.inf
        self._check("stability_offset", is_usable, "above 0 and finite")

    def _check(self, name: str, is_in_range: bool, allowed: str) -> None:
        if not is_in_range:
            raise EfficientSAMError(f"{name} must be {allowed}, got {getattr(self, name)}")
