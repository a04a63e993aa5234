"""Label Studio's brush RLE, read back; ``brush.py`` says what the format is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_COUNT_BITS, _SIZE_BITS, _LENGTH_BITS = 32, 5, 4
_CHANNELS = 4


class _Bits:
    """Bits of a byte string, most significant first."""

    def __init__(self, content: bytes) -> None:
        # Reading runs over the end where the last code ends in the padding.
        self._content = content + bytes(8)
        self._at = 0
        self._end = 8 * len(content)

    def read(self, count: int) -> int:
        """The next bits as a number; at most 32.

        Raises:
            ValueError: there are no more.
        """
        if self._at + count > self._end:
            raise ValueError("the brush RLE ends in the middle")
        start, offset = divmod(self._at, 8)
        window = int.from_bytes(self._content[start : start + 8], "big")
        self._at += count
        return window >> (64 - offset - count) & (1 << count) - 1


def decode_brush_rle(rle: Sequence[int], size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Decode what Label Studio keeps of a brush, whoever drew it.

    Args:
        rle: the bytes of ``value.rle``.
        size_hw: original (height, width), pixels.

    Returns:
        (H, W) bool, set where the picture is not wholly transparent.

    Raises:
        ValueError: it is no RLE of a picture of this size.
    """
    bits = _Bits(bytes(rle))
    count = bits.read(_COUNT_BITS)
    if count != size_hw[0] * size_hw[1] * _CHANNELS:
        raise ValueError(
            f"the brush RLE holds {count:,} values, not the {_CHANNELS} of each pixel of an image "
            f"of {size_hw[1]}×{size_hw[0]} pixels"
        )
    value_bits = bits.read(_SIZE_BITS) + 1
    length_bits = [bits.read(_LENGTH_BITS) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    at = 0
    while at < count:
        is_run = bits.read(1)
        end = at + bits.read(length_bits[bits.read(2)]) + 1
        if end > count:
            raise ValueError("the brush RLE holds more values than it says")
        if is_run:
            values[at:end] = bits.read(value_bits)
        else:
            values[at:end] = [bits.read(value_bits) for _ in range(at, end)]
        at = end
    return values.reshape(*size_hw, _CHANNELS)[..., _CHANNELS - 1] > 0
