"""Small things in large images over HTTP: a tile is encoded once, its mask put into the frame."""

from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray

from core import ImageEmbedding, Predictor, Prompt, predict_objects
from worker import EncodeTimeout

from .answers import the_prediction
from .batch_prediction.batch_calls import Collaborators
from .conftest import InProcessEmbeddings, RunBackend
from .image_host import Host, make_png
from .label_studio_requests import make_keypoint, make_predict, make_rectangle

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
    assert embeddings.encoded_count == 1, "the tile, and not the image around it"
    (closely,) = predict_objects(lively, large, [Prompt(box=BOX)])
    assert closely.tile is not None
    np.testing.assert_array_equal(mask, closely.draw())
    again = mask_in(the_prediction(backend.predict(make_predict(PHOTO, PROMPT))))
    np.testing.assert_array_equal(again, mask)
    assert embeddings.encoded_count == 1


def test_the_image_around_a_tile_is_encoded_for_the_click_after(
    run_backend: RunBackend, lively: Predictor, host: Host, large: NDArray[np.uint8]
) -> None:
    handed = Collaborators()
    backend = run_backend(lively, label_studio_url=host.url, collaborators={"warm_start": handed})
    host.serve(PHOTO, make_png(large))
    click = make_keypoint(50, 50, size_wh=(1200, 900))
    the_prediction(backend.predict(make_predict(PHOTO, PROMPT)))
    assert handed.warmed == [(6, PHOTO)]
    assert handed.account is not None
    the_prediction(backend.predict(make_predict(PHOTO, click)))
    the_prediction(backend.predict(make_predict(PHOTO, PROMPT)))
    assert handed.warmed == [(6, PHOTO)], "the image is encoded by now"


def test_a_small_box_of_an_image_of_another_size_is_refused_before_anything_is_encoded(
    run_backend: RunBackend, lively: Predictor, host: Host, large: NDArray[np.uint8]
) -> None:
    embeddings = InProcessEmbeddings(lively)
    backend = run_backend(lively, embeddings, label_studio_url=host.url)
    host.serve(PHOTO, make_png(large))
    elsewhere = make_rectangle(50, 50, 5, 5, size_wh=(900, 1200))
    response = backend.predict(make_predict(PHOTO, elsewhere))
    assert response.status_code == 400
    assert "900" in response.text
    assert embeddings.encoded_count == 0


def test_what_is_no_image_never_comes_to_a_worker(
    run_backend: RunBackend, lively: Predictor, host: Host
) -> None:
    class Unasked(InProcessEmbeddings):
        def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
            raise AssertionError(f"{len(image)} bytes to encode")

    backend = run_backend(lively, Unasked(lively), label_studio_url=host.url)
    host.serve(PHOTO, b"<html>please log in</html>")
    response = backend.predict(make_predict(PHOTO, PROMPT))
    assert response.status_code == 422
    assert "a web page" in response.text


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
