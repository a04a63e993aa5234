"""The formats there are: adding one is adding a line."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from .coco_dataset import CocoWriter
from .labelled_image import DatasetWriter
from .png_dataset import PngWriter
from .voc_dataset import VocWriter
from .yolo_dataset import YoloWriter

Format = Literal["coco", "yolo-seg", "png", "voc"]
FORMATS: tuple[Format, ...] = get_args(Format)

_WRITERS: Mapping[Format, Callable[[Path, tuple[str, ...]], DatasetWriter]] = {
    "coco": CocoWriter,
    "yolo-seg": YoloWriter,
    "png": PngWriter,
    "voc": VocWriter,
}


def make_writer(name: Format, folder: Path, labels: tuple[str, ...]) -> DatasetWriter:
    """The writer of a format.

    Args:
        name: of the format.
        folder: the dataset's; it exists.
        labels: of the label config, in its order.
    """
    return _WRITERS[name](folder, labels)
