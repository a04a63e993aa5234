"""Outlines of simple shapes as polygons: the parts that objects are put together from.

All polygons are (N, 2) float64 arrays of (x, y), y pointing down, in a unit frame in which a shape
reaches about from -1 to 1. A hole is made by a path that runs around the outside, cuts in, and
runs back around the inside.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Polygon = npt.NDArray[np.float64]


def place(
    polygon: Polygon,
    centre: tuple[float, float],
    scale: tuple[float, float],
    turn_rad: float = 0.0,
) -> Polygon:
    """Scale per axis, turn clockwise on the screen, then move."""
    cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
    rotation = np.array([[cosine, sine], [-sine, cosine]])
    return np.asarray((polygon * np.array(scale)) @ rotation + np.array(centre))


def ellipse(points: int = 36) -> Polygon:
    """The unit circle."""
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def blob(rng: np.random.Generator, wobble: float = 0.35, harmonics: int = 5) -> Polygon:
    """A smooth closed contour: a circle whose radius has a few random harmonics."""
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(angle)
    for order in range(2, 2 + harmonics):
        amplitude = wobble * rng.standard_normal() / order
        radius = radius + amplitude * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
    radius = np.clip(radius, 0.25, None)
    outline = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return np.asarray(outline / np.abs(outline).max())


def polygon(rng: np.random.Generator, corners: int) -> Polygon:
    """A star-shaped polygon with straight sides and uneven corners."""
    angle = np.sort((np.arange(corners) + rng.uniform(-0.35, 0.35, corners)) * 2 * np.pi / corners)
    radius = rng.uniform(0.6, 1.0, corners)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def star(rng: np.random.Generator) -> Polygon:
    """A star or a flower-like outline."""
    spikes = int(rng.integers(4, 10))
    angle = np.arange(2 * spikes) * np.pi / spikes
    radius = np.where(np.arange(2 * spikes) % 2 == 0, 1.0, rng.uniform(0.35, 0.8))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def rounded_box(rng: np.random.Generator, roundness: float | None = None) -> Polygon:
    """A superellipse, from nearly a rectangle to nearly a circle."""
    exponent = 2 / (1 + 9 * (rng.random() if roundness is None else 1 - roundness))
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    cosine, sine = np.cos(angle), np.sin(angle)
    x = np.sign(cosine) * np.abs(cosine) ** exponent
    y = np.sign(sine) * np.abs(sine) ** exponent
    return np.stack([x, y], axis=1)


def trapezoid(rng: np.random.Generator, top: float | None = None) -> Polygon:
    """A box whose top is narrower than its bottom, leaning a little."""
    half = float(rng.uniform(0.3, 1.0)) if top is None else top
    lean = float(rng.uniform(-0.25, 0.25))
    return np.array([[-half + lean, -1], [half + lean, -1], [1, 1], [-1, 1]])


def ring(inner: float) -> Polygon:
    """A disc with a round hole of radius `inner`."""
    angle = np.linspace(0, 2 * np.pi, 41)
    outside = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([outside, inner * outside[::-1]])


def crescent(rng: np.random.Generator) -> Polygon:
    """A moon or banana."""
    angle = np.linspace(0, np.pi, 24)
    depth = float(rng.uniform(0.1, 0.7))
    outside = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    inside = np.stack([np.cos(angle[::-1]), depth * np.sin(angle[::-1])], axis=1)
    return np.asarray(np.concatenate([outside, inside]) - np.array([0, 0.5]))


def limb(path: Polygon, widths: npt.NDArray[np.float64]) -> Polygon:
    """A bar that follows `path` (K, 2) with the half widths (K,): legs, tails, cables, poles."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * widths[:, None]
    return np.concatenate([path + normal, (path - normal)[::-1]])


def curve(
    rng: np.random.Generator, start: tuple[float, float], end: tuple[float, float], bend: float
) -> Polygon:
    """A bent line of 16 points from start to end (a quadratic Bezier)."""
    first, last = np.array(start), np.array(end)
    across = np.array([-(last - first)[1], (last - first)[0]])
    middle = (first + last) / 2 + across * float(rng.uniform(-bend, bend))
    t = np.linspace(0, 1, 16)[:, None]
    return np.asarray((1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last)


def simple_shape(rng: np.random.Generator) -> Polygon:
    """One closed shape of a random kind."""
    kind = int(rng.integers(8))
    if kind == 0:
        return ellipse()
    if kind in (1, 2):
        return blob(rng, float(rng.uniform(0.1, 0.6)), int(rng.integers(2, 8)))
    if kind == 3:
        return polygon(rng, int(rng.integers(3, 9)))
    if kind == 4:
        return star(rng)
    if kind == 5:
        return trapezoid(rng)
    if kind == 6:
        return crescent(rng) if rng.random() < 0.5 else ring(float(rng.uniform(0.3, 0.85)))
    return rounded_box(rng)
