"""Whole objects as stacks of parts: animals, people, vehicles, plants, cups, signs, plain shapes.

A part is a polygon and the number of the material it is painted with. Parts of one object touch,
may differ in colour, and count as one object in the truth: that is what a click should select.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from training.shapes import (
    Polygon,
    blob,
    curve,
    ellipse,
    limb,
    place,
    polygon,
    ring,
    rounded_box,
    simple_shape,
    trapezoid,
)


@dataclass(frozen=True)
class Part:
    """One polygon of an object, in the object's unit frame, and the material that fills it."""

    outline: Polygon
    material: int


def _bar(
    rng: np.random.Generator,
    start: tuple[float, float],
    end: tuple[float, float],
    width: tuple[float, float],
    bend: float = 0.2,
) -> Polygon:
    path = curve(rng, start, end, bend)
    widths = np.linspace(width[0], width[1], len(path), dtype=np.float64)
    return limb(path, widths)


def plain(rng: np.random.Generator) -> list[Part]:
    """A single shape, sometimes with a mark on it that belongs to it."""
    parts = [Part(simple_shape(rng), 0)]
    for _ in range(int(rng.choice([0, 0, 0, 1, 2, 4]))):
        centre = (float(rng.uniform(-0.4, 0.4)), float(rng.uniform(-0.4, 0.4)))
        scale = (float(rng.uniform(0.05, 0.35)), float(rng.uniform(0.05, 0.35)))
        parts.append(Part(place(simple_shape(rng), centre, scale, float(rng.uniform(0, 3))), 1))
    return parts


def cluster(rng: np.random.Generator) -> list[Part]:
    """Blobs grown onto each other: rocks, bushes, toys, food."""
    x, y = 0.0, 0.0
    parts = []
    for index in range(int(rng.integers(2, 7))):
        radius = float(rng.uniform(0.25, 0.65))
        size = (radius, radius * float(rng.uniform(0.5, 1.2)))
        outline = simple_shape(rng) if rng.random() < 0.4 else blob(rng, 0.3)
        turn = float(rng.uniform(0, 6.3))
        parts.append(Part(place(outline, (x, y), size, turn), index % 3))
        angle = float(rng.uniform(0, 2 * np.pi))
        x, y = x + 0.75 * radius * math.cos(angle), y + 0.75 * radius * math.sin(angle)
    return parts


def animal(rng: np.random.Generator) -> list[Part]:
    """A four-legged side view: body, legs, neck, head, ears, tail."""
    length, depth = float(rng.uniform(0.5, 0.75)), float(rng.uniform(0.2, 0.4))
    leg, far = float(rng.uniform(0.35, 0.9)), int(rng.choice([0, 1]))
    parts = []
    for index in range(4):
        x = (-0.85 + 0.25 * (index % 2) if index < 2 else 0.6 + 0.25 * (index % 2)) * length
        foot = (x + float(rng.uniform(-0.25, 0.25)), depth * 0.5 + leg)
        width = float(rng.uniform(0.04, 0.12))
        outline = _bar(rng, (x, 0.0), foot, (width * 1.6, width))
        parts.append(Part(outline, far if index % 2 else 0))
    tail = (-length - float(rng.uniform(0.1, 0.6)), float(rng.uniform(-0.6, 0.5)))
    parts.append(Part(_bar(rng, (-length * 0.9, -0.05), tail, (0.06, 0.03), 0.5), 0))
    parts.append(Part(place(blob(rng, 0.15), (0, 0), (length, depth)), 0))
    head = (length + float(rng.uniform(0.0, 0.35)), -depth - float(rng.uniform(0.0, 0.5)))
    parts.append(Part(_bar(rng, (length * 0.7, -0.05), head, (depth * 0.7, depth * 0.45)), 0))
    size = float(rng.uniform(0.14, 0.3))
    for shift in (-0.5, 0.4):
        ear = place(polygon(rng, 3), (head[0] + shift * size, head[1] - size), (0.09, 0.16))
        parts.append(Part(ear, int(rng.choice([0, 1]))))
    parts.append(Part(place(blob(rng, 0.2), head, (size * 1.2, size)), int(rng.choice([0, 0, 2]))))
    if rng.random() < 0.5:
        patch = (float(rng.uniform(-0.3, 0.3)) * length, float(rng.uniform(-0.3, 0.3)) * depth)
        parts.append(Part(place(blob(rng, 0.5), patch, (length * 0.4, depth * 0.5)), 1))
    return parts


def face(rng: np.random.Generator) -> list[Part]:
    """A head seen from the front, with ears or hair, on shoulders or alone."""
    parts = []
    if rng.random() < 0.6:
        shoulders = place(trapezoid(rng, 0.45), (0, 1.0), (float(rng.uniform(0.7, 1.2)), 0.5))
        parts += [Part(shoulders, 2), Part(_bar(rng, (0, 0.3), (0, 0.8), (0.2, 0.25), 0), 0)]
    wide = float(rng.uniform(0.4, 0.55))
    if rng.random() < 0.5:
        parts.append(Part(place(blob(rng, 0.3), (0, -0.25), (wide * 1.3, 0.65)), 1))
    else:
        for side in (-1, 1):
            ear = place(polygon(rng, 3), (side * wide * 0.8, -0.65), (0.2, 0.35))
            parts.append(Part(ear, int(rng.choice([0, 1]))))
    parts.append(Part(place(blob(rng, 0.1), (0, -0.1), (wide, 0.58)), 0))
    for side in (-1, 1):
        parts.append(Part(place(ellipse(12), (side * wide * 0.4, -0.2), (0.08, 0.05)), 3))
    parts.append(Part(place(ellipse(12), (0, 0.2), (0.14, 0.05)), 1))
    return parts


def person(rng: np.random.Generator) -> list[Part]:
    """A standing or walking person: legs, torso, arms, head, hair, sometimes a bag."""
    wide = float(rng.uniform(0.16, 0.28))
    parts = []
    for side in (-1, 1):
        foot = (side * float(rng.uniform(0.02, 0.35)), 1.0)
        hip = (side * wide * 0.45, 0.15)
        parts.append(Part(_bar(rng, hip, foot, (wide * 0.5, wide * 0.3), 0.12), 1))
        shoe = place(ellipse(12), (foot[0] + 0.04, 1.0), (0.1, 0.05))
        parts.append(Part(shoe, 3))
    parts.append(Part(place(rounded_box(rng, 0.6), (0, -0.2), (wide, 0.42)), 0))
    for side in (-1, 1):
        hand = (side * float(rng.uniform(0.15, 0.6)), float(rng.uniform(-0.5, 0.2)))
        arm = _bar(rng, (side * wide * 0.85, -0.5), hand, (0.08, 0.05), 0.4)
        parts.append(Part(arm, int(rng.choice([0, 2]))))
    if rng.random() < 0.25:
        bag = (float(rng.choice([-1, 1])) * wide, 0.0)
        parts.append(Part(place(rounded_box(rng), bag, (0.16, 0.25)), 3))
    parts.append(Part(place(ellipse(20), (0, -0.8), (0.12, 0.17)), 2))
    parts.append(Part(place(blob(rng, 0.2), (0, -0.88), (0.13, 0.11)), 3))
    return parts


def vehicle(rng: np.random.Generator) -> list[Part]:
    """A car, van, bus or bicycle-like thing from the side, or a car from behind."""
    style = int(rng.integers(3))
    if style == 2:
        return _two_wheeler(rng)
    parts = []
    if style == 0:
        cabin, hood = float(rng.uniform(0.25, 0.5)), float(rng.uniform(0.22, 0.4))
        parts.append(Part(place(trapezoid(rng, 0.7), (0, -cabin), (0.62, cabin * 0.7)), 0))
        parts.append(Part(place(trapezoid(rng, 0.7), (0, -cabin), (0.52, cabin * 0.5)), 1))
        parts.append(Part(place(rounded_box(rng, 0.2), (0, hood * 0.5), (1.0, hood)), 0))
        wheels = [(-0.6, hood * 1.3), (0.6, hood * 1.3)]
    else:
        wide, tall = float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.4, 0.7))
        parts.append(Part(place(rounded_box(rng, 0.15), (0, 0), (wide, tall)), 0))
        window = place(rounded_box(rng, 0.1), (0, -tall * 0.45), (wide * 0.8, tall * 0.3))
        parts.append(Part(window, 1))
        lights = [(-wide * 0.75, tall * 0.4), (wide * 0.75, tall * 0.4)]
        parts += [Part(place(rounded_box(rng), at, (0.1, 0.08)), 3) for at in lights]
        wheels = [(-wide * 0.65, tall), (wide * 0.65, tall)]
    size = float(rng.uniform(0.14, 0.24))
    for at in wheels:
        parts.append(Part(place(ellipse(20), at, (size, size)), 2))
        parts.append(Part(place(ellipse(12), at, (size * 0.5, size * 0.5)), 3))
    return parts


def _two_wheeler(rng: np.random.Generator) -> list[Part]:
    radius = float(rng.uniform(0.3, 0.45))
    inner = float(rng.choice([0.3, rng.uniform(0.6, 0.9)]))
    parts = [Part(place(ring(inner), (x, 0.5), (radius, radius)), 2) for x in (-0.6, 0.6)]
    joints = [(-0.6, 0.5), (-0.15, 0.45), (0.4, -0.1), (-0.3, -0.1), (0.6, 0.5), (0.35, -0.4)]
    for first, second in ((0, 1), (1, 2), (1, 3), (0, 3), (2, 3), (2, 4), (2, 5)):
        width = float(rng.uniform(0.03, 0.1))
        parts.append(Part(_bar(rng, joints[first], joints[second], (width, width), 0), 0))
    parts.append(Part(place(blob(rng), (0.05, 0.1), (0.35, 0.3)), int(rng.choice([0, 1]))))
    parts.append(Part(place(rounded_box(rng, 0.5), (-0.3, -0.15), (0.22, 0.08)), 3))
    return parts


def plant(rng: np.random.Generator) -> list[Part]:
    """A trunk or stem with a crown or leaves, sometimes in a pot."""
    width = float(rng.uniform(0.04, 0.15))
    parts = [Part(_bar(rng, (0, -0.2), (float(rng.uniform(-0.1, 0.1)), 1.0), (width, width)), 1)]
    for _ in range(int(rng.integers(1, 7))):
        centre = (float(rng.uniform(-0.45, 0.45)), float(rng.uniform(-0.7, 0.0)))
        size = (float(rng.uniform(0.25, 0.55)), float(rng.uniform(0.2, 0.45)))
        parts.append(Part(place(blob(rng, 0.6, 9), centre, size), int(rng.choice([0, 0, 2]))))
    if rng.random() < 0.4:
        parts.append(Part(place(trapezoid(rng, 1.0), (0, 0.85), (0.35, -0.25)), 3))
    return parts


def vessel(rng: np.random.Generator) -> list[Part]:
    """A cup, bottle, vase or plate: a symmetric profile, a rim, perhaps a handle."""
    heights = np.linspace(-1, 1, 7)
    widths = np.clip(rng.uniform(0.3, 0.8) + 0.2 * rng.standard_normal(7).cumsum(), 0.15, 0.9)
    smooth_y = np.linspace(-1, 1, 24)
    smooth_w = np.interp(smooth_y, heights, np.convolve(widths, [0.25, 0.5, 0.25], "same"))
    path = np.stack([np.zeros(24), smooth_y], axis=1)
    parts = []
    if rng.random() < 0.5:
        side = float(rng.choice([-1, 1])) * float(smooth_w[10]) * 1.05
        size = (float(rng.uniform(0.2, 0.4)), float(rng.uniform(0.3, 0.6)))
        parts.append(Part(place(ring(float(rng.uniform(0.5, 0.8))), (side, -0.1), size), 0))
    parts.append(Part(limb(path, smooth_w), 0))
    tilt = float(rng.uniform(0.05, 0.3))
    parts.append(Part(place(ellipse(), (0, -1), (float(smooth_w[0]), tilt)), 0))
    parts.append(Part(place(ellipse(), (0, -1), (float(smooth_w[0]) * 0.9, tilt * 0.8)), 1))
    if rng.random() < 0.5:
        band = place(rounded_box(rng, 0.1), (0, 0.1), (float(smooth_w[12]) * 0.9, 0.25))
        parts.append(Part(band, 2))
    return parts


def sign(rng: np.random.Generator) -> list[Part]:
    """A board or disc with a symbol, sometimes on a pole."""
    parts = []
    if rng.random() < 0.5:
        parts.append(Part(_bar(rng, (0, -0.5), (0, 1.0), (0.05, 0.05), 0), 3))
    board = simple_shape(rng) if rng.random() < 0.3 else rounded_box(rng)
    parts.append(Part(place(board, (0, -0.4), (0.6, 0.6)), 0))
    if rng.random() < 0.6:
        parts.append(Part(place(board, (0, -0.4), (0.5, 0.5)), 1))
    for _ in range(int(rng.integers(0, 4))):
        centre = (float(rng.uniform(-0.25, 0.25)), -0.4 + float(rng.uniform(-0.25, 0.25)))
        parts.append(Part(place(simple_shape(rng), centre, (0.15, 0.08)), 2))
    return parts


def cable(rng: np.random.Generator) -> list[Part]:
    """A long thin bent thing: rope, branch, pole, pencil, snake."""
    ends = [(-1.0, float(rng.uniform(-0.6, 0.6))), (1.0, float(rng.uniform(-0.6, 0.6)))]
    width = float(rng.uniform(0.04, 0.2))
    return [Part(_bar(rng, ends[0], ends[1], (width, width * rng.uniform(0.3, 1)), 0.8), 0)]


FIGURES: tuple[tuple[Callable[[np.random.Generator], list[Part]], float], ...] = (
    (plain, 5.0),
    (cluster, 2.5),
    (animal, 2.5),
    (face, 1.5),
    (person, 2.5),
    (vehicle, 2.5),
    (plant, 1.0),
    (vessel, 1.5),
    (sign, 1.5),
    (cable, 0.7),
)


def random_figure(rng: np.random.Generator) -> list[Part]:
    """Draw the parts of one object of a random kind, in drawing order."""
    weights = np.array([weight for _, weight in FIGURES])
    build, _ = FIGURES[int(rng.choice(len(FIGURES), p=weights / weights.sum()))]
    return build(rng)
