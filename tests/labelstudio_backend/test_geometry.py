"""Files and prompts of every shape over HTTP: the mask lies in the frame that the page sees."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from PIL import Image

from core import Predictor, load_predictor
from labelstudio_backend.protocol import ContextRegion
from labelstudio_backend.regions import group_objects, select_prompt_regions

from .answers import the_error, the_prediction
from .conftest import Backend, InProcessEmbeddings, RunBackend
from .image_host import Host
from .label_studio_requests import Json, make_keypoint, make_predict, make_rectangle

URL = "/file"
TURNED = 0x0112, 6
"""EXIF says: turn it by 90 degrees clockwise to see it upright."""


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def turned(picture: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[TURNED[0]] = TURNED[1]
    return file_of(picture, "JPEG", exif=exif)


def sixteen_bit(picture: Image.Image) -> bytes:
    gray = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    return file_of(Image.fromarray(gray), "PNG")


def transparent(picture: Image.Image) -> bytes:
    rgba = picture.convert("RGBA")
    rgba.putalpha(128)
    return file_of(rgba, "PNG")


def animated(picture: Image.Image) -> bytes:
    frames = [picture.rotate(90 * n) for n in range(1, 3)]
    return file_of(picture, "GIF", save_all=True, append_images=frames)


FILES: dict[str, tuple[Callable[[Image.Image], bytes], tuple[int, int]]] = {
    "gray PNG": (lambda p: file_of(p.convert("L"), "PNG"), (160, 120)),
    "palette PNG": (lambda p: file_of(p.convert("P"), "PNG"), (160, 120)),
    "16-bit PNG": (sixteen_bit, (160, 120)),
    "CMYK JPEG": (lambda p: file_of(p.convert("CMYK"), "JPEG"), (160, 120)),
    "transparent PNG": (transparent, (160, 120)),
    "animated GIF": (animated, (160, 120)),
    "turned JPEG": (turned, (120, 160)),
    "lossless WebP": (lambda p: file_of(p, "WEBP", lossless=True), (160, 120)),
    "20,000 pixels wide": (lambda p: file_of(p.resize((20_000, 40)), "PNG"), (20_000, 40)),
    "20,000 pixels high": (lambda p: file_of(p.resize((30, 20_000)), "PNG"), (30, 20_000)),
    "one pixel": (lambda p: file_of(p.resize((1, 1)), "PNG"), (1, 1)),
}


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return load_predictor("nano")


@pytest.fixture
def backend(run_backend: RunBackend, shipped: Predictor, host: Host) -> Backend:
    """A backend with the model that ships, whose Label Studio is ``host``."""
    return run_backend(shipped, InProcessEmbeddings(shipped), label_studio_url=host.url)


def ask(backend: Backend, host: Host, content: bytes, *regions: Json) -> list[NDArray[np.bool_]]:
    """The masks of a click, in the frame that the regions were drawn in."""
    host.serve(URL, content)
    prediction = the_prediction(backend.predict(make_predict(URL, *regions)))
    size_wh = regions[0]["original_width"], regions[0]["original_height"]
    for region in prediction["result"]:
        assert (region["original_width"], region["original_height"]) == size_wh
    return [
        np.asarray(decode_rle(r["value"]["rle"]).reshape(size_wh[1], size_wh[0], 4)[..., 3] > 0)
        for r in prediction["result"]
    ]


@pytest.mark.parametrize("name", FILES)
def test_a_box_on_every_kind_of_file_gives_a_mask_inside_it(
    backend: Backend, host: Host, photo_like: NDArray[np.uint8], name: str
) -> None:
    make, size_wh = FILES[name]
    content = make(Image.fromarray(photo_like))
    (mask,) = ask(backend, host, content, make_rectangle(25, 25, 50, 50, size_wh=size_wh))
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    assert size_wh[0] // 4 <= columns[0] <= columns[-1] <= size_wh[0] * 3 // 4 + 1
    assert size_wh[1] // 4 <= rows[0] <= rows[-1] <= size_wh[1] * 3 // 4 + 1


@pytest.mark.parametrize(("x", "y"), [(0, 0), (100, 0), (0, 100), (100, 100), (50, 100)])
def test_a_point_on_the_very_edge_is_on_the_image(
    backend: Backend, host: Host, photo_like: NDArray[np.uint8], x: float, y: float
) -> None:
    content = file_of(Image.fromarray(photo_like), "PNG")
    inside = make_keypoint(40, 40)
    (mask,) = ask(backend, host, content, inside, make_keypoint(x, y, is_positive=False))
    assert not mask[min(int(y * 1.2), 119), min(int(x * 1.6), 159)]
    assert mask[48, 64]


def test_a_box_of_one_pixel_row_is_answered(
    backend: Backend, host: Host, photo_like: NDArray[np.uint8]
) -> None:
    content = file_of(Image.fromarray(photo_like), "PNG")
    host.serve(URL, content)
    response = backend.predict(make_predict(URL, make_rectangle(20, 50, 50, 100 / 120)))
    assert response.status_code == 200, response.text
    (prediction,) = response.json()["results"]
    for region in prediction and prediction["result"]:  # an empty mask is no region
        mask = decode_rle(region["value"]["rle"]).reshape(120, 160, 4)[..., 3]
        assert mask.any(axis=1).sum() <= 2


def test_the_mask_of_a_rotated_box_stays_inside_it(
    backend: Backend, host: Host, photo_like: NDArray[np.uint8]
) -> None:
    content = file_of(Image.fromarray(photo_like), "PNG")
    upright, turned_box = (
        make_rectangle(50, 10, 37.5, 50, rotation=rotation) for rotation in (0, 45)
    )
    (mask,) = ask(backend, host, content, turned_box)
    # 60 x 60 pixels on a corner at (80, 12): a diamond from there to (80, 97).
    rows, columns = np.nonzero(mask)
    assert len(rows) > 100
    assert (np.abs(columns + 0.5 - 80) + np.abs(rows + 0.5 - 54.4)).max() <= 42.4 + 1.5
    (square,) = ask(backend, host, content, upright)
    assert np.flatnonzero(square.any(axis=0))[-1] > columns.max(), "the test's boxes differ"


def test_the_frame_of_a_turned_photo_is_the_one_a_browser_shows(
    backend: Backend, host: Host, photo_like: NDArray[np.uint8]
) -> None:
    content = turned(Image.fromarray(photo_like))
    host.serve(URL, content)
    as_stored = make_rectangle(25, 25, 50, 50, size_wh=(160, 120))
    detail = the_error(backend.predict(make_predict(URL, as_stored)), 400, "bad_prompt")
    assert "160 x 120" in detail
    assert "120 x 160" in detail


@given(
    x=st.floats(0, 100),
    y=st.floats(0, 100),
    width_px=st.integers(1, 30_000),
    height_px=st.integers(1, 30_000),
)
def test_percent_to_pixels_and_back(x: float, y: float, width_px: int, height_px: int) -> None:
    region = ContextRegion.model_validate(make_keypoint(x, y))
    (dog,) = group_objects(select_prompt_regions([region]), (height_px, width_px))
    (point,) = dog.keypoints
    assert 0 <= point.x_px <= width_px
    assert 0 <= point.y_px <= height_px
    assert point.x_px / width_px * 100 == pytest.approx(x, abs=1e-9)
    assert point.y_px / height_px * 100 == pytest.approx(y, abs=1e-9)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Dog", "Cat"]),
            st.floats(0, 100),
            st.floats(0, 100),
            st.booleans(),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_grouping_loses_and_mixes_nothing(
    drawn: list[tuple[str, float, float, bool, bool]],
) -> None:
    regions = [
        make_rectangle(x * 0.7, y * 0.7, 25, 25, label)
        if is_box
        else make_keypoint(x, y, label, is_positive=is_positive)
        for label, x, y, is_box, is_positive in drawn
    ]
    parsed = [ContextRegion.model_validate(region) for region in regions]
    objects = group_objects(select_prompt_regions(parsed), (600, 1000))
    for label in ("Dog", "Cat"):
        of_label = [o for o in objects if o.labels == (label,)]
        boxes = sum(d[3] for d in drawn if d[0] == label)
        assert sum(o.box_xyxy_px is not None for o in of_label) == boxes
        asked = {(d[1], d[2], d[4]) for d in drawn if d[0] == label and not d[3]}
        found = {
            (round(k.x_px / 10, 6), round(k.y_px / 6, 6), k.is_positive)
            for o in of_label
            for k in o.keypoints
        }
        assert found == {(round(x, 6), round(y, 6), positive) for x, y, positive in asked}
    assert {o.labels for o in objects} <= {("Dog",), ("Cat",)}
