"""The masks of a task that was decoded, and how they become a prediction."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from .label_config import LabelConfig
from .regions import Labels, make_brush_region

Region = dict[str, object]


class Prediction(TypedDict):
    """What Label Studio stores for a task.

    Attributes:
        result: its regions, at least one: a prediction of none would mark the task as done.
        score: the mean of theirs.
        model_version: what predicted them.
    """

    result: list[Region]
    score: float
    model_version: str


@dataclass(frozen=True, eq=False)
class LabeledMask:
    """One mask and what it is called.

    Attributes:
        labels: labels that a brush tag of the image has.
        score: predicted IoU, from 0 to 1.
        draw: makes the (H, W) bool mask in the original frame; it is not kept.
    """

    labels: Labels
    score: float
    draw: Callable[[], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class LabeledTask:
    """The masks of one task as the decoder left them.

    Attributes:
        image_name: the image tag that they lie on.
        config: the project's.
        masks: one an object, in the order of the prompts; some may turn out empty.
        model_version: what predicted them.
    """

    image_name: str
    config: LabelConfig
    masks: tuple[LabeledMask, ...]
    model_version: str

    def to_prediction(self) -> Prediction | None:
        """Draw the masks and write them as Label Studio's brush regions.

        Drawing takes longer than decoding (about 160 ms a mask of 12 megapixels), needs no
        accelerator, and may happen on any thread. One mask is held at a time.

        Returns:
            The prediction; None when every mask is empty.
        """
        regions, scores = [], []
        for labeled in self.masks:
            mask = labeled.draw()
            if mask.any():
                regions.append(self._make_region(labeled, mask))
                scores.append(labeled.score)
        if not regions:
            return None
        return Prediction(
            result=regions, score=statistics.fmean(scores), model_version=self.model_version
        )

    def _make_region(self, labeled: LabeledMask, mask: NDArray[np.bool_]) -> Region:
        labels, image_name = labeled.labels, self.image_name
        brush = self.config.find_brush(labels, image_name)
        return make_brush_region(mask, labeled.score, brush, image_name, labels)
