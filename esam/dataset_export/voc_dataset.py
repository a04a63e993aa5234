"""Pascal VOC: boxes as XML, masks as PNGs with VOC's palette; laid out as CVAT does it.

http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
"""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .labelled_image import Categories, LabelledImage, find_box

_MOST = 254
"""0 is the background and 255 is what VOC leaves open."""


class VocWriter:
    """Writes ``Annotations``, ``SegmentationClass``, ``SegmentationObject`` and lists of them.

    Where objects overlap, the smaller one is on top in the PNGs.

    Args:
        folder: the dataset's.
        labels: of the label config.
    """

    image_folder = "JPEGImages"

    def __init__(self, folder: Path, labels: tuple[str, ...]) -> None:
        self._folder = folder
        self._categories = Categories(labels)
        self._stems: list[str] = []

    def add(self, image: LabelledImage) -> int:
        """Write an image's objects.

        Raises:
            ValueError: there are more objects or labels than a PNG of VOC can tell apart.
        """
        objects = sorted(image.objects, key=lambda found: int(found.mask.sum()), reverse=True)
        numbers = [self._categories.number(found.label) + 1 for found in objects]
        if max(len(objects), *numbers, 0) > _MOST:
            raise ValueError(f"VOC's PNGs hold {_MOST} objects and labels at most")
        of_class = np.zeros(image.size_hw, np.uint8)
        of_object = np.zeros(image.size_hw, np.uint8)
        root = _make_root(image)
        for number, found in enumerate(objects):
            of_class[found.mask] = numbers[number]
            of_object[found.mask] = number + 1
            root.append(_make_object(found.label, find_box(found.mask)))
        ET.indent(root)
        self._find("Annotations", f"{image.stem}.xml").write_bytes(ET.tostring(root, "utf-8"))
        _save_indices(of_class, self._find("SegmentationClass", f"{image.stem}.png"))
        _save_indices(of_object, self._find("SegmentationObject", f"{image.stem}.png"))
        self._stems.append(image.stem)
        return len(objects)

    def finish(self) -> None:
        """Write the list of images, and the labels with their colours."""
        listed = "".join(f"{stem}\n" for stem in self._stems)
        self._find("ImageSets/Segmentation", "default.txt").write_text(listed, encoding="utf-8")
        names = ["background", *self._categories.names]
        colours = make_palette()[: len(names)].tolist()
        lines = (f"{name}:{r},{g},{b}::\n"
                 for name, (r, g, b) in zip(names, colours, strict=True))  # fmt: skip
        head = "# label:color_rgb:parts:actions\n"
        self._find(".", "labelmap.txt").write_text(head + "".join(lines), encoding="utf-8")

    def _find(self, folder: str, name: str) -> Path:
        path = self._folder / folder
        path.mkdir(parents=True, exist_ok=True)
        return path / name


def make_palette() -> NDArray[np.uint8]:
    """(256, 3) VOC's colours: the bits of a number, dealt to red, green and blue in turn."""
    numbers = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            value = (numbers >> (3 * bit + channel)) & 1
            palette[:, channel] |= (value << (7 - bit)).astype(np.uint8)
    return palette


def _make_root(image: LabelledImage) -> ET.Element:
    height_px, width_px = image.size_hw
    root = ET.Element("annotation")
    _add(root, "folder", VocWriter.image_folder)
    _add(root, "filename", image.file_name)
    size = ET.SubElement(root, "size")
    for name, value in (("width", width_px), ("height", height_px), ("depth", 3)):
        _add(size, name, value)
    _add(root, "segmented", 1)
    return root


def _make_object(label: str, box: tuple[int, int, int, int]) -> ET.Element:
    found = ET.Element("object")
    for name, value in (("name", label), ("truncated", 0), ("difficult", 0)):
        _add(found, name, value)
    bounds = ET.SubElement(found, "bndbox")
    x0, y0, x1, y1 = box
    # VOC counts pixels from 1, and its largest is inside.
    for name, pixel in (("xmin", x0 + 1), ("ymin", y0 + 1), ("xmax", x1), ("ymax", y1)):
        _add(bounds, name, pixel)
    return found


def _add(parent: ET.Element, name: str, value: object) -> None:
    ET.SubElement(parent, name).text = str(value)


def _save_indices(indices: NDArray[np.uint8], path: Path) -> None:
    picture = Image.fromarray(indices, "P")
    picture.putpalette(make_palette().tobytes())
    picture.save(path)
