"""Photos as annotators have them, cut from those that scikit-image ships."""

import io
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from esam.demo_photos import photo_path

_PHOTOS = (
    "astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png",
    "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip
_CUTS = 4
_SIDES_PX = ((1000, 700), (700, 1000), (1024, 683), (960, 720))
_QUALITY = 90


def make_photos() -> list[bytes]:
    """Some dozens of JPEGs of about 0.7 megapixels, the same each time."""
    rng = np.random.default_rng(0)
    return [
        _cut(name, _SIDES_PX[n % len(_SIDES_PX)], rng) for name in _PHOTOS for n in range(_CUTS)
    ]


def make_photo(size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, a photo brought to this size."""
    with Image.open(photo_path("chelsea.png")) as photo:
        resized = photo.convert("RGB").resize(size_hw[::-1], Image.Resampling.LANCZOS)
    return np.asarray(resized)


def make_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """An image as a file."""
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


def _cut(name: str, size_px: tuple[int, int], rng: np.random.Generator) -> bytes:
    """A random part of a photo, brought to (width, height)."""
    with Image.open(photo_path(name)) as photo:
        most = min(photo.width / size_px[0], photo.height / size_px[1])
        scale = most * rng.uniform(0.7, 1)
        cut_px = (size_px[0] * scale, size_px[1] * scale)
        x, y = rng.uniform(0, photo.width - cut_px[0]), rng.uniform(0, photo.height - cut_px[1])
        part = (x, y, x + cut_px[0], y + cut_px[1])
        resize = partial(photo.convert("RGB").resize, size_px, Image.Resampling.LANCZOS)
        file = io.BytesIO()
        resize(box=part).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
