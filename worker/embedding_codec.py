"""Embeddings as bytes: a small versioned header and the raw float16 array, never pickle.

4 bytes  magic "ESAM"
1 byte   version of this layout
1 byte   dtype: 1 = little-endian float16
3 × u16  channels, height, width of the array
2 × u32  height, width of the original image, pixels
"""

import struct

import numpy as np
import torch

from core import ImageEmbedding

from .errors import EmbeddingFormatError

_HEADER = struct.Struct("<4sBB3H2I")
_MAGIC = b"ESAM"
_VERSION = 1
_FLOAT16 = 1
_DTYPE = np.dtype("<f2")


def pack_embedding(embedding: ImageEmbedding) -> bytes:
    """Serialise an embedding: 22 bytes of header, then 2 bytes a number."""
    features = embedding.features.detach().to("cpu", torch.float16).contiguous().numpy()
    header = _HEADER.pack(_MAGIC, _VERSION, _FLOAT16, *features.shape, *embedding.original_size_hw)
    return header + features.astype(_DTYPE, copy=False).tobytes()


def unpack_embedding(value: bytes) -> ImageEmbedding:
    """Read what ``pack_embedding`` wrote.

    Returns:
        An embedding of (C, H, W) float16 features on the CPU.

    Raises:
        EmbeddingFormatError: the value is truncated, foreign, or of another version.
    """
    if len(value) < _HEADER.size:
        raise EmbeddingFormatError(f"{len(value)} bytes are too few for an embedding")
    magic, version, dtype, channels, rows, columns, height, width = _HEADER.unpack_from(value)
    if (magic, version, dtype) != (_MAGIC, _VERSION, _FLOAT16):
        raise EmbeddingFormatError(
            f"not an embedding of layout {_VERSION}: magic {magic!r}, version {version}, "
            f"dtype {dtype}"
        )
    expected_bytes = channels * rows * columns * _DTYPE.itemsize
    if len(value) - _HEADER.size != expected_bytes:
        raise EmbeddingFormatError(
            f"the embedding is cut off: {len(value) - _HEADER.size} bytes of {expected_bytes}"
        )
    features = np.frombuffer(value, _DTYPE, offset=_HEADER.size).reshape(channels, rows, columns)
    return ImageEmbedding(torch.from_numpy(features.copy()), (height, width))
