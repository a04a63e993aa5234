"""One image of a dataset, and what every format's writer does with it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

UNLABELLED = "object"
"""What an object is called that has no label."""

MaskArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LabelledObject:
    """One object on an image.

    Attributes:
        label: what it is called.
        score: from 0 to 1, where a model made it.
        mask: (H, W) bool in the original frame, at least one pixel.
    """

    label: str
    score: float | None
    mask: MaskArray


@dataclass(frozen=True, eq=False)
class LabelledImage:
    """One image with its objects.

    Attributes:
        task: id of its task in Label Studio.
        file_name: different from that of every other image, its suffix left out.
        size_hw: original (height, width), pixels.
        objects: read once, so that one mask is held at a time.
    """

    task: int
    file_name: str
    size_hw: tuple[int, int]
    objects: Iterator[LabelledObject] = field(default_factory=lambda: iter(()))

    @property
    def stem(self) -> str:
        """The file name without its suffix."""
        return PurePath(self.file_name).stem


class DatasetWriter(Protocol):
    """Writes a dataset of one format, image by image.

    Attributes:
        image_folder: where the format has its images, below the dataset's folder.
    """

    image_folder: str

    def add(self, image: LabelledImage) -> int:
        """Write one image's objects; how many there are.

        Raises:
            ValueError: the format cannot hold them; nothing of the image was written.
            OSError: a file cannot be written.
        """

    def finish(self) -> None:
        """Write what describes the whole.

        Raises:
            OSError: a file cannot be written.
        """


class Categories:
    """Labels by number, in the order of the label config; a label that it lacks comes last."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._numbers = {label: number for number, label in enumerate(dict.fromkeys(labels))}

    def number(self, label: str) -> int:
        """The number of a label, from 0."""
        return self._numbers.setdefault(label, len(self._numbers))

    @property
    def names(self) -> list[str]:
        """All labels, in the order of their numbers."""
        return list(self._numbers)


def find_box(mask: MaskArray) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 around a mask, original pixels; x1 and y1 are beyond its last pixel."""
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
