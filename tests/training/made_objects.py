"""Accepted objects on made pictures, encoded by a model so small that a test can train it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core import Predictor
from training.accepted_objects import AcceptedObject, ObjectView
from training.decoder_training import DecoderTrainingConfig

SIDE_PX = 64
QUICK = DecoderTrainingConfig(steps=4, views=2, prompts=2, warmup_steps=2, round_steps=2)


def draw_disc(number: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A bright disc on noise, and its mask."""
    rng = np.random.default_rng(number)
    x0, y0, radius = rng.uniform(20, 44), rng.uniform(20, 44), rng.uniform(9, 16)
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX]
    mask = (x - x0) ** 2 + (y - y0) ** 2 < radius**2
    image = rng.integers(0, 80, (SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    image[mask] += 150
    return image, mask


def make_discs(
    predictor: Predictor, images: int, objects: int = 2
) -> tuple[list[AcceptedObject], Callable[[str], Tensor]]:
    """A project of so many images, and the features of their views.

    Each image has the disc and, as another object, parts of it.
    """
    features: dict[str, Tensor] = {}
    found = []
    for number in range(images):
        image, mask = draw_disc(number)
        name = f"image {number}"
        features[name] = predictor.encode(image).features.clone()
        for k in range(objects):
            part = mask & (np.arange(SIDE_PX)[:, None] % (k + 1) == 0)
            found.append(AcceptedObject(f"{name}.{k}", name, (ObjectView(name, part),)))
    return found, features.__getitem__
