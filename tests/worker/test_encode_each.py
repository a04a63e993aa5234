"""A batch that does not fit into the device, or that one image spoils."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from redis import Redis
from redis.exceptions import ConnectionError

from core import ImageEmbedding, OutOfMemory, Predictor
from core.memory import memory_errors_translated
from worker import WorkerContext

Image = NDArray[np.uint8]


class FaultyDevice:
    """A predictor on a device that holds few images, and cannot bear black ones."""

    def __init__(self, predictor: Predictor, fits: int) -> None:
        self._predictor = predictor
        self._fits = fits
        self.device = predictor.device
        self.batches: list[int] = []

    def encode(self, images: Sequence[Image]) -> list[ImageEmbedding]:
        self.batches.append(len(images))
        with memory_errors_translated(f"encode {len(images)} image(s)"):
            if len(images) > self._fits:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        if not all(image.any() for image in images):
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED")
        return self._predictor.encode(list(images))

    def is_device_usable(self) -> bool:
        return True


def make_images(count: int) -> list[Image]:
    return [np.full((8, 8 + n, 3), 200, np.uint8) for n in range(count)]


def encode_each(
    redis: Redis, device: FaultyDevice, images: list[Image]
) -> list[ImageEmbedding | Exception]:
    return WorkerContext(cast(Any, device), redis).encode_each(images)


def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    redis: Redis, predictor: Predictor
) -> None:
    device = FaultyDevice(predictor, fits=2)
    found = encode_each(redis, device, make_images(7))
    sizes = [one.original_size_hw for one in found if isinstance(one, ImageEmbedding)]
    assert sizes == [(8, 8 + n) for n in range(7)]
    assert device.batches == [7, 3, 1, 2, 4, 2, 2]


def test_a_single_image_that_does_not_fit_fails_with_the_reason(
    redis: Redis, predictor: Predictor
) -> None:
    (found,) = encode_each(redis, FaultyDevice(predictor, fits=0), make_images(1))
    assert isinstance(found, OutOfMemory)
    assert "not enough memory to encode 1 image(s) (CUDA out of memory" in str(found)


def test_an_image_that_the_encoder_cannot_bear_costs_no_other_its_embedding(
    redis: Redis, predictor: Predictor
) -> None:
    images = make_images(8)
    images[5][:] = 0
    found = encode_each(redis, FaultyDevice(predictor, fits=8), images)
    assert [type(one) for one in found] == [
        RuntimeError if n == 5 else ImageEmbedding for n in range(8)
    ]


def test_a_redis_that_is_away_is_not_the_images_fault(predictor: Predictor, redis: Redis) -> None:
    gone = Redis(unix_socket_path="/nowhere/redis.sock")
    with pytest.raises(ConnectionError):
        encode_each(gone, FaultyDevice(predictor, fits=8), make_images(4))
