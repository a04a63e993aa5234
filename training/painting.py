"""Paint one object onto a canvas: antialiased coverage, fills, shading, outline and shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from training.figures import Part
from training.shapes import Polygon
from training.textures import TEXTURE_SIZE_PX, TEXTURES, FloatArray, bank_texture, random_colour

_OVERSAMPLING = 3


@dataclass(frozen=True)
class Window:
    """The rectangle of the canvas that an object can touch, in pixels, ends excluded."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of this rectangle in an (H, W) array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Index of this rectangle in an array of the rectangle `outer` that contains it."""
        return (
            slice(self.top - outer.top, self.bottom - outer.top),
            slice(self.left - outer.left, self.right - outer.left),
        )


def window_around(outlines: list[Polygon], canvas_px: int, margin_px: int) -> Window | None:
    """The part of a square canvas that the outlines reach, or None when they are off it."""
    points = np.concatenate(outlines)
    low = np.floor(points.min(axis=0)).astype(int) - margin_px
    high = np.ceil(points.max(axis=0)).astype(int) + margin_px + 1
    left, top = (max(0, int(value)) for value in low)
    right, bottom = (min(canvas_px, int(value)) for value in high)
    return Window(left, top, right, bottom) if right > left and bottom > top else None


def coverage(outline: Polygon, window: Window, softness_px: float = 0.0) -> FloatArray:
    """How much of each pixel of the window a polygon covers, (h, w) float32 in [0, 1].

    Args:
        outline: (N, 2) polygon in canvas pixels, (x, y), pixel corners at whole numbers.
        window: where to draw.
        softness_px: blur of the edge, as a lens out of focus makes it.
    """
    height, width = window.size
    picture = Image.new("L", (width * _OVERSAMPLING, height * _OVERSAMPLING))
    corners = (outline - np.array([window.left, window.top])) * _OVERSAMPLING - 0.5
    ImageDraw.Draw(picture).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    picture = picture.reduce(_OVERSAMPLING)
    if softness_px > 0.05:
        picture = picture.filter(ImageFilter.GaussianBlur(softness_px))
    return np.asarray(np.asarray(picture) / 255, np.float32)


def surface(rng: np.random.Generator, size: tuple[int, int], zoom: float = 1.0) -> FloatArray:
    """A random piece of texture of (height, width) pixels, recoloured; (h, w, 3) in [0, 255]."""
    texture = bank_texture(int(rng.integers(TEXTURES)))
    height, width = size
    side = zoom * float(rng.uniform(0.3, 1.0)) * TEXTURE_SIZE_PX / max(height, width, 48)
    tall = int(np.clip(height * side, 8, TEXTURE_SIZE_PX))
    wide = int(np.clip(width * side, 8, TEXTURE_SIZE_PX))
    top = int(rng.integers(0, TEXTURE_SIZE_PX - tall + 1))
    left = int(rng.integers(0, TEXTURE_SIZE_PX - wide + 1))
    crop = Image.fromarray(texture[top : top + tall, left : left + wide])
    pixels = np.asarray(crop.resize((width, height), Image.Resampling.BILINEAR), dtype=np.float32)
    return _recolour(rng, pixels)


def _recolour(rng: np.random.Generator, pixels: FloatArray) -> FloatArray:
    """Keep the texture's own colours, or carry only its detail over to a random colour."""
    if rng.random() < 0.35:
        return pixels * float(rng.uniform(0.7, 1.25))
    mean = pixels.mean(axis=(0, 1))
    detail = pixels - mean
    if rng.random() < 0.5:
        detail = detail.mean(axis=2, keepdims=True)
    return np.asarray(random_colour(rng) + detail * float(rng.uniform(0.15, 1.2)), np.float32)


def fill(rng: np.random.Generator, size: tuple[int, int]) -> FloatArray:
    """What one material looks like: flat, graded or textured; (h, w, 3) in about [0, 255]."""
    choice = rng.random()
    if choice < 0.55:
        return surface(rng, size)
    colour = random_colour(rng)
    if choice < 0.75:
        return np.broadcast_to(colour, (*size, 3)).astype(np.float32)
    other = colour + (random_colour(rng) - colour) * float(rng.uniform(0.2, 0.7))
    return np.asarray(colour + ramp(rng, size)[..., None] * (other - colour), np.float32)


def ramp(rng: np.random.Generator, size: tuple[int, ...]) -> FloatArray:
    """A linear gradient in a random direction, (h, w) in [0, 1]."""
    angle = rng.uniform(0, 2 * np.pi)
    y = np.linspace(-0.5, 0.5, size[0], dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, size[1], dtype=np.float32)[None, :]
    return np.asarray(0.5 + (x * np.cos(angle) + y * np.sin(angle)) / 1.5, np.float32)


def _palette(rng: np.random.Generator, size: tuple[int, int], count: int) -> list[FloatArray]:
    """Materials of one object: shades of the first one, or a look of their own."""
    first = fill(rng, size)
    materials = [first]
    related = rng.random() < 0.5
    for _ in range(count - 1):
        if related:
            gain = float(rng.uniform(0.55, 1.35))
            materials.append(first * gain + float(rng.uniform(-20, 20)))
        else:
            materials.append(fill(rng, size))
    return materials


def _shade(rng: np.random.Generator, alpha: FloatArray, picture: FloatArray) -> FloatArray:
    """Light the object: a gradient from one side, and a darker rim as round things have."""
    if rng.random() < 0.6:
        strength = float(rng.uniform(0.1, 0.7))
        light = 1 + strength * (ramp(rng, alpha.shape) - 0.5)
        picture = np.asarray(picture * light[..., None], np.float32)
    if rng.random() < 0.5:
        extent = max(2.0, float(np.sqrt(alpha.sum())) * float(rng.uniform(0.08, 0.3)))
        depth = _blur(alpha, extent)
        rim = float(rng.uniform(-0.3, 0.6))
        picture = picture * (1 + rim * (depth - 0.75))[..., None]
    return picture


def _blur(alpha: FloatArray, radius_px: float) -> FloatArray:
    picture = Image.fromarray((alpha * 255).astype(np.uint8))
    blurred = picture.filter(ImageFilter.GaussianBlur(radius_px))
    return np.asarray(np.asarray(blurred) / 255, np.float32)


def _cast_shadow(
    rng: np.random.Generator, canvas: FloatArray, alpha: FloatArray, window: Window
) -> None:
    """Darken what lies under a shifted, blurred copy of the object."""
    reach = max(2.0, 0.12 * float(np.sqrt(alpha.sum())))
    soft = _blur(alpha, float(rng.uniform(0.3, 1.0)) * reach)
    shift = rng.uniform(-reach, reach, 2).round().astype(int)
    moved = np.roll(soft, (int(shift[0]), int(shift[1])), axis=(0, 1))
    region = canvas[window.slices]
    region *= 1 - float(rng.uniform(0.2, 0.7)) * moved[..., None]


def _composite(
    rng: np.random.Generator,
    parts: list[Part],
    window: Window,
    canvas_px: int,
    softness_px: float,
) -> tuple[FloatArray, FloatArray]:
    """Stack the parts; returns (h, w, 3) colours and (h, w) coverage of the whole object."""
    count = 1 + max(part.material for part in parts)
    materials = _palette(rng, window.size, count)
    picture = materials[parts[0].material].copy()
    union = np.zeros(window.size, np.float32)
    outlined = rng.random() < 0.2
    for part in parts:
        inside = window_around([part.outline], canvas_px, 3 + round(2 * softness_px))
        if inside is None:
            continue
        alpha = coverage(part.outline, inside, softness_px)
        here = inside.within(window)
        region = picture[here]
        region += alpha[..., None] * (materials[part.material][here] - region)
        if outlined and len(parts) > 1:
            edge = 4 * alpha * (1 - alpha)
            region *= 1 - 0.5 * edge[..., None]
        np.maximum(union[here], alpha, out=union[here])
    return picture, union


def paint(
    rng: np.random.Generator, canvas: FloatArray, parts: list[Part], softness_px: float
) -> tuple[Window, npt.NDArray[np.bool_]] | None:
    """Draw an object in place.

    Args:
        rng: source of every choice.
        canvas: (S, S, 3) float32 picture in [0, 255], changed in place.
        parts: outlines in canvas pixels.
        softness_px: blur of the edges.

    Returns:
        The window touched and which of its pixels the object covers by at least half, or None
        when it lies off the canvas.
    """
    margin_px = 3 + round(2 * softness_px)
    window = window_around([part.outline for part in parts], canvas.shape[0], margin_px)
    if window is None:
        return None
    picture, alpha = _composite(rng, parts, window, canvas.shape[0], softness_px)
    picture = _shade(rng, alpha, picture)
    if rng.random() < 0.15:
        band = alpha * (1 - _blur(alpha, float(rng.uniform(0.6, 1.6)))) * 3
        picture += band.clip(0, 1)[..., None] * (random_colour(rng) - picture)
    if rng.random() < 0.35:
        _cast_shadow(rng, canvas, alpha, window)
    region = canvas[window.slices]
    region += alpha[..., None] * (picture - region)
    return window, alpha >= 0.5
