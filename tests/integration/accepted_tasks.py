"""Tasks with masks that an annotator accepted, on made pictures."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from labelstudio_backend import encode_brush_rle

from ..label_studio_stand_in import LabelStudioStandIn
from ..training.made_objects import draw_disc

Picture = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""(H, W, 3) uint8, and (N, H, W) bool of its objects."""


def draw_half(number: int) -> Picture:
    """A disc, and its upper half as another object."""
    image, mask = draw_disc(number)
    is_upper = np.arange(mask.shape[0])[:, None] < np.flatnonzero(mask.any(axis=1)).mean()
    return image, np.stack([mask, mask & is_upper])


def make_png_file(rgb: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


def make_brush(number: int, mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A brush region, as Label Studio keeps it."""
    return {
        "id": f"r{number}",
        "type": "brushlabels",
        "from_name": "tag",
        "to_name": "image",
        "original_width": mask.shape[1],
        "original_height": mask.shape[0],
        "image_rotation": 0,
        "value": {"format": "rle", "rle": encode_brush_rle(mask), "brushlabels": ["Dog"]},
    }


def make_click(mask: NDArray[np.bool_]) -> dict[str, Any]:
    """A smart keypoint in the middle of an object, as the page sends it."""
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    value = {"x": 100 * columns.mean() / width, "y": 100 * rows.mean() / height, "width": 0.3}
    return {
        "id": "r1",
        "type": "keypointlabels",
        "from_name": "tag2",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "is_positive": True,
        "value": {**value, "labels": ["Dog"], "keypointlabels": ["Dog"]},
    }


def accept(label_studio: LabelStudioStandIn, task_id: int, result: Sequence[Any]) -> None:
    """Submit an annotation on a task."""
    annotation = {"id": task_id, "was_cancelled": False, "result": list(result)}
    label_studio.project.annotations[task_id] = [annotation]


def add_accepted(
    label_studio: LabelStudioStandIn,
    numbers: Sequence[int],
    draw: Callable[[int], Picture] = draw_half,
) -> list[int]:
    """A task a picture, each with the masks of all its objects accepted."""
    task_ids = []
    for number in numbers:
        rgb, masks = draw(number)
        source = label_studio.add_image(f"{number}.png", make_png_file(rgb))
        (task_id,) = label_studio.add_tasks([{"image": source}])
        accept(label_studio, task_id, [make_brush(n, mask) for n, mask in enumerate(masks)])
        task_ids.append(task_id)
    return task_ids
