"""Small things in large images: which part of the image to look at more closely.

The encoder shrinks every image to one size, so a thing of 60 pixels in a photo of 6,000 is left
with less than a token. Where a prompt's object is that small, its surroundings are encoded as an
image of their own. Tiles lie on a fixed grid, so that prompts near each other share one: at level n
a tile is a square of the longer side divided by √2ⁿ, as far as it lies on the image, and one begins
every half or third of it. The figures behind these numbers are in ADR 8.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .prompt import POSITIVE, Prompt
from .registry import Architecture

_LEVEL_RATIO = math.sqrt(2)
ROOM_AROUND_BOX = 1.6
"""A tile is at least so many times as long and as high as the object that a box shows."""

ROOM_AROUND_GUESS = 2.0
"""The same where nobody drew how large the object is; the answer so far may be a part of it."""

_ENOUGH_TOKENS = 16
"""An object of more tokens of the encoder's grid is seen well enough in the whole image."""


@dataclass(frozen=True)
class Tile:
    """A part of an image, original pixels.

    Attributes:
        x0_px: left edge.
        y0_px: top edge.
        width_px: at least 1.
        height_px: at least 1.
    """

    x0_px: int
    y0_px: int
    width_px: int
    height_px: int

    @property
    def longest_px(self) -> int:
        """Its longer side."""
        return max(self.width_px, self.height_px)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the image."""
        return (
            slice(self.y0_px, self.y0_px + self.height_px),
            slice(self.x0_px, self.x0_px + self.width_px),
        )

    def crop(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, 3) → (height_px, width_px, 3)."""
        return np.ascontiguousarray(rgb[self.slices])

    def move_prompt(self, prompt: Prompt) -> Prompt | None:
        """The prompt in the tile's pixels; what lies beside the tile says nothing about it.

        Returns:
            The prompt; None when one of its positive points lies beside the tile, or its box
            outside: then the tile cannot answer it.
        """
        origin = np.array([self.x0_px, self.y0_px])
        size = np.array([self.width_px, self.height_px])
        points = prompt.points - origin
        is_inside = ((points >= 0) & (points <= size)).all(axis=1)
        box = None if prompt.box is None else prompt.box - np.tile(origin, 2)
        if not is_inside[prompt.labels == POSITIVE].all():
            return None
        if box is not None and ((box[2:] <= 0) | (box[:2] >= size)).any():
            return None
        return Prompt(points[is_inside], prompt.labels[is_inside].tolist(), box)

    def place(self, mask: NDArray[np.bool_], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
        """(height_px, width_px) mask of the tile → (H, W) mask of the image."""
        whole = np.zeros(size_hw, np.bool_)
        whole[self.slices] = mask
        return whole


def find_tile(
    extent: NDArray[np.float64], room: float, size_hw: tuple[int, int], architecture: Architecture
) -> Tile | None:
    """The part of the image that an object should be looked at in.

    Args:
        extent: (4,) original pixels (x0, y0, x1, y1) around the object.
        room: how many times as long as the object a tile is at least, above 1.
        size_hw: (height, width) of the image.
        architecture: the model's.

    Returns:
        The smallest tile that holds the object with room around it; None when the whole image
        shows it well enough, or the model gains nothing from a tile's pixels.
    """
    frame = np.array(size_hw[::-1])
    longest_px = frame.max()
    length_px = max(float((extent[2:] - extent[:2]).max()), 1.0)
    smallest_px = architecture.image_size / architecture.max_enlargement
    deepest = round(math.log(longest_px / smallest_px, _LEVEL_RATIO))
    roomy = math.floor(math.log(longest_px / (room * length_px), _LEVEL_RATIO))
    level = min(deepest, roomy)
    if level < 1 or length_px / longest_px * architecture.grid >= _ENOUGH_TOKENS:
        return None
    side = math.ceil(longest_px / _LEVEL_RATIO**level)
    size = np.minimum(side, frame)
    centre = (extent[:2] + extent[2:]) / 2
    # So near each other that the nearest tile holds the whole object.
    step = side / math.ceil(1 / (1 - 1 / room))
    start = np.round((centre - size / 2) / step) * step
    x0, y0 = np.clip(np.round(start), 0, frame - size).astype(int)
    return Tile(int(x0), int(y0), int(size[0]), int(size[1]))
