"""The checkpoint that ships is the one that the registry and its card speak of."""

import numpy as np
import pytest
import torch

from core import MODELS, WEIGHTS_FOLDER, Prompt, find_checkpoint, load_predictor, verify_checkpoint

MAX_BYTES = 8_000_000


def test_the_file_that_ships_is_the_one_in_the_registry_and_small() -> None:
    checkpoint = find_checkpoint("nano")
    assert MODELS["nano"].sha256
    verify_checkpoint(checkpoint)
    assert checkpoint.path.stat().st_size <= MAX_BYTES


def test_its_card_speaks_of_this_version() -> None:
    version = load_predictor("nano").model_version
    assert version in (WEIGHTS_FOLDER / "nano.md").read_text()


@pytest.mark.parametrize("has_units", [False, True])
def test_it_segments_a_disc_on_a_plain_ground(
    monkeypatch: pytest.MonkeyPatch, has_units: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": has_units})
    y, x = np.mgrid[:200, :300]
    disc = (x - 120) ** 2 + (y - 90) ** 2 < 50**2
    image = np.where(disc[..., None], [200, 60, 40], [70, 90, 110]).astype(np.uint8)
    predictor = load_predictor("nano", dtype="auto")
    embedding = predictor.encode(image)
    for prompt in (Prompt(points=[[120, 90]]), Prompt(box=[68, 38, 172, 142])):
        mask = predictor.decode(embedding, prompt).mask
        assert (mask & disc).sum() / (mask | disc).sum() > 0.85
