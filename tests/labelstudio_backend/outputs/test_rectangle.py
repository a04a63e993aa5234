import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labelstudio_backend.outputs.rectangle import find_bounds, make_rectangle


def test_the_box_of_the_whole_image_is_all_of_it() -> None:
    assert make_rectangle(np.ones((30, 50), np.bool_)) == {
        "x": 0,
        "y": 0,
        "width": 100,
        "height": 100,
        "rotation": 0,
    }


def test_a_pixel_covers_its_width_and_height() -> None:
    mask = np.zeros((10, 20), np.bool_)
    mask[4, 8] = True
    assert make_rectangle(mask) == {"x": 40, "y": 40, "width": 5, "height": 10, "rotation": 0}


@given(st.sets(st.tuples(st.integers(0, 19), st.integers(0, 29)), min_size=1))
def test_the_box_touches_the_outermost_pixels(pixels: set[tuple[int, int]]) -> None:
    mask = np.zeros((20, 30), np.bool_)
    for row, column in pixels:
        mask[row, column] = True
    rows, columns = zip(*pixels, strict=True)
    assert find_bounds(mask) == (min(columns), min(rows), max(columns) + 1, max(rows) + 1)
