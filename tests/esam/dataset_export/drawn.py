"""Masks to export."""

import numpy as np
from numpy.typing import NDArray

from esam.dataset_export.labelled_image import LabelledImage, LabelledObject

SIZE_HW = (90, 120)


def make_disc(x_px: float, y_px: float, radius_px: float) -> NDArray[np.bool_]:
    """(90, 120) bool."""
    y, x = np.ogrid[: SIZE_HW[0], : SIZE_HW[1]]
    return np.asarray((x - x_px) ** 2 + (y - y_px) ** 2 < radius_px**2)


def make_image(*objects: tuple[str, NDArray[np.bool_]], name: str = "dog.jpg") -> LabelledImage:
    """An image of 120 x 90 pixels with these objects."""
    found = (LabelledObject(label, None, mask) for label, mask in objects)
    return LabelledImage(7, name, SIZE_HW, found)
