"""A black and white PNG an object, as large as its image."""

import io
import re
from collections import Counter
from pathlib import Path

from PIL import Image

from .labelled_image import LabelledImage

_UNSAFE = re.compile(r"[^\w.-]+")


class PngWriter:
    """Writes ``masks/<image>-<label>-<number>.png``, 255 in the object and 0 beside it.

    Args:
        folder: the dataset's.
        labels: of the label config; the file names say them.
    """

    image_folder = "images"

    def __init__(self, folder: Path, labels: tuple[str, ...]) -> None:
        self._folder = folder / "masks"

    def add(self, image: LabelledImage) -> int:
        """Write an image's objects."""
        files: dict[str, bytes] = {}
        counts: Counter[str] = Counter()
        for found in image.objects:
            label = _UNSAFE.sub("_", found.label)
            file = io.BytesIO()
            Image.fromarray(found.mask).save(file, "PNG")
            files[f"{image.stem}-{label}-{counts[label]}.png"] = file.getvalue()
            counts[label] += 1
        self._folder.mkdir(exist_ok=True)
        for name, content in files.items():
            (self._folder / name).write_bytes(content)
        return len(files)

    def finish(self) -> None:
        """Nothing describes the whole."""
