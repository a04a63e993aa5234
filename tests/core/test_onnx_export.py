"""The ONNX files give the model's numbers, for any number of images and prompts."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from core import (
    MODELS,
    Checkpoint,
    ExportError,
    ModelSpec,
    build_model,
    export_onnx,
    find_checkpoint,
    onnx_export,
    save_checkpoint,
)

from .small_models import PLAIN, PYRAMID

# torch translates each graph for half a minute on a busy machine.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(autouse=True)
def untraced() -> Iterator[None]:
    """torch writes a trace of its compiler where somebody listens to all logs, as pytest does."""
    logging.getLogger("torch.__trace").disabled = True
    yield
    logging.getLogger("torch.__trace").disabled = False


def make_checkpoint(spec: ModelSpec, folder: Path, seed: int = 0) -> Checkpoint:
    """One of random weights."""
    torch.manual_seed(seed)
    path = folder / f"{spec.name}-{seed}.safetensors"
    save_checkpoint(build_model(spec.architecture), path)
    return Checkpoint(spec, path)


@pytest.mark.parametrize(
    "spec",
    [
        replace(MODELS["vitt"], architecture=PLAIN),
        replace(MODELS["nano"], name="pyramid", architecture=PYRAMID),
        # As many cells and channels as the published ones: a norm adds a million numbers.
        replace(
            MODELS["vitt"], architecture=replace(PLAIN, image_size=512, embedding_channels=256)
        ),
    ],
    ids=["a plain encoder", "an encoder with details", "a large decoder"],
)
def test_every_architecture_is_written_and_another_model_is_told_from_it(
    spec: ModelSpec, tmp_path: Path
) -> None:
    written = export_onnx(make_checkpoint(spec, tmp_path), tmp_path)
    assert written.encoder_difference < 1e-4
    assert written.decoder_difference < 1e-4
    encoder, decoder = onnx.load(str(written.encoder)), onnx.load(str(written.decoder))
    a = spec.architecture
    assert read_shape(encoder.graph.input[0]) == ["images", 3, a.image_size, a.image_size]
    assert [read_shape(one) for one in decoder.graph.input] == [
        [1, *a.embedding_shape], ["prompts", 6, 2], ["prompts", 6],
    ]  # fmt: skip
    assert read_shape(decoder.graph.output[0])[1:] == [3, a.logits_size, a.logits_size]
    facts = {one.key: one.value for one in decoder.metadata_props}
    assert facts["image_size"] == str(a.image_size)
    assert "2 box_top_left" in facts["slot_labels"]
    torch.manual_seed(1)
    other = onnx_export._Decoder(build_model(a).eval())
    with pytest.raises(ExportError, match="gives other numbers than the model"):
        onnx_export._compare(other, written.decoder)


def read_shape(value: Any) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def test_a_missing_package_is_named_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The packages are here; one that is not stands for them.
    monkeypatch.setattr(onnx_export, "_NEEDED", ("onnx", "no_such_package"))
    with pytest.raises(ExportError, match=r"\(no_such_package\): pip install '.*\[onnx\]'"):
        export_onnx(find_checkpoint("nano"), tmp_path)
    assert not list(tmp_path.iterdir())
