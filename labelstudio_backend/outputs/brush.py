"""Label Studio's brush RLE, written for a whole mask at once.

The format is thi.ng's rle-pack, as Label Studio's page reads it: 32 bits count of values, 5 bits
word size - 1, four 4-bit run-length sizes - 1, then the runs. A run is a 1, two bits that choose
one of the four sizes, its length - 1 in that many bits, and the value in 8 bits. The values are the
height × width × 4 channels of an RGBA picture, all 0 or all 255 in a pixel, so that no run is
shorter than 4. The bytes are those of ``label_studio_sdk.converter.brush.mask2rle``, including the
zero byte it adds where the bits fill the last byte exactly.
"""

import numpy as np
from numpy.typing import NDArray

_CHANNELS = 4
_VALUE_BITS = 8
_LENGTH_BITS = (3, 4, 8, 16)
_HEADER_BITS = 32 + 5 + 4 * len(_LENGTH_BITS)
_LONGEST_RUN = 1 << _LENGTH_BITS[-1]
_LONGEST_MASK_PX = (1 << 32) // _CHANNELS


def encode_brush_rle(mask: NDArray[np.bool_]) -> list[int]:
    """Encode a mask as Label Studio's ``value.rle``.

    Args:
        mask: (H, W) bool in the image's own frame, at least one pixel.

    Returns:
        The bytes of the RLE, each 0 to 255.

    Raises:
        ValueError: the mask is not (H, W) bool, is empty, or is too large for the format.
    """
    if mask.ndim != 2 or mask.dtype != np.bool_ or not 0 < mask.size < _LONGEST_MASK_PX:
        raise ValueError(
            f"a brush mask is (H, W) bool of 1 to {_LONGEST_MASK_PX - 1} pixels, got shape "
            f"{mask.shape} of {mask.dtype}"
        )
    flat = np.ascontiguousarray(mask).reshape(-1)
    lengths, values = _split_long_runs(*_find_runs(flat))
    codes, code_bits = _encode_runs(lengths, values)
    return list(_pack_bits(codes, code_bits, flat.size * _CHANNELS))


def make_brush(mask: NDArray[np.bool_]) -> dict[str, object]:
    """What a brush region says of its pixels.

    Args:
        mask: (H, W) bool in the original frame, at least one pixel.
    """
    return {"format": "rle", "rle": encode_brush_rle(mask)}


def _find_runs(flat: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(N,) bool → lengths in values (R,) and the value of each run (R,)."""
    last_of_run = _find_changes(flat)
    ends = np.append(last_of_run, flat.size - 1)
    lengths = np.diff(ends, prepend=-1) * _CHANNELS
    return lengths, flat[ends]


def _find_changes(flat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices after which the value changes, ascending."""
    # Eight pixels a byte: most bytes hold no change, and only the rest is looked at bit by bit.
    packed = np.packbits(flat[1:] != flat[:-1])
    groups = np.flatnonzero(packed != 0)
    group, offset = np.nonzero(np.unpackbits(packed[groups, None], axis=1))
    changes: NDArray[np.int64] = groups[group] * 8 + offset
    return changes


def _split_long_runs(
    lengths: NDArray[np.int64], values: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Cut runs above 65536 values into full runs and a rest of 1 to 65536.

    A rest is returned as minus its length, because it is written in the longest size even where a
    shorter one would hold it.
    """
    pieces = -(-lengths // _LONGEST_RUN)
    if pieces.max() == 1:
        return lengths, values
    split = np.full(int(pieces.sum()), _LONGEST_RUN, dtype=np.int64)
    rest = lengths - (pieces - 1) * _LONGEST_RUN
    split[np.cumsum(pieces) - 1] = np.where(pieces > 1, -rest, rest)
    return split, np.repeat(values, pieces)


def _encode_runs(
    lengths: NDArray[np.int64], values: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """(R,) runs → (R,) codes and the number of bits of each, 14 to 27."""
    size = np.searchsorted([8, 16, 256], lengths)
    size[lengths < 0] = 3
    length_bits = np.array(_LENGTH_BITS)[size]
    codes = ((0b100 | size) << length_bits | np.abs(lengths) - 1) << _VALUE_BITS
    codes |= values * np.int64(255)
    return codes.astype(np.uint64), 1 + 2 + length_bits + _VALUE_BITS


def _pack_bits(codes: NDArray[np.uint64], code_bits: NDArray[np.int64], value_count: int) -> bytes:
    """Write the header and the codes one after the other, most significant bit first."""
    ends = np.cumsum(code_bits) + _HEADER_BITS
    starts = ends - code_bits
    total_bits = int(ends[-1])
    words = np.zeros(total_bits // 32 + 2, dtype=np.uint32)
    words[0] = value_count
    header = _VALUE_BITS - 1
    for bits in _LENGTH_BITS:
        header = header << 4 | bits - 1
    words[1] = header << (64 - _HEADER_BITS)
    # A code of up to 27 bits that starts inside a 32-bit word ends inside a 64-bit window on it.
    shifts = (64 - code_bits - (starts & 31)).astype(np.uint64)
    windows = codes << shifts
    word_of_code = starts >> 5
    firsts = np.flatnonzero(np.diff(word_of_code, prepend=-1))
    windows = np.bitwise_or.reduceat(windows, firsts)
    targets = word_of_code[firsts]
    words[targets] |= (windows >> np.uint64(32)).astype(np.uint32)
    words[targets + 1] |= (windows & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return words.astype(">u4").tobytes()[: total_bits // 8 + 1]
