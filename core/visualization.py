"""Pictures for people: the image with points, box and mask."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .prompt import POSITIVE, Prompt

_MASK_RGB = (30, 144, 255)
_OUTLINE_RGB = (255, 255, 255)
_BOX_RGB = (255, 200, 0)
_POSITIVE_RGB = (40, 200, 80)
_NEGATIVE_RGB = (230, 50, 50)
_MASK_OPACITY = 0.55


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
