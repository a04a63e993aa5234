"""Endless random pictures whose instance masks are known exactly.

A scene is painted back to front: a background of one or more surfaces, then objects that may
overlap, then what a camera does to the picture (light, blur, noise, compression). The same
`(seed, index)` always gives the same scene.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from training.backgrounds import paint_background
from training.figures import Part, random_figure
from training.painting import paint, ramp
from training.shapes import place
from training.textures import FloatArray, UInt8Array, smooth_noise

BoolArray = npt.NDArray[np.bool_]

MIN_VISIBLE_PX = 24
MIN_VISIBLE_FRACTION = 0.3


@dataclass(frozen=True)
class Scene:
    """A picture and the visible pixels of each of its objects.

    Attributes:
        image: (S, S, 3) uint8.
        objects: (N, S, S) bool, disjoint, back to front.
    """

    image: UInt8Array
    objects: BoolArray


def make_scene(seed: int, index: int, size_px: int = 256) -> Scene:
    """Paint the scene number `index` of the stream `seed`."""
    rng = np.random.default_rng((seed, index))
    while True:
        scene = _compose(rng, size_px)
        if len(scene.objects):
            return scene


def _compose(rng: np.random.Generator, size_px: int) -> Scene:
    canvas = paint_background(rng, size_px)
    owner = np.zeros((size_px, size_px), np.int16)
    softness_px = float(rng.choice([0.0, rng.uniform(0.2, 0.8), rng.uniform(0.5, 2.0)]))
    sizes_px = _object_sizes(rng, size_px)
    areas = {}
    for number, extent_px in enumerate(sizes_px, start=1):
        parts = _placed_figure(rng, size_px, extent_px)
        painted = paint(rng, canvas, parts, min(softness_px, extent_px / 20))
        if painted is not None:
            window, mask = painted
            owner[window.slices][mask] = number
            areas[number] = int(mask.sum())
    return Scene(_develop(rng, canvas), _visible(owner, areas))


def _visible(owner: npt.NDArray[np.int16], areas: dict[int, int]) -> BoolArray:
    """Masks of the objects of which enough can be seen, (N, S, S)."""
    seen = np.bincount(owner.ravel(), minlength=1 + max(areas, default=0))
    kept = [
        number
        for number, area in areas.items()
        if seen[number] >= max(MIN_VISIBLE_PX, MIN_VISIBLE_FRACTION * area)
    ]
    masks = [owner == number for number in kept]
    return np.stack(masks) if masks else np.zeros((0, *owner.shape), np.bool_)


def _object_sizes(rng: np.random.Generator, size_px: int) -> list[float]:
    """Long sides in pixels, larger first, from about 8 px to more than the frame."""
    count = int(rng.integers(1, 13))
    largest = 1.3 if count < 5 else 0.8
    relative = np.exp(rng.uniform(np.log(0.035), np.log(largest), count))
    if rng.random() < 0.5:
        relative[0] = rng.uniform(0.4, largest)
    order = np.sort(relative)[::-1] if rng.random() < 0.7 else relative
    return [float(value) * size_px for value in order]


def _placed_figure(rng: np.random.Generator, size_px: int, extent_px: float) -> list[Part]:
    """A random object scaled to `extent_px`, turned a little and put somewhere in the frame."""
    parts = random_figure(rng)
    turn_rad = float(rng.normal(0, 0.25) if rng.random() < 0.8 else rng.uniform(0, 2 * np.pi))
    stretch = float(np.exp(rng.normal(0, 0.25)))
    mirror = float(rng.choice([-1, 1]))
    scales = (mirror * stretch, 1 / stretch)
    turned = [place(part.outline, (0, 0), scales, turn_rad) for part in parts]
    points = np.concatenate(turned)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = extent_px / float((high - low).max())
    reach = min(0.5, 0.35 * extent_px / size_px)
    centre = rng.uniform(reach, 1 - reach, 2) * size_px
    origin = centre - scale * (low + high) / 2
    return [
        Part(outline * scale + origin, part.material)
        for outline, part in zip(turned, parts, strict=True)
    ]


def _develop(rng: np.random.Generator, canvas: FloatArray) -> UInt8Array:
    """What light and camera do: uneven light, contrast, tint, blur, noise, compression."""
    size = canvas.shape[:2]
    if rng.random() < 0.5:
        light = smooth_noise(rng, size, (3, 3)) if rng.random() < 0.5 else ramp(rng, size)
        canvas = canvas * (1 + float(rng.uniform(0.1, 0.9)) * (light - 0.5))[..., None]
    contrast = float(rng.uniform(0.35, 1.15) if rng.random() < 0.4 else 1.0)
    if rng.random() < 0.15:
        canvas = canvas * float(rng.uniform(0.3, 0.8))
    middle = float(rng.uniform(80, 170))
    canvas = (canvas - middle) * contrast + middle
    if rng.random() < 0.4:
        canvas = canvas * rng.uniform(0.8, 1.15, 3).astype(np.float32)
    if rng.random() < 0.08:
        canvas = np.repeat(canvas.mean(axis=2, keepdims=True), 3, axis=2)
    picture = Image.fromarray(canvas.clip(0, 255).astype(np.uint8))
    if rng.random() < 0.35:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.3))))
    if rng.random() < 0.5:
        picture = _add_noise(rng, picture)
    return _compress(rng, picture)


def _add_noise(rng: np.random.Generator, picture: Image.Image) -> Image.Image:
    pixels = np.asarray(picture, dtype=np.float32)
    level = float(rng.exponential(5.0)) + 1.0
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * min(level, 20.0)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def _compress(rng: np.random.Generator, picture: Image.Image) -> UInt8Array:
    if rng.random() < 0.5:
        packed = io.BytesIO()
        picture.save(packed, "JPEG", quality=int(rng.integers(30, 95)))
        picture = Image.open(packed)
    return np.array(picture)
