"""Made scenes: the same for the same seed, with exact and disjoint masks."""

import numpy as np
import pytest

from training.figures import FIGURES, Part
from training.painting import Window, coverage, paint
from training.scenes import MIN_VISIBLE_PX, make_scene
from training.shapes import ellipse, place
from training.textures import bank_texture


def test_the_same_seed_and_index_make_the_same_scene() -> None:
    first, second = make_scene(3, 5), make_scene(3, 5)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.objects, second.objects)


@pytest.mark.parametrize(("seed", "index"), [(3, 6), (4, 5)])
def test_another_seed_or_index_makes_another_scene(seed: int, index: int) -> None:
    assert not np.array_equal(make_scene(3, 5).image, make_scene(seed, index).image)


def test_masks_are_disjoint_and_large_enough_to_see() -> None:
    for index in range(12):
        objects = make_scene(11, index).objects
        assert len(objects) >= 1
        assert objects.sum(axis=0).max() == 1
        assert objects.sum(axis=(1, 2)).min() >= MIN_VISIBLE_PX


def test_sizes_range_from_a_few_pixels_to_most_of_the_frame() -> None:
    areas = [area for i in range(40) for area in make_scene(2, i).objects.sum(axis=(1, 2))]
    assert min(areas) < 15**2
    assert max(areas) > 150**2


def test_a_disc_covers_its_area_at_the_place_it_was_put() -> None:
    disc = place(ellipse(200), (40.0, 30.0), (12.0, 12.0))
    drawn = coverage(disc, Window(0, 0, 80, 60))
    rows, columns = np.nonzero(drawn >= 0.5)
    assert drawn.sum() == pytest.approx(np.pi * 144, rel=0.06)
    assert columns.mean() + 0.5 == pytest.approx(40, abs=0.3)
    assert rows.mean() + 0.5 == pytest.approx(30, abs=0.3)


def test_an_object_beside_the_picture_leaves_it_as_it_was() -> None:
    canvas = np.full((60, 60, 3), 90, np.float32)
    beside = Part(place(ellipse(20), (200.0, 30.0), (12.0, 12.0)), 0)
    assert paint(np.random.default_rng(0), canvas, [beside], 0.5) is None
    assert (canvas == 90).all()


@pytest.mark.parametrize("build", [build for build, _ in FIGURES], ids=lambda f: f.__name__)
def test_every_figure_is_made_of_finite_polygons(build: object) -> None:
    assert callable(build)
    for seed in range(20):
        for part in build(np.random.default_rng(seed)):
            assert part.outline.ndim == 2
            assert part.outline.shape[1] == 2
            assert np.isfinite(part.outline).all()


def test_the_texture_bank_mixes_photographs_and_noises_of_one_size() -> None:
    bank = [bank_texture(number) for number in range(8)]
    assert {texture.shape for texture in bank} == {(256, 256, 3)}
    assert len({texture.tobytes() for texture in bank}) == 8
