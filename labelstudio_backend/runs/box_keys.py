"""How the boxes of a file find their task: by its id, or by its image.

The keys stay in Redis with their run, and an image may be named by a signed URL: it is hashed.
"""

import hashlib
import re
from collections.abc import Iterable

from ..images.file_name import find_file_name
from ..protocol import Task

# Label Studio stores an upload as ``0c16fb5e-dog.jpg``.
_UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")


def box_key(task_id: int | None, image: str | None) -> str:
    """The key of a line of the file; the task's id counts where both are given."""
    return _task_key(task_id) if task_id is not None else _image_key(image or "")


def find_box_keys(task: Task) -> list[str]:
    """The keys that mean this task: its id, its image's URL, its image's file name.

    An upload's file name counts with and without the eight digits that Label Studio put before it.
    """
    values = [value for value in task.data.values() if isinstance(value, str)]
    images = dict.fromkeys(name for value in values for name in _names(value))
    return [_task_key(task.id), *map(_image_key, images)]


def _task_key(task_id: int | str | None) -> str:
    return f"task:{task_id}"


def _image_key(name: str) -> str:
    return f"image:{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _names(source: str) -> Iterable[str]:
    if source.startswith("data:"):
        return
    yield source
    name = find_file_name(source)
    if name is not None:
        yield name
        yield _UPLOAD_PREFIX.sub("", name)
