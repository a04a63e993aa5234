"""Two made looks of projects: one that models of everyday things misread, and one that they read.

``cells`` are pale bodies with a dark nucleus, as under a microscope: annotators mean the cell, and
a model that goes by contrast takes the nucleus. ``shapes`` are bold shapes on a plain ground, which
leave nothing to learn.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.painting import Window, coverage
from training.shapes import Polygon, blob, place, simple_shape
from training.textures import fractal_noise

SIDE_PX = 256
OBJECTS = 5
_TRIES = 200

Picture = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""(S, S, 3) uint8, and (N, S, S) bool of its objects, disjoint."""


def draw_cells(number: int) -> Picture:
    """Picture number so-and-so of the look ``cells``."""
    rng = np.random.default_rng((number, 1))
    ground = np.array([226, 205, 222]) + rng.uniform(-8, 8, 3)
    grain = fractal_noise(rng, (SIDE_PX, SIDE_PX), 8, 0.7) - 0.5
    canvas = ground * (1 + 0.10 * grain[..., None])
    masks = []
    for centre, radius_px, outline in _place_apart(rng, blob, (0.09, 0.16)):
        body = _cover(outline, 1.0)
        canvas += 0.75 * body * (ground * rng.uniform(0.90, 0.95) + (0, -8, 4) - canvas)
        canvas -= 24 * body * (1 - body)
        nucleus_px = radius_px * float(rng.uniform(0.3, 0.45))
        middle = centre + rng.uniform(-0.2, 0.2, 2) * radius_px
        nucleus = place(blob(rng, 0.15), (middle[0], middle[1]), (nucleus_px, nucleus_px))
        colour = np.array([88, 58, 130]) + rng.uniform(-15, 15, 3)
        canvas += _cover(nucleus, 0.8) * (colour - canvas)
        masks.append(body[..., 0] >= 0.5)
    canvas += rng.normal(0, 4, canvas.shape)
    return canvas.clip(0, 255).astype(np.uint8), np.stack(masks)


def draw_shapes(number: int) -> Picture:
    """Picture number so-and-so of the look ``shapes``."""
    rng = np.random.default_rng((number, 2))
    canvas = np.full((SIDE_PX, SIDE_PX, 3), rng.uniform(200, 245, 3))
    masks = []
    for _, _, outline in _place_apart(rng, simple_shape, (0.12, 0.2)):
        body = _cover(outline, 0.5)
        canvas += body * (rng.uniform(20, 110, 3) - canvas)
        masks.append(body[..., 0] >= 0.5)
    canvas += rng.normal(0, 3, canvas.shape)
    return canvas.clip(0, 255).astype(np.uint8), np.stack(masks)


def _place_apart(
    rng: np.random.Generator,
    draw_outline: Callable[[np.random.Generator], Polygon],
    radius: tuple[float, float],
) -> list[tuple[NDArray[np.float64], float, Polygon]]:
    """Up to five outlines that do not touch: centre, radius and outline of each, pixels."""
    taken = np.zeros((SIDE_PX, SIDE_PX), bool)
    placed: list[tuple[NDArray[np.float64], float, Polygon]] = []
    for _ in range(_TRIES):
        radius_px = float(rng.uniform(*radius)) * SIDE_PX
        centre = rng.uniform(0.8 * radius_px, SIDE_PX - 0.8 * radius_px, 2)
        scale = (radius_px * float(rng.uniform(0.85, 1.15)), radius_px)
        turn_rad = float(rng.uniform(0, 2 * np.pi))
        outline = place(draw_outline(rng), (centre[0], centre[1]), scale, turn_rad)
        mask = _cover(outline, 2.0)[..., 0] > 0
        if mask.any() and not (mask & taken).any():
            taken |= mask
            placed.append((centre, radius_px, outline))
        if len(placed) == OBJECTS:
            break
    return placed


def _cover(outline: Polygon, softness_px: float) -> NDArray[np.float32]:
    """(S, S, 1), how much of each pixel the outline covers."""
    return coverage(outline, Window(0, 0, SIDE_PX, SIDE_PX), softness_px)[..., None]
