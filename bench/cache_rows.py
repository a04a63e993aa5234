"""Embeddings on their way to Redis and back: time, room, and what masks lose."""

from collections.abc import Iterator

import numpy as np
import torch

from core import MODELS, ImageEmbedding, Prompt, load_predictor, read_image
from esam.redis_server import PrivateRedis
from worker import connect_redis
from worker.embedding_cache import RedisEmbeddingCache
from worker.embedding_codec import EmbeddingDtype, pack_embedding, unpack_embedding

from .measuring import take_turns
from .photos import make_photos
from .report import Row

_MIB = 1 << 20
_CLICKS = 4
_DTYPES: tuple[EmbeddingDtype, ...] = ("float16", "int8")


def measure_cache() -> Iterator[Row]:
    """Rows of each dtype, with nano's embeddings of photos; room is given for vitt's."""
    a = MODELS["vitt"].architecture
    torch.manual_seed(0)
    large = ImageEmbedding(torch.randn(a.embedding_shape), (1080, 1920))
    with PrivateRedis() as server:
        redis = connect_redis(server.url)
        for dtype in _DTYPES:
            cache = RedisEmbeddingCache(redis, dtype)
            times = take_turns(
                {"put": lambda c=cache: c.put("k", large), "get": lambda c=cache: c.get("k")},  # type: ignore[misc]
                turns=40,
            )
            for way in ("put", "get"):
                yield Row(
                    f"cache.{way}.{dtype}", times[way].median_ms, "ms", "less",
                    note="an embedding of vitt's size, Redis on this machine",
                    timings={"ours": times[way]},
                )  # fmt: skip
            size = len(pack_embedding(large, dtype)) / _MIB
            target = 1.01 if dtype == "int8" else None
            yield Row(f"cache.room.{dtype}", size, "MiB", "less", target, "of vitt's embedding")
        redis.close()
    yield from _measure_loss()


def _measure_loss() -> Iterator[Row]:
    """Mean IoU of the masks of boxes and clicks with those of the float32 embedding."""
    predictor = load_predictor("nano")
    rng = np.random.default_rng(0)
    shared: dict[EmbeddingDtype, list[float]] = {dtype: [] for dtype in _DTYPES}
    for photo in make_photos():
        rgb = read_image(photo)
        exact = predictor.encode(rgb)
        prompts = [_make_prompt(rgb.shape[0], rgb.shape[1], rng) for _ in range(2 * _CLICKS)]
        expected = [answer.mask for answer in predictor.decode(exact, prompts)]
        for dtype in _DTYPES:
            stored = unpack_embedding(pack_embedding(exact, dtype))
            for answer, mask in zip(predictor.decode(stored, prompts), expected, strict=True):
                union = np.count_nonzero(answer.mask | mask)
                both = np.count_nonzero(answer.mask & mask)
                shared[dtype].append(both / union if union else 1.0)
    for dtype, found in shared.items():
        yield Row(
            f"cache.mask_iou.{dtype}", float(np.mean(found)), "IoU", "more", 0.995,
            f"{len(found)} boxes and clicks of nano on photos, beside float32; least "
            f"{min(found):.3f}",
        )  # fmt: skip


def _make_prompt(height_px: int, width_px: int, rng: np.random.Generator) -> Prompt:
    """A click, or a box, at random."""
    x, y = rng.uniform(0.1, 0.9) * width_px, rng.uniform(0.1, 0.9) * height_px
    if rng.random() < 0.5:
        return Prompt(points=[(x, y)], labels=[1])
    half_w, half_h = rng.uniform(0.05, 0.25, 2) * (width_px, height_px)
    return Prompt(
        box=(
            max(0.0, x - half_w), max(0.0, y - half_h),
            min(float(width_px), x + half_w), min(float(height_px), y + half_h),
        )
    )  # fmt: skip
