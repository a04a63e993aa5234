"""COCO instances: one JSON file, masks as COCO's own RLE, pixel by pixel.

Polygons would say something else: holes filled, and one annotation for each part of an object.
https://cocodataset.org/#format-data
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from .labelled_image import Categories, LabelledImage, LabelledObject, find_box

Json = dict[str, Any]


class CocoWriter:
    """Writes ``annotations.json``.

    Args:
        folder: the dataset's.
        labels: of the label config.
    """

    image_folder = "images"

    def __init__(self, folder: Path, labels: tuple[str, ...]) -> None:
        self._path = folder / "annotations.json"
        self._categories = Categories(labels)
        self._images: list[Json] = []
        self._annotations: list[Json] = []

    def add(self, image: LabelledImage) -> int:
        """Add an image and its objects."""
        number = len(self._images) + 1
        described = [self._describe(found, number) for found in image.objects]
        height_px, width_px = image.size_hw
        self._images.append(
            {
                "id": number,
                "file_name": image.file_name,
                "width": width_px,
                "height": height_px,
                "task": image.task,
            }
        )
        for one in described:
            self._annotations.append({"id": len(self._annotations) + 1, **one})
        return len(described)

    def _describe(self, found: LabelledObject, image: int) -> Json:
        rle = coco_mask.encode(np.asfortranarray(found.mask, dtype=np.uint8))
        x0, y0, x1, y1 = find_box(found.mask)
        described = {
            "image_id": image,
            "category_id": self._categories.number(found.label) + 1,
            "segmentation": {"size": rle["size"], "counts": rle["counts"].decode("ascii")},
            "area": int(found.mask.sum()),
            "bbox": [x0, y0, x1 - x0, y1 - y0],
            "iscrowd": 0,
        }
        return described if found.score is None else described | {"score": found.score}

    def finish(self) -> None:
        """Write the file."""
        dataset = {
            "info": {"description": f"efficientsam-labelstudio {_own_version()}"},
            "images": self._images,
            "annotations": self._annotations,
            "categories": [
                {"id": number, "name": name, "supercategory": ""}
                for number, name in enumerate(self._categories.names, 1)
            ],
        }
        self._path.write_text(json.dumps(dataset, ensure_ascii=False), encoding="utf-8")


def _own_version() -> str:
    return version("efficientsam-labelstudio")
