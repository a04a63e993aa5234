"""Accepted objects on their way from the worker that collects them to the one that learns."""

import base64
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from core import ROOM_AROUND_GUESS, Architecture, Tile, find_tile
from training import AcceptedObject, ObjectView
from worker import view_of

MASK_MAX_PX = 1024
"""No model that there is sees more of a view along a side."""
_HALF = 128


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class StoredView(_Record):
    """An object's mask in one view of its image.

    Attributes:
        view: of the image, as embeddings are named.
        size_hw: of the mask.
        packed: its bits, eight a byte, compressed, in base64.
    """

    view: str
    size_hw: tuple[int, int]
    packed: str

    def unpack(self) -> ObjectView:
        """With the mask as an array."""
        height, width = self.size_hw
        content = zlib.decompress(base64.b64decode(self.packed))
        bits = np.unpackbits(np.frombuffer(content, np.uint8), count=height * width)
        return ObjectView(self.view, bits.reshape(height, width).astype(bool))


class StoredObject(_Record):
    """An accepted object.

    Attributes:
        name: tells it from all others of its run.
        image: SHA-256 of the image file.
        views: the whole image first; the last is where the product would look at it.
    """

    name: str
    image: str
    views: tuple[StoredView, ...]

    def unpack(self) -> AcceptedObject:
        """As it is learned from."""
        return AcceptedObject(self.name, self.image, tuple(view.unpack() for view in self.views))


class StoredTask(_Record):
    """The accepted objects of a task.

    Attributes:
        task: its id.
        image_names: image tag of each image, by the SHA-256 of its file.
        objects: on these images.
        empty_masks: regions without a pixel, left out.
    """

    task: int
    image_names: dict[str, str]
    objects: tuple[StoredObject, ...]
    empty_masks: int


def find_view_tile(
    mask: NDArray[np.bool_], has_tiles: bool, architecture: Architecture
) -> Tile | None:
    """The tile in which the product would look at a clicked object; None for the whole image.

    Args:
        mask: (H, W) bool in the original frame, not empty.
        has_tiles: whether it looks at tiles at all.
        architecture: the model's.
    """
    if not has_tiles:
        return None
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    extent = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
    size_hw = (mask.shape[0], mask.shape[1])
    return find_tile(extent, ROOM_AROUND_GUESS, size_hw, architecture)


def store_object(
    name: str, image_sha256: str, mask: NDArray[np.bool_], tile: Tile | None
) -> StoredObject:
    """An object with its mask in the whole image, and in the tile where it is looked at."""
    views = [_store_view(view_of(image_sha256), mask)]
    if tile is not None:
        views.append(_store_view(view_of(image_sha256, tile), mask[tile.slices]))
    return StoredObject(name=name, image=image_sha256, views=tuple(views))


def _store_view(view: str, mask: NDArray[np.bool_]) -> StoredView:
    small = _shrink(mask)
    packed = base64.b64encode(zlib.compress(np.packbits(small).tobytes())).decode("ascii")
    return StoredView(view=view, size_hw=(small.shape[0], small.shape[1]), packed=packed)


def _shrink(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask in at most ``MASK_MAX_PX`` a side; what is too thin for that keeps its cells."""
    height, width = mask.shape
    share = MASK_MAX_PX / max(height, width)
    if share >= 1:
        return mask
    size_hw = max(1, round(height * share)), max(1, round(width * share))
    picture = Image.fromarray(mask).convert("L")
    small = np.asarray(picture.resize(size_hw[::-1], Image.Resampling.BOX)) >= _HALF
    if small.any():
        return small
    cells = F.adaptive_max_pool2d(torch.from_numpy(mask).float()[None], size_hw)[0]
    return np.asarray(cells.numpy() > 0)
