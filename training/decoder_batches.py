"""Batches for a decoder: prompts drawn anew each time, on views that are encoded already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from core import Architecture, Prompt
from training.accepted_objects import AcceptedObject, ObjectView
from training.prompts import AnnotatorPrompt, draw_training_prompt

Embed = Callable[[str], Tensor]
"""(C, grid, grid) features of a view, by its key."""

_CLOSEST_SHARE = 0.75
"""Of the draws, in the view that answers come from; the others in the whole image, whose answer
only says where to look closely."""


@dataclass(frozen=True)
class DecoderBatch:
    """V views with Q prompts each.

    Attributes:
        features: (V, C, grid, grid) float32.
        points: (V, Q, 6, 2) float32, model-input pixels, (x, y).
        labels: (V, Q, 6) int64.
        truth: (V, Q, T, T) float32, covered share of each logit's pixels.
    """

    features: Tensor
    points: Tensor
    labels: Tensor
    truth: Tensor


class BatchMaker:
    """Draws batches of objects.

    Args:
        objects: at least one.
        embed: features of views.
        architecture: the model's.
    """

    def __init__(
        self, objects: Sequence[AcceptedObject], embed: Embed, architecture: Architecture
    ) -> None:
        self._objects = objects
        self._embed = embed
        self._architecture = architecture
        self._masks: dict[str, list[npt.NDArray[np.bool_]]] = defaultdict(list)
        for found in objects:
            for seen in found.views:
                self._masks[seen.view].append(seen.mask)

    def draw(self, rng: np.random.Generator, views: int, prompts: int) -> DecoderBatch:
        """Choose views by the objects in them, and prompts on those objects."""
        features, points, labels, truth = [], [], [], []
        for _ in range(views):
            chosen = self._choose_view(rng)
            features.append(self._embed(chosen.view).float())
            others = self._masks[chosen.view]
            for number in range(prompts):
                mask = others[int(rng.integers(len(others)))] if number else chosen.mask
                xy, kinds = pack_prompt(draw_training_prompt(rng, mask), mask, self._architecture)
                points.append(xy)
                labels.append(kinds)
                truth.append(cover_cells(mask, self._architecture.logits_size))
        lead = (views, prompts)
        return DecoderBatch(
            torch.stack(features),
            torch.stack(points).unflatten(0, lead),
            torch.stack(labels).unflatten(0, lead),
            torch.stack(truth).unflatten(0, lead),
        )

    def _choose_view(self, rng: np.random.Generator) -> ObjectView:
        found = self._objects[int(rng.integers(len(self._objects)))]
        return found.closest if rng.random() < _CLOSEST_SHARE else found.views[0]


def pack_prompt(
    prompt: AnnotatorPrompt, mask: npt.NDArray[np.bool_], architecture: Architecture
) -> tuple[Tensor, Tensor]:
    """A prompt in the pixels of a mask → (6, 2) model-input pixels and (6,) slot labels."""
    asked = Prompt(points=prompt.points, box=prompt.box_xyxy_px)
    xy, labels = asked.to_slots((mask.shape[0], mask.shape[1]), architecture.image_size)
    return torch.from_numpy(xy[0]), torch.from_numpy(labels[0])


def cover_cells(mask: npt.NDArray[np.bool_], side: int) -> Tensor:
    """(h, w) mask → (side, side) float32, how much of each cell it covers."""
    return F.adaptive_avg_pool2d(torch.from_numpy(mask).float()[None], side)[0]
