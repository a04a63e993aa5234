"""What an annotator asks for: points, a box, or both, on one object."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import PromptError
from .prompt_encoder import PADDING_XY, SLOTS, SlotLabel

POSITIVE = 1
NEGATIVE = 0

_SLOT_LABELS = np.array([SlotLabel.NEGATIVE_POINT, SlotLabel.POINT])
_CORNER_LABELS = np.array([SlotLabel.BOX_TOP_LEFT, SlotLabel.BOX_BOTTOM_RIGHT])


@dataclass(frozen=True, eq=False)
class Prompt:
    """Points and a box on one object, in original pixels.

    Attributes:
        points: (N, 2) float64, (x, y); empty when only a box is given.
        labels: (N,) int64, 1 inside the object, 0 outside.
        box: (4,) float64 as (x0, y0, x1, y1) with x0 < x1 and y0 < y1, or None.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    box: NDArray[np.float64] | None

    def __init__(
        self,
        points: ArrayLike | None = None,
        labels: Sequence[int] | None = None,
        box: ArrayLike | None = None,
    ) -> None:
        """Check and keep a prompt; points without labels are positive.

        Raises:
            PromptError: nothing positive is asked for, or a number is malformed.
        """
        points_px = _points(points)
        kinds = np.asarray([POSITIVE] * len(points_px) if labels is None else labels, np.int64)
        if kinds.shape != (len(points_px),) or not np.isin(kinds, (NEGATIVE, POSITIVE)).all():
            raise PromptError(
                f"labels must be one 1 (inside) or 0 (outside) for each of the {len(points_px)} "
                f"points, got {kinds.tolist()}"
            )
        object.__setattr__(self, "points", points_px)
        object.__setattr__(self, "labels", kinds)
        object.__setattr__(self, "box", None if box is None else _box(box))
        if self.box is None and not len(self.positive_points):
            raise PromptError(
                "nothing to segment: add a point inside the object or a box around it; "
                "a negative point alone only says what the object is not"
            )

    @property
    def positive_points(self) -> NDArray[np.float64]:
        """(P, 2) points inside the object, (x, y)."""
        return self.points[self.labels == POSITIVE]

    @property
    def negative_points(self) -> NDArray[np.float64]:
        """(M, 2) points outside the object, (x, y)."""
        return self.points[self.labels == NEGATIVE]

    def check_inside(self, size_hw: tuple[int, int]) -> None:
        """Check that everything lies on an image of this (height, width).

        Raises:
            PromptError: a point lies outside, or the box does not touch the image.
        """
        height_px, width_px = size_hw
        for x, y in self.points:
            if not (0 <= x <= width_px and 0 <= y <= height_px):
                raise PromptError(
                    f"point ({x:g}, {y:g}) lies outside the image of {width_px}×{height_px} pixels"
                )
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if x0 >= width_px or y0 >= height_px or x1 <= 0 or y1 <= 0:
                raise PromptError(
                    f"box {self.box.tolist()} lies outside the image of {width_px}×{height_px} "
                    "pixels"
                )

    def to_slots(
        self, size_hw: tuple[int, int], image_size: int, has_negative_points: bool = False
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Pack what the model can read into passes of six slots.

        A box takes two slots. What does not fit in one pass goes into further passes, each of
        which sees the anchor again (the box, or else the first positive point), so nothing is
        dropped.

        Args:
            size_hw: original (height, width).
            image_size: side of the model input, pixels.
            has_negative_points: whether the model reads points outside; they are left out for one
                that does not, and beside a box, which says more of what is outside (ADR 4).

        Returns:
            (K, 6, 2) model-input pixels and (K, 6) slot labels, one row a pass.
        """
        is_read = (self.labels == POSITIVE) | (has_negative_points and self.box is None)
        points, kinds = self.points[is_read], _SLOT_LABELS[self.labels[is_read]]
        if self.box is None:
            first = int((kinds == SlotLabel.POINT).argmax())
            anchor, anchor_kinds = points[[first]], kinds[[first]]
            points, kinds = np.delete(points, first, axis=0), np.delete(kinds, first)
        else:
            anchor, anchor_kinds = self.box.reshape(2, 2), _CORNER_LABELS
        room = SLOTS - len(anchor)
        starts = range(0, max(len(points), 1), room)
        xy = np.full((len(starts), SLOTS, 2), PADDING_XY, dtype=np.float32)
        labels = np.full((len(starts), SLOTS), SlotLabel.PADDING, dtype=np.int64)
        scale = image_size / np.array([size_hw[1], size_hw[0]], dtype=np.float64)
        for i, start in enumerate(starts):
            chunk = slice(start, start + room)
            used = len(anchor) + len(points[chunk])
            xy[i, :used] = np.concatenate([anchor, points[chunk]]) * scale
            labels[i, :used] = np.concatenate([anchor_kinds, kinds[chunk]])
        return xy, labels


def _points(points: ArrayLike | None) -> NDArray[np.float64]:
    if points is None or np.size(points) == 0:
        return np.empty((0, 2))
    points_px = np.asarray(points, dtype=np.float64)
    if points_px.ndim != 2 or points_px.shape[1] != 2 or not np.isfinite(points_px).all():
        raise PromptError(f"points must be finite (x, y) pairs, got {points!r}")
    return points_px


def _box(box: ArrayLike) -> NDArray[np.float64]:
    corners = np.asarray(box, dtype=np.float64)
    if corners.shape != (4,) or not np.isfinite(corners).all():
        raise PromptError(f"a box is four finite numbers x0, y0, x1, y1, got {box!r}")
    x0, x1 = sorted(corners[[0, 2]])
    y0, y1 = sorted(corners[[1, 3]])
    if x0 == x1 or y0 == y1:
        raise PromptError(f"the box {corners.tolist()} has no area; drag it over the object")
    return np.array([x0, y0, x1, y1])
