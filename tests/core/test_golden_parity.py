"""Parity with the published implementation on weights that anyone can remake."""

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core import (
    MODELS,
    ImageEmbedding,
    Predictor,
    Prompt,
    build_model,
    has_bfloat16_units,
    load_predictor,
    read_image,
    save_checkpoint,
)

SHARED = Path(__file__).resolve().parents[3] / "shared"

pytestmark = pytest.mark.skipif(
    not (SHARED / "golden").is_dir(), reason="the golden arrays are not beside this checkout"
)

PROMPTS = ("one_point", "two_points", "box", "box_and_point", "six_points")


def golden_tensor(name: str, shape: list[int]) -> torch.Tensor:
    """The weights rule of the golden arrays, one tensor by its name."""
    drawn = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    w: NDArray[np.float32] = np.asarray(drawn, dtype=np.float32)
    if name.endswith("positional_encoding_gaussian_matrix"):
        return torch.from_numpy(w)
    if name.endswith(".bias"):
        return torch.from_numpy(np.float32(0.02) * w)
    if len(shape) == 1:
        return torch.from_numpy(np.float32(1) + np.float32(0.1) * w)
    return torch.from_numpy(w / np.float32(np.sqrt(np.prod(shape[1:]))))


class Golden:
    """One model on the golden weights, its arrays, and the image encoded once."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.names_and_shapes: dict[str, list[int]] = json.loads(
            (SHARED / "golden" / f"{name}_state_dict.json").read_text()
        )
        self.arrays = np.load(SHARED / "golden" / f"{name}.npz")
        model = build_model(MODELS[name].architecture)
        model.load_state_dict(
            {n: golden_tensor(n, shape) for n, shape in self.names_and_shapes.items()}
        )
        path = folder / f"{name}.safetensors"
        save_checkpoint(model, path)
        self.path = path
        self.predictor: Predictor = load_predictor(name, path)
        self.embedding: ImageEmbedding = self.predictor.encode(
            read_image(SHARED / "images" / "dogs.jpg")
        )

    def prompt(self, kind: str) -> Prompt:
        points, labels = self.arrays[f"{kind}/points"], self.arrays[f"{kind}/labels"].tolist()
        corners = [xy for xy, label in zip(points, labels, strict=True) if label in (2, 3)]
        return Prompt(
            points=[xy for xy, label in zip(points, labels, strict=True) if label == 1],
            box=np.concatenate(corners) if corners else None,
        )


@pytest.fixture(scope="module", params=["vitt", "vits"])
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    return Golden(request.param, tmp_path_factory.mktemp("golden"))


def test_state_dict_has_the_published_names_and_shapes(golden: Golden) -> None:
    state = build_model(MODELS[golden.name].architecture).state_dict()
    assert {name: list(t.shape) for name, t in state.items()} == golden.names_and_shapes


def test_embedding_matches(golden: Golden) -> None:
    expected = golden.arrays["embedding"].astype(np.float32)
    assert np.abs(golden.embedding.features.numpy() - expected).max() <= 5e-3


@pytest.mark.parametrize("kind", PROMPTS)
def test_decoded_prompt_matches(golden: Golden, kind: str) -> None:
    # What the model says: the clicks of these arrays are not obeyed by weights that know nothing.
    (prediction,) = golden.predictor.decode_candidates(golden.embedding, [golden.prompt(kind)])
    logits = golden.arrays[f"{kind}/low_res_logits"].astype(np.float32)
    assert np.abs(prediction.low_res_logits - logits).max() <= 1e-2
    assert np.abs(prediction.iou - golden.arrays[f"{kind}/iou"]).max() <= 1e-3
    assert prediction.best == int(golden.arrays[f"{kind}/best"])
    size_hw = prediction.original_size_hw
    packed = np.unpackbits(golden.arrays[f"{kind}/mask_packed"])[: size_hw[0] * size_hw[1]]
    expected = packed.reshape(size_hw).astype(bool)
    both = (prediction.mask & expected).sum()
    assert both / (prediction.mask | expected).sum() >= 0.999


def test_prompts_decoded_together_equal_prompts_decoded_alone(golden: Golden) -> None:
    prompts = [golden.prompt(kind) for kind in PROMPTS]
    together = golden.predictor.decode(golden.embedding, prompts)
    for kind, answer in zip(PROMPTS, together, strict=True):
        alone = golden.predictor.decode(golden.embedding, golden.prompt(kind))
        np.testing.assert_allclose(answer.low_res_logits, alone.low_res_logits, atol=1e-3)


@pytest.mark.skipif(
    not has_bfloat16_units(torch.device("cpu")), reason="takes a minute without units for it"
)
def test_an_encoder_in_bfloat16_gives_nearly_the_same_masks(golden: Golden) -> None:
    fast = load_predictor(golden.name, golden.path, dtype="auto")
    embedding = fast.encode(read_image(SHARED / "images" / "dogs.jpg"))
    assert embedding.features.dtype is torch.bfloat16
    prompts = [golden.prompt(kind) for kind in PROMPTS]
    shared = [
        np.count_nonzero(ours.mask & exact.mask) / np.count_nonzero(ours.mask | exact.mask)
        for ours, exact in zip(
            fast.decode_candidates(embedding, prompts),
            golden.predictor.decode_candidates(golden.embedding, prompts),
            strict=True,
        )
    ]
    # These weights know no objects: their masks have edges everywhere, and still agree.
    assert np.mean(shared) >= 0.99
    assert min(shared) >= 0.98


def test_a_negative_point_is_never_embedded_as_label_zero(golden: Golden) -> None:
    points = golden.arrays["negative_label/points"]
    labels = golden.arrays["negative_label/labels"].tolist()
    prediction = golden.predictor.decode(golden.embedding, Prompt(points, labels))
    raw = golden.arrays["negative_label/low_res_logits"].astype(np.float32)
    assert np.abs(prediction.low_res_logits - raw).max() > 1e-2
