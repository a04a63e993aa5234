"""Prompts as annotators make them, drawn from the truth of an object.

Frames: pixels of the mask they are drawn from, (x, y), a click at whole numbers being the centre of
that pixel. A prompt has six slots, as the model has: unused ones are label -1 at (-1, -1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt  # type: ignore[import-untyped]

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float32]

SLOTS = 6
PADDING_LABEL, NEGATIVE_LABEL, POINT_LABEL = -1, 0, 1
BOX_TOP_LEFT_LABEL, BOX_BOTTOM_RIGHT_LABEL = 2, 3


class PromptKind(str, Enum):
    """How the annotator shows the object."""

    BOX = "box"
    ONE_CLICK = "one click"
    THREE_CLICKS = "three clicks"
    BOX_AND_CLICK = "box and click"


@dataclass(frozen=True)
class AnnotatorPrompt:
    """Clicks and a box on one object.

    Attributes:
        points: (K, 2) float32 clicks inside, (x, y) pixels; K may be 0.
        box_xyxy_px: (4,) float32 left, top, right, bottom, or None.
    """

    points: FloatArray
    box_xyxy_px: FloatArray | None


def bounding_box(mask: BoolArray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the true pixels; right and bottom excluded.

    Raises:
        ValueError: no pixel is true.
    """
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        raise ValueError("the mask is empty: an object needs at least one visible pixel")
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def draw_box(rng: np.random.Generator, mask: BoolArray, jitter: float = 0.06) -> FloatArray:
    """The bounding box as drawn by hand: each side off by a few hundredths of the box's size."""
    left, top, right, bottom = bounding_box(mask)
    width, height = right - left, bottom - top
    sigma = np.array([width, height, width, height]) * jitter * rng.random() + 0.4
    shift = (rng.standard_normal(4) * sigma).clip(-0.15 * max(width, 4), 0.15 * max(height, 4))
    x0, y0, x1, y1 = np.array([left, top, right, bottom]) + shift
    x0, x1 = np.clip([x0, max(x1, x0 + 1)], 0, mask.shape[1])
    y0, y1 = np.clip([y0, max(y1, y0 + 1)], 0, mask.shape[0])
    return np.array([x0, y0, x1, y1], np.float32)


def draw_clicks(rng: np.random.Generator, mask: BoolArray, count: int) -> FloatArray:
    """Clicks inside the object.

    The first is near the middle of its thickest part or, less often, anywhere in it. Each further
    one goes where the earlier ones are far away, which stands for correcting what was missed.

    Returns:
        (count, 2) float32, (x, y).
    """
    left, top, right, bottom = bounding_box(mask)
    crop = np.pad(mask[top:bottom, left:right], 1)
    depth = np.asarray(distance_transform_edt(crop), dtype=np.float64)
    rows, columns = np.nonzero(crop)
    depths = depth[rows, columns]
    pixels = np.stack([columns + left - 1, rows + top - 1], axis=1).astype(np.float32)
    power = float(rng.choice([0.0, 1.0, 3.0, 6.0]))
    weights = (depths / depths.max()) ** power
    chosen: list[int] = []
    for _ in range(count):
        chosen.append(int(rng.choice(len(pixels), p=weights / weights.sum())))
        reach = np.square(pixels[:, None] - pixels[chosen]).sum(axis=2).min(axis=1)
        weights = np.sqrt(depths) * (reach + 1e-3)
    return pixels[chosen]


def draw_prompt(rng: np.random.Generator, mask: BoolArray, kind: PromptKind) -> AnnotatorPrompt:
    """Make one prompt of the given kind for the object of this (H, W) mask."""
    box = draw_box(rng, mask) if kind in (PromptKind.BOX, PromptKind.BOX_AND_CLICK) else None
    clicks = {PromptKind.BOX: 0, PromptKind.THREE_CLICKS: 3}.get(kind, 1)
    points = draw_clicks(rng, mask, clicks) if clicks else np.zeros((0, 2), np.float32)
    return AnnotatorPrompt(points, box)


def draw_training_prompt(rng: np.random.Generator, mask: BoolArray) -> AnnotatorPrompt:
    """Make a prompt of a random kind, in the shares the model is trained with."""
    choice = rng.random()
    if choice < 0.45:
        return draw_prompt(rng, mask, PromptKind.BOX)
    if choice < 0.72:
        return draw_prompt(rng, mask, PromptKind.ONE_CLICK)
    if choice < 0.84:
        return AnnotatorPrompt(draw_clicks(rng, mask, int(rng.integers(2, 5))), None)
    return draw_prompt(rng, mask, PromptKind.BOX_AND_CLICK)


def pack(prompt: AnnotatorPrompt) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Fill the six slots: clicks first, then the two corners of the box.

    Returns:
        Points (6, 2) float32 and labels (6,) int64.

    Raises:
        ValueError: the prompt needs more than six slots.
    """
    corners = np.zeros((0, 2)) if prompt.box_xyxy_px is None else prompt.box_xyxy_px.reshape(2, 2)
    used = len(prompt.points) + len(corners)
    if used > SLOTS:
        raise ValueError(f"a prompt has {SLOTS} slots and this one needs {used}")
    points = np.full((SLOTS, 2), -1, np.float32)
    labels = np.full(SLOTS, PADDING_LABEL, np.int64)
    points[: len(prompt.points)] = prompt.points
    labels[: len(prompt.points)] = POINT_LABEL
    points[len(prompt.points) : used] = corners
    labels[len(prompt.points) : used] = [BOX_TOP_LEFT_LABEL, BOX_BOTTOM_RIGHT_LABEL][: len(corners)]
    return points, labels
