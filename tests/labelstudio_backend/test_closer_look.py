"""Small things in large images over HTTP: a tile is encoded once, its mask put into the frame."""

from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray

from core import ImageEmbedding, Predictor, Prompt, predict_objects
from worker import EncodeTimeout

from .answers import the_prediction
from .conftest import InProcessEmbeddings, RunBackend
from .image_host import Host, make_png
from .label_studio_requests import make_predict, make_rectangle

PHOTO = "/photo.png"
SIZE_HW = (900, 1200)
BOX = [600, 450, 660, 495]
PROMPT = make_rectangle(50, 50, 5, 5, size_wh=(1200, 900))


@pytest.fixture(scope="module")
def large() -> NDArray[np.uint8]:
    """(900, 1200, 3), a small bright disc on noise."""
    image = np.random.default_rng(1).integers(0, 80, (*SIZE_HW, 3), dtype=np.uint8)
    y, x = np.ogrid[: SIZE_HW[0], : SIZE_HW[1]]
    image[(x - 630) ** 2 + (y - 472) ** 2 < 20**2] += 150
    return image


def mask_in(prediction: Any) -> NDArray[np.bool_]:
    (region,) = prediction["result"]
    return np.asarray(decode_rle(region["value"]["rle"]).reshape(*SIZE_HW, 4)[..., 3] > 0)


def test_a_small_box_is_answered_from_a_tile_that_is_encoded_once(
    run_backend: RunBackend, lively: Predictor, host: Host, large: NDArray[np.uint8]
) -> None:
    embeddings = InProcessEmbeddings(lively)
    backend = run_backend(lively, embeddings, label_studio_url=host.url)
    host.serve(PHOTO, make_png(large))
    mask = mask_in(the_prediction(backend.predict(make_predict(PHOTO, PROMPT))))
    assert embeddings.encoded_count == 2, "the image, and the tile in it"
    (closely,) = predict_objects(lively, large, [Prompt(box=BOX)])
    assert closely.tile is not None
    np.testing.assert_array_equal(mask, closely.draw())
    again = mask_in(the_prediction(backend.predict(make_predict(PHOTO, PROMPT))))
    np.testing.assert_array_equal(again, mask)
    assert embeddings.encoded_count == 2


def test_without_tiles_the_whole_image_answers(
    run_backend: RunBackend, lively: Predictor, host: Host, large: NDArray[np.uint8]
) -> None:
    embeddings = InProcessEmbeddings(lively)
    backend = run_backend(lively, embeddings, label_studio_url=host.url, has_tiles=False)
    host.serve(PHOTO, make_png(large))
    mask = mask_in(the_prediction(backend.predict(make_predict(PHOTO, PROMPT))))
    assert embeddings.encoded_count == 1
    expected = lively.decode(lively.encode(large), Prompt(box=BOX)).mask
    np.testing.assert_array_equal(mask, expected)


def test_a_tile_that_comes_too_late_costs_no_answer(
    run_backend: RunBackend,
    lively: Predictor,
    host: Host,
    large: NDArray[np.uint8],
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Slow(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            if more["tile"] is not None:
                raise EncodeTimeout("no embedding after 90 s with 1 worker(s)")
            return super().get_or_encode(image, **more)

    backend = run_backend(lively, Slow(lively), label_studio_url=host.url)
    host.serve(PHOTO, make_png(large))
    mask = mask_in(the_prediction(backend.predict(make_predict(PHOTO, PROMPT))))
    expected = lively.decode(lively.encode(large), Prompt(box=BOX)).mask
    np.testing.assert_array_equal(mask, expected)
    assert "no closer look" in caplog.text


def test_the_image_is_fetched_once_for_both(
    run_backend: RunBackend, lively: Predictor, host: Host, large: NDArray[np.uint8]
) -> None:
    backend = run_backend(lively, InProcessEmbeddings(lively), label_studio_url=host.url)
    host.serve(PHOTO, make_png(large))
    the_prediction(backend.predict(make_predict(PHOTO, PROMPT)))
    assert len(host.requests) == 1
