"""The masks of a task that was decoded, and how they become a prediction."""

import logging
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from .control_tag import Labels
from .operators.stage_times import StageTimes
from .outputs import OutputTag, Region, make_regions

logger = logging.getLogger(__name__)

Draw = Callable[[], NDArray[np.bool_]]
"""Makes an (H, W) mask in the original frame."""


class Prediction(TypedDict):
    """What Label Studio stores for a task.

    Attributes:
        result: its regions, at least one: a prediction of none would mark the task as done.
        score: the mean of its masks'.
        model_version: what predicted them.
    """

    result: list[Region]
    score: float
    model_version: str


@dataclass(frozen=True, eq=False)
class LabeledMask:
    """One mask, where it goes and what it is called.

    Attributes:
        output: the tag that it is written with.
        labels: labels that this tag has; none for a mask that is still to be labelled.
        score: predicted IoU, from 0 to 1.
        draw: makes the mask; it is not kept.
    """

    output: OutputTag
    labels: Labels
    score: float
    draw: Draw


@dataclass(frozen=True, eq=False)
class LabeledTask:
    """The masks of one task as the decoder left them.

    Attributes:
        task_id: for the log.
        masks: one an object, in the order of the prompts; some may turn out empty.
        model_version: what predicted them.
        image_rotation: degrees that the annotator's view is turned by; the masks are not.
    """

    task_id: int | str | None
    masks: tuple[LabeledMask, ...]
    model_version: str
    image_rotation: int = 0

    def to_prediction(self, times: StageTimes | None = None) -> Prediction | None:
        """Draw the masks and write them as Label Studio's regions.

        Masks of a lower score than their tag's ``model_score_threshold`` are left out. Drawing
        takes longer than decoding (about 160 ms a mask of 12 megapixels), needs no accelerator, and
        may happen on any thread. One mask is held at a time.

        Args:
            times: gets the stages ``resize`` and ``write``.

        Returns:
            The prediction; None when every mask is empty or left out.
        """
        times = times or StageTimes()
        regions: list[Region] = []
        scores = []
        for labeled in self._find_sure():
            with times.measure("resize"):
                mask = labeled.draw()
                is_empty = not mask.any()
            if is_empty:
                continue
            with times.measure("write"):
                drawn = make_regions(mask, labeled.score, labeled.output, labeled.labels)
            regions += [region | {"image_rotation": self.image_rotation} for region in drawn]
            scores.append(labeled.score)
        if not regions:
            return None
        return Prediction(
            result=regions, score=statistics.fmean(scores), model_version=self.model_version
        )

    def _find_sure(self) -> list[LabeledMask]:
        sure = [m for m in self.masks if m.score >= m.output.tag.score_threshold]
        if len(sure) < len(self.masks):
            unsure = [m for m in self.masks if m.score < m.output.tag.score_threshold]
            logger.info(
                "masks left out task=%.40r tag=%r model_score_threshold=%g scores=%s",
                self.task_id,
                unsure[0].output.name,
                unsure[0].output.tag.score_threshold,
                ", ".join(f"{m.score:.3f}" for m in unsure),
            )
        return sure
