"""Embeddings as bytes: a small versioned header and the raw array, never pickle.

4 bytes  magic "ESAM"
1 byte   version of this layout
1 byte   dtype: 1 = float16, 2 = uint8 steps of a channel's own range; all little-endian
3 × u16  channels, height, width of the array
2 × u32  height, width of the original image, pixels

What follows is the array, and before it, where it is in steps, a float32 step and a float32 lowest
value a channel.
"""

import struct
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from core import ImageEmbedding

from .errors import EmbeddingFormatError

EmbeddingDtype = Literal["float16", "int8"]
"""int8 is a byte a number, half the room; what that does to masks is in docs/performance.md."""

_HEADER = struct.Struct("<4sBB3H2I")
_MAGIC = b"ESAM"
_VERSION = 1
_CODES: dict[EmbeddingDtype, int] = {"float16": 1, "int8": 2}
_FLOAT16 = np.dtype("<f2")
_RANGE = np.dtype("<f4")
_MOST_STEPS = 255


def pack_embedding(embedding: ImageEmbedding, dtype: EmbeddingDtype = "float16") -> bytes:
    """Serialise an embedding: 22 bytes of header, then 2 bytes a number, or 1 with ``int8``."""
    features = embedding.features.detach().to("cpu")
    header = _HEADER.pack(
        _MAGIC, _VERSION, _CODES[dtype], *features.shape, *embedding.original_size_hw
    )
    if dtype == "float16":
        halves = features.to(torch.float16).contiguous().numpy()
        return header + halves.astype(_FLOAT16, copy=False).tobytes()
    exact: NDArray[np.float32] = features.float().contiguous().numpy()
    lowest, highest = exact.min(axis=(1, 2)), exact.max(axis=(1, 2))
    step = np.where(highest > lowest, highest - lowest, 1) / _MOST_STEPS
    ranges = np.stack([step, lowest], axis=1).astype(_RANGE)
    small = np.rint((exact - _spread(ranges[:, 1])) / _spread(ranges[:, 0])).clip(0, _MOST_STEPS)
    return header + ranges.tobytes() + small.astype(np.uint8).tobytes()


def unpack_embedding(value: bytes) -> ImageEmbedding:
    """Read what ``pack_embedding`` wrote.

    Returns:
        An embedding of (C, H, W) float16 features on the CPU.

    Raises:
        EmbeddingFormatError: the value is truncated, foreign, or of another version.
    """
    if len(value) < _HEADER.size:
        raise EmbeddingFormatError(f"{len(value)} bytes are too few for an embedding")
    magic, version, code, channels, rows, columns, height, width = _HEADER.unpack_from(value)
    if (magic, version) != (_MAGIC, _VERSION) or code not in _CODES.values():
        raise EmbeddingFormatError(
            f"not an embedding of layout {_VERSION}: magic {magic!r}, version {version}, "
            f"dtype {code}"
        )
    shape = (channels, rows, columns)
    is_small = code == _CODES["int8"]
    ranges_bytes = 2 * channels * _RANGE.itemsize if is_small else 0
    expected_bytes = ranges_bytes + channels * rows * columns * (1 if is_small else 2)
    if len(value) - _HEADER.size != expected_bytes:
        raise EmbeddingFormatError(
            f"the embedding is cut off: {len(value) - _HEADER.size} bytes of {expected_bytes}"
        )
    if is_small:
        ranges = np.frombuffer(value, _RANGE, 2 * channels, _HEADER.size).reshape(channels, 2)
        small = np.frombuffer(value, np.uint8, offset=_HEADER.size + ranges_bytes).reshape(shape)
        exact = small * _spread(ranges[:, 0]) + _spread(ranges[:, 1])
        features = exact.astype(np.float16)
    else:
        features = np.frombuffer(value, _FLOAT16, offset=_HEADER.size).reshape(shape).copy()
    return ImageEmbedding(torch.from_numpy(features), (height, width))


def _spread(of_channels: NDArray[np.float32]) -> NDArray[np.float32]:
    return of_channels[:, None, None]
