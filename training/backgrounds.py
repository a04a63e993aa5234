"""What lies behind the objects of a scene."""

from __future__ import annotations

import numpy as np

from training.painting import coverage, ramp, surface, window_around
from training.shapes import Polygon, place, polygon, simple_shape
from training.textures import FloatArray, fractal_noise, random_colour

_LITTERED_SHARE = 0.15


def paint_background(rng: np.random.Generator, size_px: int) -> FloatArray:
    """One surface, or several that meet at a horizon, at walls or in patches, perhaps littered.

    Returns:
        (S, S, 3) float32 in about [0, 255].
    """
    size = (size_px, size_px)
    canvas = _plane(rng, size_px)
    for _ in range(int(rng.choice([0, 0, 1, 1, 2, 3]))):
        edge = _horizon(rng, size_px) if rng.random() < 0.5 else _patch(rng, size_px)
        window = window_around([edge], size_px, 2)
        if window is not None:
            alpha = coverage(edge, window, float(rng.uniform(0, 3)))[..., None]
            region = canvas[window.slices]
            region += alpha * (_plane(rng, size_px)[window.slices] - region)
    if rng.random() < 0.3:
        clutter = fractal_noise(rng, size, float(rng.uniform(3, 30)), 0.8) - 0.5
        canvas *= 1 + float(rng.uniform(0.1, 0.8)) * clutter[..., None]
    if rng.random() < _LITTERED_SHARE:
        _litter(rng, canvas)
    return canvas


def _horizon(rng: np.random.Generator, size_px: int) -> Polygon:
    """Everything below a slightly tilted line."""
    level = float(rng.uniform(0.2, 0.8)) * size_px
    tilt = float(rng.normal(0, 0.1)) * size_px
    near, far = 2.0 * size_px, 3.0 * size_px
    return np.array([[-size_px, level - tilt], [near, level + tilt], [far, far], [-far, far]])


def _patch(rng: np.random.Generator, size_px: int) -> Polygon:
    centre = rng.uniform(0, size_px, 2)
    scale = rng.uniform(0.3, 1.2, 2) * size_px
    outline = polygon(rng, int(rng.integers(4, 7)))
    return place(outline, (centre[0], centre[1]), (scale[0], scale[1]))


def _plane(rng: np.random.Generator, size_px: int) -> FloatArray:
    size = (size_px, size_px)
    if rng.random() < 0.75:
        return surface(rng, size, zoom=float(rng.uniform(0.6, 1.5))).copy()
    colour, other = random_colour(rng), random_colour(rng)
    reach = float(rng.uniform(0, 0.6))
    return np.asarray(colour + ramp(rng, size)[..., None] * reach * (other - colour), np.float32)


def _litter(rng: np.random.Generator, canvas: FloatArray) -> None:
    """Strew small things that nobody asks for, as photographs of streets and rooms have."""
    size_px = canvas.shape[0]
    for _ in range(int(rng.integers(6, 30))):
        extent = np.exp(rng.uniform(np.log(2), np.log(24), 2))
        x, y = (float(value) for value in rng.uniform(0, size_px, 2))
        turn_rad = float(rng.uniform(0, np.pi))
        outline = place(simple_shape(rng), (x, y), (extent[0], extent[1]), turn_rad)
        window = window_around([outline], size_px, 2)
        if window is not None:
            alpha = coverage(outline, window, 0.5)[..., None] * float(rng.uniform(0.2, 1.0))
            region = canvas[window.slices]
            region += alpha * (random_colour(rng) - region)
