"""Objects that annotators accepted, and which of them are learned from.

Nothing is learned from the image that something is measured on: parts are made of whole images,
told apart by their content, however many tasks show the same one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.errors import TooFewObjects

MIN_IMAGES = 10
MIN_OBJECTS = 20
_HELD_OUT_SHARE = 1 / 5
_TUNING_SHARE = 1 / 10


@dataclass(frozen=True, eq=False)
class ObjectView:
    """An object as one view of its image shows it.

    Attributes:
        view: key of the view's embedding.
        mask: (h, w) bool of the whole view, in any size; not empty.
    """

    view: str
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class AcceptedObject:
    """An object whose mask an annotator accepted.

    Attributes:
        name: tells it from all others; prompts are drawn by it.
        image: SHA-256 of the image file.
        views: the whole image first; the last is where the product would look at it.
    """

    name: str
    image: str
    views: tuple[ObjectView, ...]

    @property
    def closest(self) -> ObjectView:
        """Where the product would look at it; what its answers are measured in."""
        return self.views[-1]


@dataclass(frozen=True)
class Parts:
    """Accepted objects by what they are for; no image is in two parts.

    Attributes:
        learned: weights are learned from these.
        tuning: these say when to stop.
        held_out: a fifth of the images, looked at before and after and never between.
    """

    learned: tuple[AcceptedObject, ...]
    tuning: tuple[AcceptedObject, ...]
    held_out: tuple[AcceptedObject, ...]


def part_by_image(objects: Sequence[AcceptedObject]) -> Parts:
    """Part objects by the hash of their images.

    The same images are held out each time, as far as a fifth of them stays the same fifth: what
    was learned from once is hardly ever measured on later.

    Raises:
        TooFewObjects: there are fewer than ``MIN_OBJECTS`` on ``MIN_IMAGES``.
    """
    images = sorted({found.image for found in objects}, key=_shuffle)
    if len(objects) < MIN_OBJECTS or len(images) < MIN_IMAGES:
        raise TooFewObjects(
            f"{len(objects)} accepted masks on {len(images)} images are too few to learn from and "
            f"to measure it: at least {MIN_OBJECTS} on {MIN_IMAGES} are needed"
        )
    held_out = round(len(images) * _HELD_OUT_SHARE)
    tuning = held_out + max(1, round(len(images) * _TUNING_SHARE))
    cuts = images[tuning:], images[held_out:tuning], images[:held_out]
    return Parts(*(tuple(o for o in objects if o.image in set(cut)) for cut in cuts))


def _shuffle(image: str) -> str:
    return hashlib.sha256(f"held out: {image}".encode()).hexdigest()
