"""How good a model is to work with: a simulated annotator clicks where the error is largest.

The protocol is the field's (RITM, arXiv 2102.06583): the first click lies in the middle of the
object's thickest part, each further one in the middle of the thickest part that is wrong, positive
where the mask misses the object, negative where it spills. NoC@85 is the mean number of clicks
until the IoU is 0.85; an object that never gets there counts with all its clicks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt  # type: ignore[import-untyped]

from core import Prompt
from training.evaluation import mask_iou
from training.prompts import bounding_box

if TYPE_CHECKING:
    from core import ImageEmbedding, Predictor
    from training.examples import Example

BoolArray = npt.NDArray[np.bool_]
Answer = Callable[["ImageEmbedding", Prompt], BoolArray]
"""What a model makes of the clicks so far: (H, W) bool."""

CLICKS = 10
NOC_IOUS = (0.85, 0.90)


@dataclass(frozen=True)
class ClickTrace:
    """One object, clicked.

    Attributes:
        is_positive: of each click.
        ious: before the first click and after each one. When nothing is wrong any more there are
            no further clicks.
        positives_kept: share of the positive points inside the mask after each click.
        negatives_kept: share of the negative points outside the mask after each click.
    """

    is_positive: tuple[bool, ...]
    ious: tuple[float, ...]
    positives_kept: tuple[float, ...]
    negatives_kept: tuple[float, ...]

    def iou_after(self, clicks: int) -> float:
        """IoU after so many clicks, or after the last one that was needed."""
        return self.ious[min(clicks, len(self.is_positive))]

    def clicks_until(self, iou: float, at_most: int) -> int:
        """Clicks until the IoU is reached; `at_most` when it never is."""
        reached = (n for n, found in enumerate(self.ious) if found >= iou)
        return next(reached, at_most)


@dataclass(frozen=True)
class InteractiveReport:
    """Means over many objects.

    Attributes:
        objects: clicked.
        mean_ious: after 0, 1, 2, ... clicks.
        mean_clicks: for each of ``NOC_IOUS``, clicks until it is reached.
        negative_gain: mean change of the IoU by a negative click; None when there was none.
        negative_clicks: how many there were.
        positives_kept: mean share of positive points inside, over all answers.
        negatives_kept: mean share of negative points outside, over answers to any.
    """

    objects: int
    mean_ious: tuple[float, ...]
    mean_clicks: tuple[float, ...]
    negative_gain: float | None
    negative_clicks: int
    positives_kept: float
    negatives_kept: float


def next_click(
    mask: BoolArray, truth: BoolArray, is_clicked: BoolArray
) -> tuple[tuple[int, int], bool] | None:
    """Where the annotator clicks next.

    Args:
        mask: (H, W), the answer so far; all False before the first click.
        truth: (H, W).
        is_clicked: (H, W), pixels that need no second click.

    Returns:
        (x, y) and whether it is positive; None when nothing is wrong.
    """
    missed = _middle(truth & ~mask & ~is_clicked)
    spilled = _middle(mask & ~truth & ~is_clicked)
    if missed is not None and (spilled is None or missed[1] >= spilled[1]):
        return missed[0], True
    return None if spilled is None else (spilled[0], False)


def _middle(region: BoolArray) -> tuple[tuple[int, int], float] | None:
    """(x, y) of the middle of the thickest part, and its distance from the edge in pixels."""
    columns, rows = np.flatnonzero(region.any(axis=0)), np.flatnonzero(region.any(axis=1))
    if not len(columns):
        return None
    crop = region[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    depth = distance_transform_edt(np.pad(crop, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return (int(x + columns[0]), int(y + rows[0])), float(depth[y, x])


def click_object(
    answer: Callable[[Prompt], BoolArray],
    truth: BoolArray,
    clicks: int = CLICKS,
    starts_with_box: bool = False,
) -> ClickTrace:
    """Click one object until it is right, or the clicks are used up.

    Args:
        answer: the mask for the clicks so far.
        truth: (H, W), the object; not empty.
        clicks: at most so many.
        starts_with_box: whether the object's box is drawn before the first click; it is part of
            every prompt, and the clicks correct its mask.
    """
    box = bounding_box(truth) if starts_with_box else None
    mask = np.zeros_like(truth) if box is None else answer(Prompt(box=box))
    is_clicked = np.zeros_like(truth)
    points: list[tuple[int, int]] = []
    labels: list[int] = []
    ious = [mask_iou(mask, truth)]
    kept: list[float] = []
    spared: list[float] = []
    while len(points) < clicks and (click := next_click(mask, truth, is_clicked)) is not None:
        (x, y), is_positive = click
        points.append((x, y))
        labels.append(int(is_positive))
        is_clicked[y, x] = True
        mask = answer(Prompt(points=points, labels=labels, box=box))
        is_inside = np.array([mask[y, x] for x, y in points])
        positive = np.array(labels, bool)
        ious.append(mask_iou(mask, truth))
        kept.append(_share(is_inside[positive]))
        spared.append(_share(~is_inside[~positive]))
    return ClickTrace(tuple(map(bool, labels)), tuple(ious), tuple(kept), tuple(spared))


def _share(is_kept: BoolArray) -> float:
    return float(is_kept.mean()) if len(is_kept) else 1.0


def click_examples(
    predictor: Predictor,
    examples: Iterable[Example],
    answers: dict[str, Answer],
    clicks: int = CLICKS,
    starts_with_box: bool = False,
) -> dict[str, InteractiveReport]:
    """Click every object of every picture, once for each way to answer.

    Args:
        predictor: encodes each picture, once.
        examples: pictures with the truth of their objects.
        answers: ways to make a mask of clicks, by name.
        clicks: at most so many an object.
        starts_with_box: as for ``click_object``.

    Raises:
        ValueError: no object was seen.
    """
    traces: dict[str, list[ClickTrace]] = {name: [] for name in answers}
    for example in examples:
        embedding = predictor.encode(example.image)
        for name, answer in answers.items():
            traces[name] += [
                click_object(partial(answer, embedding), truth, clicks, starts_with_box)
                for truth in example.objects
            ]
    return {name: summarise(found, clicks) for name, found in traces.items()}


def summarise(traces: list[ClickTrace], clicks: int = CLICKS) -> InteractiveReport:
    """Means over objects.

    Raises:
        ValueError: there are none.
    """
    if not traces:
        raise ValueError("no object in these pictures: there is nothing to click")
    gains = [
        t.ious[n + 1] - t.ious[n]
        for t in traces
        for n, is_positive in enumerate(t.is_positive)
        if not is_positive
    ]
    spared = [
        share
        for t in traces
        for n, share in enumerate(t.negatives_kept)
        if not all(t.is_positive[: n + 1])
    ]
    return InteractiveReport(
        objects=len(traces),
        mean_ious=tuple(
            float(np.mean([t.iou_after(n) for t in traces])) for n in range(clicks + 1)
        ),
        mean_clicks=tuple(
            float(np.mean([t.clicks_until(iou, clicks) for t in traces])) for iou in NOC_IOUS
        ),
        negative_gain=float(np.mean(gains)) if gains else None,
        negative_clicks=len(gains),
        positives_kept=float(np.mean([x for t in traces for x in t.positives_kept] or [1.0])),
        negatives_kept=float(np.mean(spared)) if spared else 1.0,
    )
