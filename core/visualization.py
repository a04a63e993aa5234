"""Pictures for people: the image with points, box and mask."""

import colorsys
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .prompt import POSITIVE, Prompt

Box = tuple[float, float, float, float]

_MASK_RGB = (30, 144, 255)
_OUTLINE_RGB = (255, 255, 255)
_BOX_RGB = (255, 200, 0)
_POSITIVE_RGB = (40, 200, 80)
_NEGATIVE_RGB = (230, 50, 50)
_MASK_OPACITY = 0.55
_MANY_MASKS_OPACITY = 0.4
# Steps of the golden ratio around the colour circle keep any number of hues apart.
_FIRST_HUE, _HUE_STEP = 0.58, 0.618034


def draw_overlay(
    rgb: NDArray[np.uint8], mask: NDArray[np.bool_], prompt: Prompt, caption: str = ""
) -> Image.Image:
    """Draw the mask with its outline, the box, and the points (green inside, red outside).

    Args:
        rgb: (H, W, 3) uint8.
        mask: (H, W) bool.
        prompt: in the pixels of ``rgb``.
        caption: one line for the top left corner.

    Returns:
        An RGB picture of the same size.
    """
    tint = Image.new("RGB", (rgb.shape[1], rgb.shape[0]), _MASK_RGB)
    alpha = Image.fromarray((mask * (255 * _MASK_OPACITY)).astype(np.uint8))
    picture = Image.composite(tint, Image.fromarray(rgb), alpha)
    line_px = max(2, round(max(rgb.shape[:2]) / 400))
    picture.paste(_OUTLINE_RGB, mask=_outline(mask, line_px))
    draw = ImageDraw.Draw(picture)
    if prompt.box is not None:
        draw.rectangle([*prompt.box], outline=_BOX_RGB, width=line_px)
    radius_px = 3 * line_px
    for (x, y), label in zip(prompt.points, prompt.labels, strict=True):
        fill = _POSITIVE_RGB if label == POSITIVE else _NEGATIVE_RGB
        around = [x - radius_px, y - radius_px, x + radius_px, y + radius_px]
        draw.ellipse(around, fill=fill, outline="white", width=max(1, line_px // 2))
    if caption:
        _write(draw, caption, size_px=max(14, round(max(rgb.shape[:2]) / 45)))
    return picture


def pick_colour(number: int) -> tuple[int, int, int]:
    """RGB of the mask of this number, from 0, in ``draw_masks``."""
    red, green, blue = colorsys.hsv_to_rgb((_FIRST_HUE + number * _HUE_STEP) % 1, 0.9, 1)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_masks(
    rgb: NDArray[np.uint8],
    masks: Iterable[NDArray[np.bool_]],
    caption: str = "",
    boxes: Iterable[Box] = (),
) -> Image.Image:
    """Draw many masks, each in a colour of its own with an outline, later ones on top.

    Args:
        rgb: (H, W, 3) uint8.
        masks: (H, W) bool each, taken one at a time; give the large ones first.
        caption: one line for the top left corner.
        boxes: (x0, y0, x1, y1) in pixels, drawn over the masks.

    Returns:
        An RGB picture of the same size.
    """
    picture = Image.fromarray(rgb)
    line_px = max(2, round(max(rgb.shape[:2]) / 400))
    for number, mask in enumerate(masks):
        _tint(picture, mask, pick_colour(number), line_px)
    draw = ImageDraw.Draw(picture)
    for box in boxes:
        draw.rectangle([*box], outline=_BOX_RGB, width=line_px)
    if caption:
        _write(draw, caption, size_px=max(14, round(max(rgb.shape[:2]) / 45)))
    return picture


def _tint(
    picture: Image.Image, mask: NDArray[np.bool_], colour: tuple[int, int, int], line_px: int
) -> None:
    """Draw one mask; works on its own rectangle alone, since many masks are small."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    top, left = max(0, rows[0] - line_px), max(0, columns[0] - line_px)
    part = mask[top : rows[-1] + 1 + line_px, left : columns[-1] + 1 + line_px]
    at = (int(left), int(top))
    alpha = Image.fromarray((part * (255 * _MANY_MASKS_OPACITY)).astype(np.uint8))
    picture.paste(colour, at, mask=alpha)
    picture.paste(colour, at, mask=_outline(part, line_px))


def _outline(mask: NDArray[np.bool_], line_px: int) -> Image.Image:
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    grown = image.filter(ImageFilter.MaxFilter(2 * (line_px // 2) + 1))
    return Image.fromarray(np.asarray(grown) & ~np.asarray(image))


def _write(draw: ImageDraw.ImageDraw, text: str, size_px: int) -> None:
    font = ImageFont.load_default(size_px)
    margin_px = size_px // 3
    _, _, right, bottom = draw.textbbox((margin_px, margin_px), text, font=font)
    draw.rectangle([0, 0, right + margin_px, bottom + margin_px], fill="black")
    draw.text((margin_px, margin_px), text, font=font, fill="white")
