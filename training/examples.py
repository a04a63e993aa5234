"""Pictures with known objects to measure on: held-out made scenes, or a folder of photographs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from training.batches import FIRST_HELD_OUT_SEED
from training.scenes import make_scene

HELD_OUT_SEED = FIRST_HELD_OUT_SEED
MIN_OBJECT_PX = 64
_OBJECTS_SUFFIX = "_objects.png"


@dataclass(frozen=True)
class Example:
    """A picture and its objects.

    Attributes:
        name: for messages, and the seed of the prompts.
        image: (H, W, 3) uint8.
        objects: (N, H, W) bool.
    """

    name: str
    image: npt.NDArray[np.uint8]
    objects: npt.NDArray[np.bool_]


def held_out_scenes(count: int, seed: int = HELD_OUT_SEED) -> Iterator[Example]:
    """Scenes of a stream that training never draws from.

    Raises:
        ValueError: the seed is one of those for training.
    """
    if seed < FIRST_HELD_OUT_SEED:
        raise ValueError(
            f"seed {seed} is a training stream; measure on {FIRST_HELD_OUT_SEED} or above"
        )
    for index in range(count):
        scene = make_scene(seed, index)
        kept = scene.objects[scene.objects.sum(axis=(1, 2)) >= MIN_OBJECT_PX]
        yield Example(f"scene {index}", scene.image, kept)


def photo_paths(folder: Path) -> list[tuple[Path, Path]]:
    """Pairs of `NAME.jpg` (or .png) and `NAME_objects.png`, sorted by name.

    Raises:
        FileNotFoundError: there is no such pair in the folder.
    """
    pairs = []
    for truth in sorted(folder.glob(f"*{_OBJECTS_SUFFIX}")):
        stem = truth.name.removesuffix(_OBJECTS_SUFFIX)
        found = [folder / f"{stem}{kind}" for kind in (".jpg", ".jpeg", ".png")]
        pairs += [(photo, truth) for photo in found if photo.is_file()][:1]
    if not pairs:
        raise FileNotFoundError(
            f"no photo with known objects in {folder}: it needs pairs NAME.jpg and "
            f"NAME{_OBJECTS_SUFFIX}, whose value k > 0 is object k"
        )
    return pairs


def photos(folder: Path) -> Iterator[Example]:
    """Photographs with their objects cut out, as `photo_paths` finds them.

    Raises:
        FileNotFoundError: there is none.
        ValueError: a photo and its objects differ in size.
    """
    for photo, truth in photo_paths(folder):
        with Image.open(photo) as picture, Image.open(truth) as numbers:
            image, owner = np.array(picture.convert("RGB")), np.array(numbers)
        if owner.shape != image.shape[:2]:
            raise ValueError(
                f"{photo.name} is {image.shape[:2]} and {truth.name} is {owner.shape}; "
                "both must be (height, width) of the same picture"
            )
        masks = [owner == number for number in np.unique(owner) if number > 0]
        objects = np.stack(masks) if masks else np.zeros((0, *owner.shape), np.bool_)
        yield Example(photo.stem, image, objects)
