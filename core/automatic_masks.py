"""Segment everything: the masks of a whole image when nobody has clicked.

A grid of single positive points is decoded in batches, and all three candidates of each point are
looked at. Everything is decided on low-resolution logits, whose size depends on the model and not
on the image; only a mask that survives is resized, one at a time, when it is asked for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .automatic_mask_config import AutomaticMaskConfig
from .mask_parts import clean_parts
from .mask_prediction import MaskPrediction
from .mask_resizing import resize_to_mask
from .predictor import ImageEmbedding, Predictor
from .prompt import Prompt

_Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class AutomaticMask:
    """One mask that nobody asked for by a prompt.

    Attributes:
        low_res_logits: (L, L) float16; a pixel belongs to the mask where its logit is >= 0.
        score: predicted IoU, clipped to [0, 1].
        stability: how little the mask depends on the threshold of its logits, in [0, 1].
        box_xyxy_px: (x0, y0, x1, y1) original pixels, x1 and y1 exclusive. It encloses the mask,
            with up to one low-resolution cell to spare on each side.
        original_size_hw: (height, width) of the original image.
    """

    low_res_logits: NDArray[np.float16]
    score: float
    stability: float
    box_xyxy_px: _Box
    original_size_hw: tuple[int, int]

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) bool in the original frame.

        Resized bilinear, as SAM does, and not bicubic: bicubic overshoots beside steep edges and
        would strew specks smaller than a cell over a mask that was cleaned.

        Made anew at each access and not kept: 200 masks of 12 megapixels would be 2.4 GB. Use it,
        let it go, take the next.
        """
        return resize_to_mask(self.low_res_logits, self.original_size_hw, "bilinear")


def segment_everything(
    predictor: Predictor,
    embedding: ImageEmbedding,
    config: AutomaticMaskConfig | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[AutomaticMask]:
    """Find the masks of a whole image.

    What it holds at its peak is one batch of logits and, at two bytes a cell, the candidates that
    passed the thresholds: at most 3 · points_per_side² of them, whatever the size of the image.

    Args:
        predictor: the model; only its decoder is used.
        embedding: the encoded image.
        config: None takes what suits the model (``predictor.spec.automatic_masks``).
        on_progress: called with (points decoded, points in all) after each batch.

    Returns:
        The masks, highest score first.

    Raises:
        ImageError: the embedding belongs to another model.
    """
    config = config or predictor.spec.automatic_masks
    points = _grid_points(config.points_per_side, embedding.original_size_hw)
    found: list[AutomaticMask] = []
    for start in range(0, len(points), config.points_per_batch):
        prompts = [Prompt(points=[xy]) for xy in points[start : start + config.points_per_batch]]
        for prediction in predictor.decode_candidates(embedding, prompts):
            found += keep_reliable(prediction, config)
        if on_progress is not None:
            on_progress(start + len(prompts), len(points))
    return remove_duplicates(found, config)


def keep_reliable(prediction: MaskPrediction, config: AutomaticMaskConfig) -> list[AutomaticMask]:
    """The candidates of one point that pass the thresholds, cleaned of specks and holes."""
    masks = []
    for logits, iou in zip(prediction.low_res_logits, prediction.iou, strict=True):
        stability = _stability(logits, config.stability_offset)
        if iou < config.min_predicted_iou or stability < config.min_stability:
            continue
        min_cells = max(1.0, config.min_area_share * logits.size)
        clean = clean_parts(logits, min_cells).astype(np.float16)
        if (clean >= 0).any():
            size_hw = prediction.original_size_hw
            box = _enclosing_box(clean >= 0, size_hw)
            score = float(np.clip(iou, 0, 1))
            masks.append(AutomaticMask(clean, score, stability, box, size_hw))
    return masks


def remove_duplicates(
    masks: Sequence[AutomaticMask], config: AutomaticMaskConfig
) -> list[AutomaticMask]:
    """Of masks that show the same, the one of highest score; the rest in order of score."""
    # Not torchvision's nms: importing torchvision doubles the start of every process.
    kept: list[tuple[AutomaticMask, NDArray[np.bool_]]] = []
    for mask in sorted(masks, key=lambda m: m.score, reverse=True):
        cells = mask.low_res_logits >= 0
        is_new = all(
            _box_iou(mask.box_xyxy_px, other.box_xyxy_px) <= config.max_box_iou
            and _mask_iou(cells, other_cells) <= config.max_mask_iou
            for other, other_cells in kept
        )
        if is_new:
            kept.append((mask, cells))
    return [mask for mask, _ in kept]


def _grid_points(points_per_side: int, size_hw: tuple[int, int]) -> NDArray[np.float64]:
    """(points_per_side², 2) original pixels, (x, y): the centres of equal cells, row by row."""
    centre = (np.arange(points_per_side) + 0.5) / points_per_side
    y, x = np.meshgrid(centre * size_hw[0], centre * size_hw[1], indexing="ij")
    return np.stack([x, y], axis=-1).reshape(-1, 2)


def _stability(logits: NDArray[np.float32], offset: float) -> float:
    # The mask at the higher threshold lies inside the other: their IoU is a ratio of areas.
    outer = np.count_nonzero(logits > -offset)
    return np.count_nonzero(logits > offset) / outer if outer else 0.0


def _enclosing_box(mask: NDArray[np.bool_], size_hw: tuple[int, int]) -> _Box:
    """Box in original pixels around a low-resolution mask that has a cell."""
    spans = []
    for axis, side_px in ((0, size_hw[1]), (1, size_hw[0])):
        cells = np.flatnonzero(mask.any(axis=axis))
        cell_px = side_px / mask.shape[1 - axis]
        # The logits cross zero between two cell centres, so up to half a cell outside the cells.
        first = np.floor((cells[0] - 0.5) * cell_px)
        last = np.ceil((cells[-1] + 1.5) * cell_px)
        spans.append((max(0, int(first)), min(side_px, int(last))))
    (x0, x1), (y0, y1) = spans
    return x0, y0, x1, y1


def _box_iou(one: _Box, other: _Box) -> float:
    width_px = min(one[2], other[2]) - max(one[0], other[0])
    height_px = min(one[3], other[3]) - max(one[1], other[1])
    if width_px <= 0 or height_px <= 0:
        return 0.0
    common_px = width_px * height_px
    areas_px = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (one, other))
    return common_px / (areas_px - common_px)


def _mask_iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return np.count_nonzero(one & other) / np.count_nonzero(one | other)
