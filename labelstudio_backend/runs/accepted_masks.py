"""The masks that an annotator accepted on a task, by the image that they lie on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import MasksUnusable
from ..label_studio.answers import DrawnTask
from ..outputs import group_items, is_mask, read_drawn_regions


@dataclass(frozen=True, eq=False)
class AcceptedMasks:
    """Masks on one image.

    Attributes:
        image_name: of the label config's image tag.
        size_hw: (height, width) of the image that they were drawn on, pixels.
        masks: (height, width) bool each, none of them empty.
        empty: how many more have no pixel.
    """

    image_name: str
    size_hw: tuple[int, int]
    masks: tuple[NDArray[np.bool_], ...]
    empty: int


def read_accepted_masks(task: DrawnTask) -> list[AcceptedMasks]:
    """Brushes, bitmasks and polygons of the annotation that was saved last and not cancelled.

    Boxes, keypoints and choices are no masks; a task without any gives nothing.

    Raises:
        MasksUnusable: a region cannot be read, regions are of images of different sizes, or none
            of them has a pixel.
    """
    annotation = task.find_accepted()
    regions = group_items(annotation.result if annotation else ())
    drawn = [item for items in regions if is_mask(items[0]) for item in items]
    by_image: dict[str, list[NDArray[np.bool_]]] = {}
    try:
        for region in read_drawn_regions(drawn):
            by_image.setdefault(region.image_name, []).append(region.mask)
    except ValueError as error:
        raise MasksUnusable(str(error)) from error
    found = [_check_masks(name, masks) for name, masks in by_image.items()]
    if found and not any(one.masks for one in found):
        raise MasksUnusable("none of its masks has a pixel; draw them, or delete the empty regions")
    return [one for one in found if one.masks]


def _check_masks(image_name: str, masks: Sequence[NDArray[np.bool_]]) -> AcceptedMasks:
    sizes = list(dict.fromkeys(mask.shape for mask in masks))
    if len(sizes) > 1:
        shown = " and ".join(f"{width}×{height}" for height, width in sizes)
        raise MasksUnusable(f"its masks are of images of different sizes: {shown} pixels")
    drawn = tuple(mask for mask in masks if mask.any())
    height, width = sizes[0]
    return AcceptedMasks(image_name, (height, width), drawn, len(masks) - len(drawn))
