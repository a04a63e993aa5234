"""The images of a dataset as files: names that differ, pictures as they are seen."""

import io
import re
from pathlib import PurePath

from PIL import Image, ImageOps

from labelstudio_backend import find_file_name

_UNSAFE = re.compile(r"[^\w.+-]+")
_JPEG_QUALITY = 95
_ORIENTATION = 0x0112
_UPRIGHT = (None, 0, 1)


class ImageNames:
    """Gives each image a file name that differs from all others, its suffix left out."""

    def __init__(self) -> None:
        self._stems: set[str] = set()

    def choose(self, source: str, task: int) -> str:
        """The image's own file name; with the task's id before it where that is taken.

        Args:
            source: what the task says of where the image is.
            task: its id.
        """
        name = PurePath(_UNSAFE.sub("_", find_file_name(source) or f"task-{task}.png").lstrip("."))
        base, number = name.stem or "image", 0
        stem = base
        while stem.casefold() in self._stems:
            stem = f"{task}-{base}" + (f"-{number}" if number else "")
            number += 1
        self._stems.add(stem.casefold())
        return stem + name.suffix


def turn_upright(content: bytes) -> tuple[bytes, tuple[int, int]]:
    """An image file in which trainers see what annotators saw.

    Some trainers overlook the note of a camera that a photo is to be turned; masks are on the
    turned photo. So a photo with that note is turned; any other stays as it is, byte by byte.

    Args:
        content: the image file's.

    Returns:
        The file's content, and (height, width) as annotators see it, pixels.

    Raises:
        OSError: it cannot be read.
    """
    with Image.open(io.BytesIO(content)) as image:
        if image.getexif().get(_ORIENTATION) in _UPRIGHT:
            return content, (image.height, image.width)
        upright, file = ImageOps.exif_transpose(image), io.BytesIO()
        upright.save(file, image.format, quality=_JPEG_QUALITY)
        return file.getvalue(), (upright.height, upright.width)
