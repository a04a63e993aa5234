"""Other views of a scene, for training alone: nearer, and with the camera moving.

The product looks at small things in tiles of the image (``core.tiles``), enlarged and therefore
soft; and things or cameras move while a shutter is open. Held-out scenes are measured without it.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from training.prompts import bounding_box
from training.scenes import MIN_VISIBLE_PX, Scene
from training.textures import FloatArray, UInt8Array

_NEARER_SHARE = 0.5
_MOVING_SHARE = 0.15


def draw_view(rng: np.random.Generator, scene: Scene) -> Scene:
    """The scene as it is, or nearer, or in motion."""
    if rng.random() < _NEARER_SHARE:
        scene = _step_nearer(rng, scene)
    if rng.random() < _MOVING_SHARE:
        scene = Scene(_blur_motion(rng, scene.image), scene.objects)
    return scene


def _step_nearer(rng: np.random.Generator, scene: Scene) -> Scene:
    """A square part of the scene around one of its objects, enlarged; the scene if nothing is left.

    A part is at least so large that the object fills no more than about three quarters of it.
    """
    size_px = scene.image.shape[0]
    left, top, right, bottom = bounding_box(scene.objects[rng.integers(len(scene.objects))])
    extent = max(right - left, bottom - top)
    side = int(np.clip(extent * rng.uniform(1.3, 5), 0.25 * size_px, size_px))
    centre = np.array([left + right, top + bottom]) / 2 + rng.uniform(-0.2, 0.2, 2) * side
    x0, y0 = (centre - side / 2).round().astype(int).clip(0, size_px - side)
    part = (slice(y0, y0 + side), slice(x0, x0 + side))
    picture = Image.fromarray(np.ascontiguousarray(scene.image[part]))
    image = np.array(picture.resize((size_px, size_px), Image.Resampling.BILINEAR))
    # The nearest pixel keeps the masks disjoint.
    nearest = np.minimum(((np.arange(size_px) + 0.5) * side / size_px).astype(int), side - 1)
    objects = scene.objects[:, part[0], part[1]][:, nearest][:, :, nearest]
    objects = objects[objects.sum(axis=(1, 2)) >= MIN_VISIBLE_PX]
    return Scene(image, objects) if len(objects) else scene


def _blur_motion(rng: np.random.Generator, image: UInt8Array) -> UInt8Array:
    """The mean of copies along a short line."""
    length_px = float(rng.uniform(2, 7))
    angle = float(rng.uniform(0, np.pi))
    steps = np.linspace(-0.5, 0.5, 5) * length_px
    total: FloatArray = np.zeros(image.shape, np.float32)
    for step in steps:
        shift = (round(step * np.sin(angle)), round(step * np.cos(angle)))
        padded = np.pad(image, ((8, 8), (8, 8), (0, 0)), mode="edge")
        total += np.roll(padded, shift, axis=(0, 1))[8:-8, 8:-8]
    return np.asarray(total / len(steps), np.uint8)
