"""The model on an accelerator, in half precision: throughput, latency, and what masks lose.

Runs on any device of torch; on a CPU it is only good for trying it.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch

from core import ImageEmbedding, Predictor, load_predictor, read_image
from labelstudio_backend import encode_brush_rle

from .measuring import Timing, summarise, time_once
from .model_rows import SIZES_HW, count_encoder_flops, make_prompt
from .photos import make_jpeg, make_photo
from .report import Row
from .smooth_model import make_smooth_weights

_SIZE_HW = SIZES_HW["1072x603"]
_DTYPES = ("bfloat16", "float16")
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
_TURNS = 12
_MATMUL_SIDE = 8192
_JPEGS = 512
_RATES = {"vitt": 1000.0, "vits": 400.0}
"""Images a second that are aimed at, of the encoder on one H100."""


def measure_device(
    folder: Path,
    name: str,
    device: torch.device,
    *,
    dtypes: Sequence[str] = _DTYPES,
    batch_sizes: Sequence[int] = _BATCH_SIZES,
    turns: int = _TURNS,
    jpegs: int = _JPEGS,
    matmul_side: int = _MATMUL_SIDE,
) -> Iterator[Row]:
    """Rows of one model.

    Args:
        folder: for its weights.
        name: of the model.
        device: where it runs.
        dtypes: that are compared with float32.
        batch_sizes: that are tried; the best counts for what comes after.
        turns: of each measurement.
        jpegs: how many go from bytes to RLE.
        matmul_side: of the square product that the chip's rate is measured with.
    """
    weights = make_smooth_weights(folder, name)
    exact = load_predictor(name, weights, str(device))
    for dtype in dtypes:
        predictor = load_predictor(name, weights, str(device), dtype)
        tag = f"{name}.{dtype}"
        rates: dict[int, float] = {}
        for size in batch_sizes:
            timing = _time_encode(predictor, size, turns)
            rates[size] = 1000 * size / timing.median_ms
            yield Row(
                f"encode.batch.{tag}.{size}", rates[size], "images/s", "more",
                note=f"batches of {size}, from RGB arrays, copy and resize included",
                timings={"ours": timing},
            )  # fmt: skip
        best = max(rates, key=rates.__getitem__)
        yield Row(
            f"encode.best.{tag}", rates[best], "images/s", "more", _RATES.get(name),
            f"in batches of {best}",
        )  # fmt: skip
        yield _compare_with_matmul(exact, predictor, dtype, rates[best], matmul_side, turns)
        yield _measure_click(predictor, tag, turns)
        yield _measure_loss(exact, predictor, tag)
        yield _measure_jpegs(predictor, tag, best, jpegs)


def _time_encode(predictor: Predictor, size: int, turns: int) -> Timing:
    photos = [make_photo(_SIZE_HW)] * size

    def encode() -> None:
        predictor.encode(photos)
        _wait_for(predictor.device)

    encode()
    return summarise([time_once(encode) for _ in range(turns)])


def _compare_with_matmul(
    exact: Predictor,
    predictor: Predictor,
    dtype: str,
    images_per_s: float,
    side: int,
    turns: int,
) -> Row:
    """What the encoder achieves of what a large product does on this chip in the same dtype."""
    square = torch.randn(side, side, device=predictor.device, dtype=getattr(torch, dtype))

    def multiply() -> None:
        torch.mm(square, square)
        _wait_for(predictor.device)

    multiply()
    most = 2 * side**3 / summarise([time_once(multiply) for _ in range(turns)]).median_ms / 1e9
    found = count_encoder_flops(exact) * images_per_s / 1e12
    return Row(
        f"encode.share_of_matmul.{predictor.spec.name}.{dtype}", 100 * found / most, "%", "more",
        note=f"{found:.3g} TFLOP/s of {most:.3g} that a product of two {side}² matrices gets",
    )  # fmt: skip


def _measure_click(predictor: Predictor, tag: str, turns: int) -> Row:
    photo, prompt = make_photo(_SIZE_HW), make_prompt(_SIZE_HW)

    def click() -> None:
        predictor.decode(predictor.encode(photo), prompt)  # its logits are on the CPU

    click()
    timing = summarise([time_once(click) for _ in range(turns)])
    return Row(
        f"click.cold.{tag}", timing.median_ms, "ms", "less", 12,
        "encode and decode of one image, without the service", {"ours": timing},
    )  # fmt: skip


def _measure_loss(exact: Predictor, predictor: Predictor, tag: str) -> Row:
    photo, prompt = make_photo(_SIZE_HW), make_prompt(_SIZE_HW)
    expected = exact.decode(exact.encode(photo), prompt).mask
    mask = predictor.decode(predictor.encode(photo), prompt).mask
    shared = np.count_nonzero(mask & expected) / np.count_nonzero(mask | expected)
    return Row(f"mask_iou.{tag}", shared, "IoU", "more", 0.99, "a box, beside float32")


def _measure_jpegs(predictor: Predictor, tag: str, batch_size: int, count: int) -> Row:
    """From JPEG bytes to brush RLE with one box each: reading, encoding and drawing overlap."""
    jpeg, prompt = make_jpeg(make_photo(_SIZE_HW)), make_prompt(_SIZE_HW)
    cores = os.cpu_count() or 1

    def draw(embedding: ImageEmbedding) -> list[int]:
        return encode_brush_rle(predictor.decode(embedding, prompt).mask)

    def label_all() -> None:
        with ThreadPoolExecutor(cores) as readers, ThreadPoolExecutor(cores) as drawers:
            reading = [readers.submit(partial(read_image, jpeg)) for _ in range(count)]
            drawing = []
            for start in range(0, count, batch_size):
                batch = [future.result() for future in reading[start : start + batch_size]]
                drawing += [drawers.submit(draw, e) for e in predictor.encode(batch)]
            for future in drawing:
                future.result()

    label_all()
    spent_ms = time_once(label_all)
    return Row(
        f"jpeg_to_rle.{tag}", 1000 * count / spent_ms, "images/s", "more", 540,
        f"{count} JPEGs of {_SIZE_HW[1]}×{_SIZE_HW[0]}, a box each, in batches of {batch_size}, "
        f"on {cores} cores",
    )  # fmt: skip


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
