"""Brush RLE: this project's encoder beside Label Studio's SDK, in one run.

``python -m bench.brush`` prints a Markdown table of medians and their ratio.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from label_studio_sdk.converter.brush import mask2rle
from numpy.typing import NDArray

from labelstudio_backend import encode_brush_rle

SIZES_HW = {"1080p": (1080, 1920), "12 MP": (3000, 4000)}
_REPEATS = {"SDK": 5, "ours": 15}


def make_blob(size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) bool, one ellipse over a quarter of the image."""
    height_px, width_px = size_hw
    y, x = np.ogrid[:height_px, :width_px]
    ellipse = ((y / height_px - 0.5) / 0.3) ** 2 + ((x / width_px - 0.5) / 0.27) ** 2
    blob: NDArray[np.bool_] = ellipse < 1
    return blob


def make_holes(size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) bool, the same ellipse with a grid of 10-pixel holes, as in hair or a fence."""
    y, x = np.ogrid[: size_hw[0], : size_hw[1]]
    return make_blob(size_hw) & ~((y % 20 < 10) & (x % 20 < 10))


def make_speckle(size_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W) bool, the same ellipse with one pixel in twenty missing at random."""
    return make_blob(size_hw) & (np.random.default_rng(0).random(size_hw) > 0.05)


MASKS: dict[str, Callable[[tuple[int, int]], NDArray[np.bool_]]] = {
    "smooth blob": make_blob,
    "grid of holes": make_holes,
    "speckle": make_speckle,
}


def _median_ms(encode: Callable[[], list[int]], repeats: int) -> float:
    times_s = []
    for _ in range(repeats):
        start = time.perf_counter()
        encode()
        times_s.append(time.perf_counter() - start)
    return statistics.median(times_s) * 1000


def main() -> None:
    """Print the table."""
    print("| mask | size | runs | RLE bytes | SDK, ms | ours, ms | ratio |")
    print("|---|---|---|---|---|---|---|")
    for mask_name, make_mask in MASKS.items():
        for size_name, size_hw in SIZES_HW.items():
            mask = make_mask(size_hw)
            picture = mask.astype(np.uint8) * 255
            rle = encode_brush_rle(mask)
            if rle != mask2rle(picture):
                raise SystemExit(f"{mask_name} at {size_name}: the bytes differ")
            runs = int(np.count_nonzero(np.diff(mask.reshape(-1)))) + 1
            sdk_ms = _median_ms(lambda p=picture: mask2rle(p), _REPEATS["SDK"])  # type: ignore[misc]
            ours_ms = _median_ms(lambda m=mask: encode_brush_rle(m), _REPEATS["ours"])  # type: ignore[misc]
            print(
                f"| {mask_name} | {size_name} | {runs:,} | {len(rle):,} | {sdk_ms:.1f} "
                f"| {ours_ms:.2f} | {sdk_ms / ours_ms:.0f}× |"
            )


if __name__ == "__main__":
    main()
