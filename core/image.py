"""Image bytes in, an RGB array out, the way a browser would show it."""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import ImageError

MAX_PIXELS = 200_000_000
"""Largest image read unless a caller says otherwise; 200 megapixels are 600 MB as RGB."""

_UINT16_TO_UINT8 = 257


def read_image(source: bytes | str | Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read an image: EXIF orientation applied, first frame, transparency over white.

    Args:
        source: the file's content, or its path.
        max_pixels: refuse anything larger before decoding it.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: there is no such file, it is not an image, it is cut off, or it is too large.
    """
    content = source if isinstance(source, bytes) else _read_file(Path(source))
    if not content:
        raise ImageError("the image has zero bytes; upload it again")
    try:
        with warnings.catch_warnings():
            # The limit is ours, checked below before anything is decoded.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                _check_size(image, max_pixels)
                return np.asarray(_to_rgb(ImageOps.exif_transpose(image)))
    except UnidentifiedImageError as error:
        raise ImageError(
            f"not an image that can be read: {len(content)} bytes starting {content[:12]!r}; "
            "JPEG, PNG, WebP, TIFF, BMP and GIF are"
        ) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"the image is too large: {error}") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise ImageError(f"the image is damaged ({error}); upload it again") from error


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read the image {path}: {error.strerror}") from error


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width_px, height_px = image.size
    if width_px * height_px > max_pixels:
        raise ImageError(
            f"the image is {width_px}×{height_px}, more than the limit of {max_pixels:,} pixels"
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow would clip 16-bit gray to white; a browser scales it.
        gray = np.asarray(image) // _UINT16_TO_UINT8
        return Image.fromarray(gray.astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        background = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(background, rgba).convert("RGB")
    return image.convert("RGB")
