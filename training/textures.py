"""A bank of tileable-looking surfaces: procedural noises and crops of public-domain photographs.

Only photographs that scikit-image ships inside its wheel under CC0 or in the public domain are
used. `chelsea`, `astronaut`, `horse`, `coins` and the motorcycle pair are left out on purpose, so
that they stay unseen photographs for looking at the finished model.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

UInt8Array = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]

TEXTURE_SIZE_PX = 256
TEXTURES = 400
_BANK_SEED = 7
TEXTURE_PHOTOS = (
    "brick",
    "camera",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "retina",
    "rocket",
)
_COLOUR_PHOTOS = frozenset({"coffee", "rocket", "hubble_deep_field", "retina"})


def smooth_noise(
    rng: np.random.Generator, size: tuple[int, ...], cells: tuple[float, float]
) -> FloatArray:
    """Band-limited noise of (height, width) pixels with about `cells` bumps per axis, in [0, 1]."""
    height, width = size[0], size[1]
    rows = max(2, min(height, round(cells[0])))
    columns = max(2, min(width, round(cells[1])))
    grid = rng.random((rows, columns), dtype=np.float32)
    picture = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float32).clip(0, 1)


def fractal_noise(
    rng: np.random.Generator, size: tuple[int, ...], cells: float, roughness: float
) -> FloatArray:
    """Sum of octaves of smooth noise, each finer and `roughness` times weaker; in [0, 1]."""
    total = np.zeros(size, np.float32)
    weight, frequency = 1.0, cells
    while frequency < max(size) and weight > 0.05:
        total += weight * (smooth_noise(rng, size, (frequency, frequency)) - 0.5)
        weight, frequency = weight * roughness, frequency * 2
    return _stretch(total)


def _stretch(values: FloatArray) -> FloatArray:
    low, high = float(values.min()), float(values.max())
    return ((values - low) / max(high - low, 1e-6)).astype(np.float32)


def _coordinates(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Rotated and gently warped pixel coordinates in [-1, 1]."""
    size = (TEXTURE_SIZE_PX, TEXTURE_SIZE_PX)
    axis = np.linspace(-1, 1, TEXTURE_SIZE_PX, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    warp = float(rng.uniform(0, 0.3))
    x = x + warp * (smooth_noise(rng, size, (5, 5)) - 0.5)
    y = y + warp * (smooth_noise(rng, size, (5, 5)) - 0.5)
    turn = float(rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)]))
    return x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)


def _stripes(rng: np.random.Generator) -> FloatArray:
    x, _ = _coordinates(rng)
    wave = np.sin(x * float(rng.uniform(8, 90)))
    return np.asarray(0.5 + 0.5 * np.tanh(wave * float(rng.uniform(0.7, 6))), np.float32)


def _checks(rng: np.random.Generator) -> FloatArray:
    x, y = _coordinates(rng)
    pitch = float(rng.uniform(8, 60))
    wave = np.sin(x * pitch) * np.sin(y * pitch * float(rng.uniform(0.5, 1.5)))
    return np.asarray(0.5 + 0.5 * np.tanh(wave * float(rng.uniform(1, 8))), np.float32)


def _rings(rng: np.random.Generator) -> FloatArray:
    x, y = _coordinates(rng)
    radius = np.hypot(x - float(rng.uniform(-1, 1)), y * float(rng.uniform(0.1, 1)))
    return np.asarray(0.5 + 0.5 * np.sin(radius * float(rng.uniform(15, 90))), np.float32)


def _cells(rng: np.random.Generator) -> FloatArray:
    """Distance to the nearest of random seeds: scales, pebbles, leaves."""
    from scipy.ndimage import distance_transform_edt  # type: ignore[import-untyped]

    seeds = rng.random((TEXTURE_SIZE_PX, TEXTURE_SIZE_PX)) > 10 ** float(rng.uniform(-3.3, -1.7))
    distance = np.asarray(distance_transform_edt(seeds), dtype=np.float32)
    return _stretch(np.sqrt(distance))


def _fibres(rng: np.random.Generator) -> FloatArray:
    size = (TEXTURE_SIZE_PX, TEXTURE_SIZE_PX)
    coarse, fine = float(rng.uniform(3, 12)), float(rng.uniform(80, 250))
    cells = (coarse, fine) if rng.random() < 0.5 else (fine, coarse)
    return _stretch(smooth_noise(rng, size, cells) + 0.5 * smooth_noise(rng, size, cells))


def _clouds(rng: np.random.Generator) -> FloatArray:
    size = (TEXTURE_SIZE_PX, TEXTURE_SIZE_PX)
    return fractal_noise(rng, size, float(rng.uniform(2, 24)), float(rng.uniform(0.4, 0.95)))


_PATTERNS = (_stripes, _checks, _rings, _cells, _fibres, _clouds, _clouds, _clouds)


@lru_cache(maxsize=1)
def photographs() -> tuple[UInt8Array, ...]:
    """The bundled public-domain photographs, each (height, width, 3) uint8."""
    import skimage.data

    pictures: list[UInt8Array] = []
    for name in TEXTURE_PHOTOS:
        pixels: Any = getattr(skimage.data, name)()
        picture = Image.fromarray(np.asarray(pixels, dtype=np.uint8)).convert("RGB")
        picture.thumbnail((640, 640), Image.Resampling.BICUBIC)
        pictures.append(np.asarray(picture))
    return tuple(pictures)


def crop_photograph(rng: np.random.Generator) -> UInt8Array:
    """Cut a random square of a random photograph; (256, 256, 3) uint8."""
    names = np.array([3.0 if name in _COLOUR_PHOTOS else 1.5 for name in TEXTURE_PHOTOS])
    photo = photographs()[int(rng.choice(len(TEXTURE_PHOTOS), p=names / names.sum()))]
    side = int(rng.uniform(0.12, 0.8) * min(photo.shape[:2]))
    top = int(rng.integers(0, photo.shape[0] - side + 1))
    left = int(rng.integers(0, photo.shape[1] - side + 1))
    crop = Image.fromarray(photo[top : top + side, left : left + side])
    if rng.random() < 0.5:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.3:
        crop = crop.transpose(Image.Transpose.ROTATE_90)
    return np.asarray(crop.resize((TEXTURE_SIZE_PX,) * 2, Image.Resampling.BILINEAR))


def random_colour(rng: np.random.Generator) -> FloatArray:
    """Draw an RGB colour in [0, 255], mostly muted as in photographs; (3,) float32."""
    grey = rng.uniform(15, 245)
    saturation = rng.beta(1.2, 3.0) * 100
    tint = rng.standard_normal(3)
    tint -= tint.mean()
    tint /= max(float(np.abs(tint).max()), 1e-6)
    return (grey + saturation * tint).clip(0, 255).astype(np.float32)


def _two_colour_texture(rng: np.random.Generator) -> UInt8Array:
    pattern = _PATTERNS[int(rng.integers(len(_PATTERNS)))](rng)
    if rng.random() < 0.5:
        grain = fractal_noise(rng, pattern.shape, float(rng.uniform(4, 60)), 0.7)
        pattern = pattern + float(rng.uniform(0.1, 0.8)) * (grain - 0.5)
    first = random_colour(rng)
    second = first + (random_colour(rng) - first) * float(rng.uniform(0.1, 0.9))
    return (first + pattern[..., None] * (second - first)).clip(0, 255).astype(np.uint8)


@lru_cache(maxsize=TEXTURES)
def bank_texture(number: int) -> UInt8Array:
    """Texture `number` of the bank, made when it is first asked for.

    Args:
        number: 0 to `TEXTURES` - 1; odd ones are cut from photographs, even ones procedural.

    Returns:
        (256, 256, 3) uint8.
    """
    rng = np.random.default_rng((_BANK_SEED, number))
    return crop_photograph(rng) if number % 2 else _two_colour_texture(rng)
