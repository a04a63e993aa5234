"""What is written can be read back, and what others wrote too."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from label_studio_sdk.converter.brush import decode_rle, encode_rle
from numpy.typing import NDArray
from PIL import Image

from labelstudio_backend import encode_brush_rle, parse_label_config, read_drawn_regions
from labelstudio_backend.outputs import make_regions
from labelstudio_backend.outputs.brush_decoding import decode_brush_rle

Mask = NDArray[np.bool_]
CONFIG = (
    '<View><Image name="image" value="$image"/><{tag} name="tag" toName="image">{labels}</{tag}>'
    "{more}</View>"
)
LABELS = '<Label value="Dog"/><Label value="Cat"/>'


@settings(deadline=None, max_examples=200)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_any_mask_comes_back(mask: Mask) -> None:
    height, width = mask.shape
    np.testing.assert_array_equal(decode_brush_rle(encode_brush_rle(mask), (height, width)), mask)


def test_long_runs_come_back() -> None:
    mask = np.zeros((700, 900), np.bool_)
    mask[100:650] = True
    np.testing.assert_array_equal(decode_brush_rle(encode_brush_rle(mask), (700, 900)), mask)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from([0, 0, 0, 7, 128, 255]), min_size=8, max_size=200))
def test_what_label_studio_writes_of_any_picture_is_read_as_it_reads_it(values: list[int]) -> None:
    """With stretches that are no runs, and half-transparent pixels, as its brush leaves them."""
    alpha = np.array(values[: len(values) // 8 * 8], np.uint8).reshape(-1, 8)
    rgba = np.repeat(alpha[..., None], 4, axis=2)
    rgba[..., :3] = np.arange(3)
    rle = encode_rle(rgba.reshape(-1))
    expected = np.reshape(decode_rle(rle), rgba.shape)[..., 3] > 0
    np.testing.assert_array_equal(decode_brush_rle(rle, (alpha.shape[0], 8)), expected)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rle: rle[:-3], "ends in the middle"),
        (lambda rle: [], "ends in the middle"),
        (lambda rle: [0, 0, 0, 8, *rle[4:]], "holds 8 values, not the 4"),
        (lambda rle: [*rle[:4], *encode_brush_rle(np.ones((21, 20), bool))[4:]], "more values"),
    ],
)
def test_a_spoilt_rle_is_refused(spoil: Any, message: str) -> None:
    rle = encode_brush_rle(np.eye(20, dtype=np.bool_))
    with pytest.raises(ValueError, match=message):
        decode_brush_rle(spoil(rle), (20, 20))


@pytest.mark.parametrize(
    "config",
    [
        CONFIG.format(tag="BrushLabels", labels=LABELS, more=""),
        CONFIG.format(tag="BitmaskLabels", labels=LABELS, more=""),
        CONFIG.format(tag="PolygonLabels", labels=LABELS, more=""),
        CONFIG.format(tag="RectangleLabels", labels=LABELS, more=""),
        CONFIG.format(
            tag="Brush", labels="", more=f'<Labels name="l" toName="image">{LABELS}</Labels>'
        ),
    ],
)
def test_regions_of_every_kind_come_back_with_label_and_score(config: str) -> None:
    mask = np.zeros((60, 80), np.bool_)
    mask[10:40, 20:70] = True
    output = parse_label_config(config).find_output_tag(("Cat",), "image")
    (region,) = read_drawn_regions(make_regions(mask, 0.75, output, ("Cat",)))
    assert (region.image_name, region.labels, region.score) == ("image", ("Cat",), 0.75)
    shared = np.count_nonzero(region.mask & mask) / np.count_nonzero(region.mask | mask)
    # Polygons are filled to half a pixel; pixels are kept as they are.
    assert shared > 0.93 if "Polygon" in config or "Rectangle" in config else shared == 1


def test_a_rectangle_turns_clockwise_around_its_first_corner() -> None:
    value = {"x": 50, "y": 50, "width": 25, "height": 10, "rotation": 90, "rectanglelabels": ["A"]}
    (region,) = read_drawn_regions([make_item(value)])
    rows, columns = np.nonzero(region.mask)
    assert rows.min() == pytest.approx(50, abs=1)
    assert rows.max() == 99, "25 % of the width of 200 go down"
    assert columns.min() == pytest.approx(90, abs=1), "10 % of the height of 100 go to the left"
    assert columns.max() == pytest.approx(99, abs=1)


def test_what_covers_no_area_is_left_out() -> None:
    items = [
        make_item({"x": 1, "y": 1, "width": 0.3, "keypointlabels": ["A"]}),
        make_item({"choices": ["yes"]}),
        {"type": "relation"},
    ]
    assert read_drawn_regions(items) == []


def test_a_region_that_cannot_be_read_is_named() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (3, 3)).save(file, "PNG")
    small = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    for value, message in (
        ({"imageDataURL": small}, "3×3 pixels, its image 200×100"),
        ({"imageDataURL": "data:image/png;base64,AAAA"}, "cannot be read"),
        ({"points": [[1]]}, "type 'any' cannot be read"),
    ):
        with pytest.raises(ValueError, match=message):
            read_drawn_regions([make_item(value)])


def make_item(value: dict[str, Any]) -> dict[str, Any]:
    size = {"original_width": 200, "original_height": 100}
    return {"type": "any", "to_name": "image", "value": value, **size}
