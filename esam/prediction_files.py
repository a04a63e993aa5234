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
    try:
        Path(target).write_text(text)
    except OSError as error:
        raise EsamError(f"cannot write {target}: {error.strerror}") from error


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture in the format of its name.

    Raises:
        EsamError: the format is unknown, or the file cannot be written.
    """
    try:
        picture.save(path)
    except (OSError, ValueError) as error:
        raise EsamError(f"cannot write the picture {path}: {error}") from error
