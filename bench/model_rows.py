"""The model alone: encoder, decoder, and a mask on its way to Label Studio."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from label_studio_sdk.converter.brush import mask2rle
from numpy.typing import NDArray
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core import ImageEmbedding, Predictor, Prompt, has_bfloat16_units, load_predictor
from core.preprocessing import to_model_input
from labelstudio_backend import encode_brush_rle

from .measuring import take_turns
from .photos import make_photo
from .published import PublishedModel, resize_all
from .report import Row
from .smooth_model import make_smooth_weights

BOX_SHARE = (0.37, 0.33, 0.75, 0.99)
"""A prompt as people draw it: x0, y0, x1, y1 in shares of the image."""

SIZES_HW = {"1072x603": (603, 1072), "1080p": (1080, 1920), "12MP": (3000, 4000)}
_BATCH_SIZES = (1, 2, 4, 8)
_MATMUL_SIDE = 2048


def measure_model(folder: Path, name: str) -> Iterator[Row]:
    """Rows of one model, with weights whose masks are smooth."""
    weights = make_smooth_weights(folder, name)
    predictor = load_predictor(name, weights)
    # An encoder with details is none of the published ones.
    has_details = predictor.architecture.encoder.has_details
    published = None if has_details else PublishedModel(predictor)
    yield from _measure_encoder(predictor, published)
    if has_bfloat16_units(predictor.device):
        yield _measure_bfloat16(predictor, load_predictor(name, weights, dtype="auto"))
    yield from _measure_batches(predictor)
    yield from _measure_decoder(predictor, published)


def _measure_encoder(predictor: Predictor, published: PublishedModel | None) -> Iterator[Row]:
    name = predictor.spec.name
    image = to_model_input(make_photo(SIZES_HW["1072x603"]), predictor.architecture,
                           torch.device("cpu"))  # fmt: skip
    side = torch.randn(_MATMUL_SIDE, _MATMUL_SIDE)
    times = take_turns(
        {
            "ours": _inferring(lambda: predictor._model.encode(image)),
            "matmul": _inferring(lambda: side @ side),
            **({"published": lambda: published.encode(image)} if published else {}),
        },
        turns=7,
    )
    ours = times["ours"]
    if theirs := times.get("published"):
        yield Row(
            f"encode.one.{name}", theirs.median_ms / ours.median_ms, "x", "more",
            3.5 if name == "vitt" else None,
            f"one image, float32: {ours.median_ms:,.0f} ms, as published "
            f"{theirs.median_ms:,.0f} ms",
            times,
        )  # fmt: skip
    flops = count_encoder_flops(predictor)
    rate = flops / ours.median_ms / 1e6
    most = 2 * _MATMUL_SIDE**3 / times["matmul"].median_ms / 1e6
    yield Row(
        f"encode.share_of_matmul.{name}", 100 * rate / most, "%", "more",
        55 if name == "vitt" else None,
        f"{flops / 1e9:.0f} GFLOP in {ours.median_ms:,.0f} ms: {rate:.0f} GFLOP/s of {most:.0f} "
        f"that a product of two {_MATMUL_SIDE}² matrices gets",
    )  # fmt: skip


def _measure_bfloat16(exact: Predictor, fast: Predictor) -> Row:
    photo = make_photo(SIZES_HW["1072x603"])
    times = take_turns(
        {"ours": lambda: fast.encode(photo), "float32": lambda: exact.encode(photo)}, turns=7
    )
    return Row(
        f"encode.bfloat16.{exact.spec.name}",
        times["float32"].median_ms / times["ours"].median_ms, "x", "more", None,
        f"one image, resize included: {times['ours'].median_ms:,.1f} ms, in float32 "
        f"{times['float32'].median_ms:,.1f} ms", times,
    )  # fmt: skip


def count_encoder_flops(predictor: Predictor) -> float:
    """Multiplications and additions of one image's encode."""
    size = predictor.architecture.image_size
    image = torch.rand(1, 3, size, size, device=predictor.device)
    # Fused attention is counted as nothing: written out, it is the products that it is.
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        predictor._model.encode(image)
    return float(counter.get_total_flops())


def _measure_batches(predictor: Predictor) -> Iterator[Row]:
    photo = make_photo(SIZES_HW["1072x603"])
    sizes = _BATCH_SIZES if predictor.spec.name == "nano" else _BATCH_SIZES[:2]
    times = take_turns(
        {str(n): lambda n=n: predictor.encode([photo] * n) for n in sizes},  # type: ignore[misc]
        turns=3,
    )
    for size in sizes:
        timing = times[str(size)]
        yield Row(
            f"encode.batch.{predictor.spec.name}.{size}", 1000 * size / timing.median_ms,
            "images/s", "more", note=f"batches of {size}, resize included",
            timings={"ours": timing},
        )  # fmt: skip


def _measure_decoder(predictor: Predictor, published: PublishedModel | None) -> Iterator[Row]:
    name = predictor.spec.name
    size_hw = SIZES_HW["1080p"]
    embedding = predictor.encode(make_photo(size_hw))
    features = embedding.features
    prompt = make_prompt(size_hw)
    points, labels = _to_tensors(prompt, size_hw, predictor)
    fan = [prompt] * 16
    times = take_turns(
        {
            "ours": lambda: predictor.decode_candidates(embedding, [prompt]),
            "sixteen": lambda: predictor.decode_candidates(embedding, fan),
            **(
                {"published": lambda: published.decode(features, points, labels)}
                if published
                else {}
            ),
        },
        turns=15,
    )
    ours = times["ours"]
    if theirs := times.get("published"):
        yield Row(
            f"decode.one.{name}", theirs.median_ms / ours.median_ms, "x", "more",
            2.5 if name == "vitt" else None,
            f"one box, low resolution: {ours.median_ms:.1f} ms, as published "
            f"{theirs.median_ms:.1f} ms",
            times,
        )  # fmt: skip
    share = times["sixteen"].median_ms / 16 / ours.median_ms
    yield Row(
        f"decode.of_sixteen.{name}", share, "x", "less", 0.5,
        f"a prompt of a batch of 16, {times['sixteen'].median_ms / 16:.1f} ms, beside a single "
        f"one, {ours.median_ms:.1f} ms",
    )  # fmt: skip
    if published is None:
        return
    for size_name, target in (("1080p", 4.0), ("12MP", 5.0)):
        yield _measure_rle(predictor, published, size_name, target if name == "vitt" else None)


def _measure_rle(
    predictor: Predictor, published: PublishedModel, size_name: str, target: float | None
) -> Row:
    size_hw = SIZES_HW[size_name]
    photo = make_photo(size_hw)
    embedding = predictor.encode(photo)
    features = embedding.features
    prompt = make_prompt(size_hw)
    points, labels = _to_tensors(prompt, size_hw, predictor)

    def as_published() -> list[int]:
        logits, iou = published.decode(features, points, labels)
        mask = resize_all(logits, iou, size_hw)
        rle: list[int] = mask2rle(mask.astype(np.uint8) * 255)
        return rle

    times = take_turns(
        {"ours": lambda: encode_brush_rle(_draw(predictor, embedding, prompt)),
         "published": as_published},
        turns=9,
    )  # fmt: skip
    area = float(_draw(predictor, embedding, prompt).mean())
    return Row(
        f"decode_to_rle.{size_name}.{predictor.spec.name}",
        times["published"].median_ms / times["ours"].median_ms, "x", "more", target,
        f"box to brush RLE, mask of {area:.0%}: {times['ours'].median_ms:.0f} ms, as published "
        f"with the SDK's encoder {times['published'].median_ms:.0f} ms",
        times,
    )  # fmt: skip


def _draw(predictor: Predictor, embedding: ImageEmbedding, prompt: Prompt) -> NDArray[np.bool_]:
    return predictor.decode(embedding, prompt).mask


def make_prompt(size_hw: tuple[int, int]) -> Prompt:
    """The box, in pixels of an image of this size."""
    x0, y0, x1, y1 = BOX_SHARE
    height_px, width_px = size_hw
    return Prompt(box=(x0 * width_px, y0 * height_px, x1 * width_px, y1 * height_px))


def _to_tensors(
    prompt: Prompt, size_hw: tuple[int, int], predictor: Predictor
) -> tuple[torch.Tensor, torch.Tensor]:
    points, labels = prompt.to_slots(size_hw, predictor.architecture.image_size)
    return torch.from_numpy(points), torch.from_numpy(labels)


def _inferring(work: Callable[[], object]) -> Callable[[], object]:
    def run() -> object:
        with torch.inference_mode():
            return work()

    return run
