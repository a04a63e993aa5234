"""The files that predictions are written to."""

import json
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from .errors import EsamError


def write_json(facts: dict[str, Any], target: str) -> None:
    """Write one line of JSON; ``-`` is stdout.

    Raises:
        EsamError: the file cannot be written.
    """
    text = json.dumps(facts)
    if target == "-":
        sys.stdout.write(text + "\n")
        return
    write_text(text, Path(target))


def write_text(text: str, path: Path) -> None:
    """Write a file of text.

    Raises:
        EsamError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EsamError(f"cannot write {path}: {error.strerror}") from error


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture in the format of its name.

    Raises:
        EsamError: the format is unknown, or the file cannot be written.
    """
    try:
        picture.save(path)
    except (OSError, ValueError) as error:
        raise EsamError(f"cannot write the picture {path}: {error}") from error
