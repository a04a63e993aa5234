"""A decoder before and after it learned: measured on the same objects, prompt by prompt.

An object is clicked as ``interactive`` does, up to five times, and boxed once. The rule by which a
decoder counts as better is ``judge``'s.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.table import Table
from torch import Tensor

from core import ImageEmbedding, Predictor, Prompt
from training.accepted_objects import AcceptedObject
from training.evaluation import mask_iou
from training.interactive import click_object
from training.prompts import draw_box

CLICKS = (1, 2, 3, 5)
PROMPTS = ("box", *(f"{n} click{'s' * (n > 1)}" for n in CLICKS))
"""Rows of a comparison, in order."""

MIN_GAIN = 0.005
"""By so much the mean IoU over all rows has to rise,"""
MAX_LOSS = 0.01
"""and by more than this, beyond its standard error, no row may fall."""

Ious = tuple[float, ...]
"""Of one object, one a row of ``PROMPTS``."""


@dataclass(frozen=True)
class Change:
    """One object, measured twice.

    Attributes:
        found: the object.
        before: with the decoder in use.
        after: with the one that learned.
    """

    found: AcceptedObject
    before: Ious
    after: Ious

    @property
    def one_click(self) -> tuple[float, float]:
        """IoU after one click, before and after."""
        row = PROMPTS.index("1 click")
        return self.before[row], self.after[row]

    @property
    def one_click_gain(self) -> float:
        """What one click gains."""
        old, new = self.one_click
        return new - old


@dataclass(frozen=True)
class ComparedPrompt:
    """A row: mean IoU of one kind of prompt.

    Attributes:
        prompt: of ``PROMPTS``.
        before: with the decoder in use.
        after: with the one that learned.
    """

    prompt: str
    before: float
    after: float

    @property
    def gain(self) -> float:
        """What the new one adds."""
        return self.after - self.before


@dataclass(frozen=True)
class Comparison:
    """What was measured, and what follows.

    Attributes:
        objects: measured, none of them on an image that was learned from.
        images: that they lie on.
        rows: by kind of prompt.
        is_better: whether the new decoder is to be used.
        reason: why, in a sentence.
    """

    objects: int
    images: int
    rows: tuple[ComparedPrompt, ...]
    is_better: bool
    reason: str


def measure(predictor: Predictor, found: AcceptedObject, features: Tensor) -> Ious:
    """IoU of the product's answers to prompts on one object, in the view where it looks.

    Args:
        predictor: the decoder.
        found: the object.
        features: of its closest view.
    """
    truth = found.closest.mask
    embedding = ImageEmbedding(features, (truth.shape[0], truth.shape[1]))

    def answer(prompt: Prompt) -> npt.NDArray[np.bool_]:
        return predictor.decode(embedding, prompt).mask

    rng = np.random.default_rng(zlib.crc32(found.name.encode()))
    boxed = mask_iou(answer(Prompt(box=draw_box(rng, truth))), truth)
    clicked = click_object(answer, truth, max(CLICKS))
    return boxed, *(clicked.iou_after(clicks) for clicks in CLICKS)


def judge(
    objects: Sequence[AcceptedObject], before: Sequence[Ious], after: Sequence[Ious]
) -> Comparison:
    """Say whether a decoder is better.

    It is when the mean IoU over all rows rises by at least ``MIN_GAIN`` and by no less than the
    standard error of that rise, and no row falls by more than ``MAX_LOSS`` and its own standard
    error together: with twenty objects the IoU after five clicks is known to 0.03 only.

    Args:
        objects: that were measured; at least one.
        before: their IoUs with the decoder in use.
        after: with the new one.
    """
    first, second = np.array(before), np.array(after)
    rows = tuple(
        ComparedPrompt(prompt, float(old), float(new))
        for prompt, old, new in zip(PROMPTS, first.mean(axis=0), second.mean(axis=0), strict=True)
    )
    gains = (second - first).mean(axis=1)
    gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
    errors = (second - first).std(axis=0) / np.sqrt(len(gains))
    falls = [-row.gain - float(error) for row, error in zip(rows, errors, strict=True)]
    worst = rows[int(np.argmax(falls))]
    is_better, reason = True, f"mean IoU rises by {gain:.3f} (standard error {error:.3f})"
    if gain < max(MIN_GAIN, error):
        is_better = False
        reason = f"mean IoU changes by {gain:+.3f}, less than {max(MIN_GAIN, error):.3f}"
    elif max(falls) > MAX_LOSS:
        is_better = False
        reason = f"mean IoU after {worst.prompt!r} falls by {-worst.gain:.3f}"
    images = len({found.image for found in objects})
    return Comparison(len(objects), images, rows, is_better, reason)


def as_comparison_table(title: str, rows: Sequence[ComparedPrompt]) -> Table:
    """Lay a comparison out for the terminal."""
    table = Table(title=title)
    table.add_column("mean IoU after")
    for heading in ("before", "after", "gain"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(row.prompt, f"{row.before:.3f}", f"{row.after:.3f}", f"{row.gain:+.3f}")
    return table
