"""Embeddings come back from bytes: exactly enough, or not at all."""

import numpy as np
import pytest
import torch

from core import ImageEmbedding
from worker.embedding_codec import EmbeddingDtype, pack_embedding, unpack_embedding
from worker.errors import EmbeddingFormatError


def make_embedding() -> ImageEmbedding:
    torch.manual_seed(0)
    features = torch.randn(8, 4, 4) * torch.linspace(0.1, 20, 8)[:, None, None] + 3
    return ImageEmbedding(features, (480, 640))


@pytest.mark.parametrize(("dtype", "most"), [("float16", 0.001), ("int8", 0.005)])
def test_an_embedding_comes_back_within_its_precision(dtype: EmbeddingDtype, most: float) -> None:
    embedding = make_embedding()
    found = unpack_embedding(pack_embedding(embedding, dtype))
    assert found.original_size_hw == (480, 640)
    assert found.features.dtype == torch.float16
    spread = embedding.features.amax((1, 2)) - embedding.features.amin((1, 2))
    error = (found.features.float() - embedding.features).abs().amax((1, 2))
    assert (error <= most * (spread + 3)).all()


def test_int8_takes_half_the_room() -> None:
    large = ImageEmbedding(torch.randn(256, 64, 64), (1080, 1920))
    assert len(pack_embedding(large, "int8")) < 1.01 * len(pack_embedding(large)) / 2


def test_a_channel_of_one_value_comes_back() -> None:
    flat = ImageEmbedding(torch.full((2, 3, 3), 5.0), (9, 9))
    assert np.allclose(unpack_embedding(pack_embedding(flat, "int8")).features, 5, atol=0.01)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_what_is_cut_off_or_of_another_kind_is_refused(dtype: EmbeddingDtype) -> None:
    packed = pack_embedding(make_embedding(), dtype)
    for spoilt in (
        packed[:10],
        packed[:-1],
        b"XXXX" + packed[4:],
        packed[:5] + b"\x09" + packed[6:],
    ):
        with pytest.raises(EmbeddingFormatError):
            unpack_embedding(spoilt)
