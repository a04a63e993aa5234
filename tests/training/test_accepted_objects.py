"""Which images are learned from: never one that is measured on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.accepted_objects import AcceptedObject, ObjectView, Parts, part_by_image
from training.errors import TooFewObjects

MASK = np.ones((4, 4), bool)


def make_objects(images: list[str]) -> list[AcceptedObject]:
    """An object for each of these images, which may come several times."""
    return [AcceptedObject(str(n), i, (ObjectView(i, MASK),)) for n, i in enumerate(images)]


def images_of(parts: Parts) -> list[set[str]]:
    return [{o.image for o in part} for part in (parts.learned, parts.tuning, parts.held_out)]


@given(st.lists(st.integers(0, 60).map(str), min_size=20, max_size=300))
def test_no_image_is_in_two_parts_and_no_object_is_lost(images: list[str]) -> None:
    if len(set(images)) < 10:
        return
    objects = make_objects(images)
    parts = part_by_image(objects)
    learned, tuning, held_out = images_of(parts)
    assert not learned & tuning
    assert not learned & held_out
    assert not tuning & held_out
    together = parts.learned + parts.tuning + parts.held_out
    assert sorted(o.name for o in together) == sorted(o.name for o in objects)
    assert min(len(learned), len(tuning), len(held_out)) >= 1


def test_a_fifth_of_the_images_is_held_out() -> None:
    learned, tuning, held_out = images_of(part_by_image(make_objects([str(n) for n in range(100)])))
    assert (len(learned), len(tuning), len(held_out)) == (70, 10, 20)


def test_most_images_stay_held_out_when_the_project_grows() -> None:
    first = images_of(part_by_image(make_objects([str(n) for n in range(100)])))[2]
    later = images_of(part_by_image(make_objects([str(n) for n in range(130)])))[2]
    assert len(first & later) >= 15


def test_the_order_of_the_tasks_changes_nothing() -> None:
    objects = make_objects([str(n % 30) for n in range(90)])
    assert images_of(part_by_image(objects)) == images_of(part_by_image(objects[::-1]))


@pytest.mark.parametrize("images", [[str(n) for n in range(19)], [str(n % 9) for n in range(50)]])
def test_too_little_to_learn_from_is_said_with_the_numbers(images: list[str]) -> None:
    with pytest.raises(TooFewObjects, match=f"{len(images)} accepted masks on {len(set(images))}"):
        part_by_image(make_objects(images))
