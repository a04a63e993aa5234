"""Nearer views and motion: masks go with the picture."""

import numpy as np
import pytest

from training.scenes import MIN_VISIBLE_PX, Scene, make_scene
from training.views import draw_view


def _flat_scene() -> Scene:
    """A white square on black, its mask exactly known from the picture."""
    image = np.zeros((256, 256, 3), np.uint8)
    image[100:140, 60:100] = 255
    mask = np.zeros((1, 256, 256), np.bool_)
    mask[0, 100:140, 60:100] = True
    return Scene(image, mask)


@pytest.mark.parametrize("seed", range(40))
def test_the_object_lies_where_the_picture_shows_it(seed: int) -> None:
    view = draw_view(np.random.default_rng(seed), _flat_scene())
    shown = view.image[..., 0] >= 128
    overlap = (shown & view.objects[0]).sum() / (shown | view.objects[0]).sum()
    assert view.image.shape == (256, 256, 3)
    assert overlap > 0.8


def test_nearer_views_and_moving_ones_both_occur() -> None:
    scene = _flat_scene()
    views = [draw_view(np.random.default_rng(seed), scene) for seed in range(60)]
    area = np.array([view.objects[0].sum() for view in views])
    is_blurred = [(area[i] == 1600) and not np.array_equal(v.image, scene.image)
                  for i, v in enumerate(views)]  # fmt: skip
    assert (area > 2 * 1600).sum() >= 5
    assert sum(is_blurred) >= 3
    assert sum(np.array_equal(v.image, scene.image) for v in views) >= 20


@pytest.mark.parametrize("seed", range(5))
def test_objects_stay_disjoint_and_visible(seed: int) -> None:
    view = draw_view(np.random.default_rng(seed), make_scene(5, seed))
    assert view.objects.sum(axis=0).max() == 1
    assert view.objects.sum(axis=(1, 2)).min() >= MIN_VISIBLE_PX
