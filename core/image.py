"""Image bytes in, an RGB array out, the way a browser would show it."""

import io
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    ExifTags,
    Image,
    ImageOps,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from .errors import ImageError, ImageTooLarge
from .jpeg import decode_jpeg
from .memory import memory_errors_translated

MAX_PIXELS = 200_000_000
"""Largest image read unless a caller says otherwise; 200 megapixels are 600 MB as RGB."""

# What browsers show, TIFF and PPM. Pillow reads 30 more, EPS by running Ghostscript on it; it would
# import all of them with the first image, for 70 ms, if it did not know one of these.
_PLUGINS = (AvifImagePlugin, TiffImagePlugin, WebPImagePlugin)
_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")
_JPEG_FORMATS = ("JPEG", "MPO")  # MPO: several in one file, as phones write them
_LYING_ORIENTATIONS = (5, 6, 7, 8)
_UINT16_TO_UINT8 = 257
# First bytes of what is met in the place of an image, the longest first.
_FOREIGN = {
    b"<!doctype html": "a web page (a login page?)",
    b"<html": "a web page (a login page?)",
    b"<svg": "an SVG drawing, which has no pixels (export it as PNG)",
    b"<?xml": "XML, perhaps an SVG drawing, which has no pixels (export it as PNG)",
    b"%pdf": "a PDF (export its page as PNG)",
    b"%!ps": "PostScript (export it as PNG)",
    b"pk": "a zip archive",
    b"\x1f\x8b": "compressed with gzip",
    b"{": "JSON",
    b"[": "JSON",
}
_HEIC_BRAND = slice(4, 12)
_HEIC_BRANDS = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc")

# Of eight decoders; each was met when damaged files were read by the ten thousand, or is its like.
_DECODER_ERRORS = (
    OSError, ValueError, SyntaxError, EOFError, RuntimeError, LookupError, TypeError,
    ArithmeticError, struct.error,
)  # fmt: skip

_opening = threading.Lock()


def read_image(source: bytes | str | Path, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Read an image: EXIF orientation applied, first frame, transparency over white.

    Args:
        source: the file's content, or its path.
        max_pixels: refuse anything larger before decoding it.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageTooLarge: it has more pixels.
        OutOfMemory: this machine cannot hold it.
        ImageError: there is no such file, it is not an image, or it is cut off.
    """
    content = source if isinstance(source, bytes) else _read_file(Path(source))
    with _open(content) as image, memory_errors_translated("read the image"):
        _check_size(image, max_pixels)
        return _read_pixels(image, content)


def find_image_size(content: bytes) -> tuple[int, int]:
    """(height, width) of what ``read_image`` makes of an image, from the file's header alone.

    Args:
        content: the file's.

    Raises:
        ImageError: it is not an image; one that is damaged further on has a size.
    """
    with _open(content) as image:
        width_px, height_px = image.size
        # A TIFF's size is that of the image turned upright.
        is_turned = image.format != "TIFF" and _find_orientation(image) in _LYING_ORIENTATIONS
        return (width_px, height_px) if is_turned else (height_px, width_px)


def _read_pixels(image: Image.Image, content: bytes) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of an opened image."""
    if image.format in _JPEG_FORMATS and image.mode in ("RGB", "L"):
        try:
            return decode_jpeg(content, _find_orientation(image))
        except ValueError:  # Pillow reads more, and says what is wrong with the rest
            pass
    ImageOps.exif_transpose(image, in_place=True)
    return np.asarray(_to_rgb(image))


def _find_orientation(image: Image.Image) -> int:
    """1 to 8 of its EXIF or XMP data; 1, which is upright, where they say nothing."""
    orientation: int = image.getexif().get(ExifTags.Base.Orientation, 1)
    return orientation


@contextmanager
def _open(content: bytes) -> Iterator[Image.Image]:
    """Read an image's header, and say what is wrong with the image, also in the body.

    Raises:
        ImageError: it is not an image, or damaged.
    """
    if not content:
        raise ImageError("the image has zero bytes; upload it again")
    try:
        with _open_header(content) as image:
            yield image
    except UnidentifiedImageError as error:
        raise ImageError(
            f"not an image that can be read: {len(content):,} bytes, {_name_content(content)}. "
            "JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF and PPM can be"
        ) from error
    except _DECODER_ERRORS as error:
        raise ImageError(f"the image is damaged ({error}); upload it again") from error


def _open_header(content: bytes) -> Image.Image:
    with _opening:
        # Pillow's own limit is one number for the whole process; ours is checked right after.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(io.BytesIO(content), formats=_FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _name_content(content: bytes) -> str:
    """What stands in the place of an image; its bytes are nobody's business."""
    if content[_HEIC_BRAND] in _HEIC_BRANDS:
        return "HEIC, as phones write it (export it as JPEG)"
    start = content[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next(
        (name for first, name in _FOREIGN.items() if start.startswith(first)), "of no known kind"
    )


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read the image {path}: {error.strerror}") from error


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width_px, height_px = image.size
    if width_px * height_px > max_pixels:
        raise ImageTooLarge(
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
    return image if image.mode == "RGB" else image.convert("RGB")
