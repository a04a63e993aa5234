"""YOLO segmentation: a text file an image, a polygon an object, ``data.yaml`` for all.

A line is one object and holds one ring: parts of an object are joined by lines there and back, as
Ultralytics' own converter from COCO does, and holes are filled.
https://docs.ultralytics.com/datasets/segment/
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from labelstudio_backend import make_polygons

from .labelled_image import Categories, LabelledImage, MaskArray

Ring = NDArray[np.float64]


class YoloWriter:
    """Writes ``labels/*.txt`` and ``data.yaml``.

    Args:
        folder: the dataset's.
        labels: of the label config.
    """

    image_folder = "images"

    def __init__(self, folder: Path, labels: tuple[str, ...]) -> None:
        self._folder = folder
        self._categories = Categories(labels)

    def add(self, image: LabelledImage) -> int:
        """Write an image's objects; an image without any gets an empty file."""
        lines = [
            f"{self._categories.number(found.label)} {_write_ring(join_rings(found.mask))}\n"
            for found in image.objects
        ]
        path = self._folder / "labels" / f"{image.stem}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(lines))
        return len(lines)

    def finish(self) -> None:
        """Write what the numbers of the labels mean, and where the images are."""
        names = (f"  {n}: {json.dumps(name, ensure_ascii=False)}\n"
                 for n, name in enumerate(self._categories.names))  # fmt: skip
        head = "path: .\ntrain: images\nval: images\nnames:\n"
        (self._folder / "data.yaml").write_text(head + "".join(names), encoding="utf-8")


def join_rings(mask: MaskArray) -> Ring:
    """(P, 2) one ring around all parts of a mask, (x, y) in shares of the image."""
    rings = [np.array(polygon["points"]) / 100 for polygon in make_polygons(mask)]
    joined: Ring = rings.pop(0)
    while rings:
        bridges = [_find_bridge(joined, ring) for ring in rings]
        nearest = min(range(len(rings)), key=lambda i: bridges[i][0])
        _, start, end = bridges[nearest]
        ring = rings.pop(nearest)
        around = np.concatenate([ring[end:], ring[: end + 1]])
        joined = np.concatenate([joined[: start + 1], around, joined[start:]])
    return joined


def _find_bridge(ring: Ring, other: Ring) -> tuple[float, int, int]:
    """The nearest corners of two rings: their distance, and the index of each."""
    distances = np.linalg.norm(ring[:, None] - other, axis=2)
    start, end = np.unravel_index(distances.argmin(), distances.shape)
    return float(distances[start, end]), int(start), int(end)


def _write_ring(ring: Ring) -> str:
    return " ".join(f"{value:.6g}" for value in ring.clip(0, 1).ravel())
