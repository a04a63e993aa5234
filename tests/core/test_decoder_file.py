from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core import (
    CheckpointError,
    EfficientSAM,
    Predictor,
    Prompt,
    build_decoder,
    load_predictor,
    read_decoder,
    write_decoder,
)

from .small_models import PLAIN, PYRAMID, make_small_predictor

CLICK = Prompt(points=[[80, 60]])


def shift_logits(decoder: EfficientSAM) -> EfficientSAM:
    """Change what the decoder says, a little."""
    with torch.no_grad():
        for parameter in decoder.mask_decoder.output_hypernetworks_mlps.parameters():
            parameter.mul_(1.5)
    return decoder


@pytest.fixture(scope="module", params=[PLAIN, PYRAMID], ids=["plain", "pyramid"])
def base(request: pytest.FixtureRequest) -> Predictor:
    return make_small_predictor(request.param)


def test_another_decoder_answers_from_the_same_embedding(
    base: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    content = write_decoder(shift_logits(base.copy_decoder()), base.embedding_identity)
    before = base.decode(base.encode(photo_like), CLICK).low_res_logits
    learned = base.with_decoder(content)
    embedding = base.encode(photo_like)
    after = learned.decode(embedding, CLICK).low_res_logits
    assert not np.allclose(before, after)
    np.testing.assert_array_equal(base.decode(embedding, CLICK).low_res_logits, before)
    assert torch.equal(learned.encode(photo_like).features, embedding.features)
    assert learned.embedding_identity == base.embedding_identity
    assert learned.model_version == f"{base.model_version}-{read_decoder(content).sha256[:8]}"


def test_a_decoder_written_and_read_again_answers_as_before(
    base: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    content = write_decoder(base.copy_decoder(), base.embedding_identity)
    assert len(content) < 2**20
    embedding = base.encode(photo_like)
    expected = base.decode(embedding, CLICK).low_res_logits
    ours = base.with_decoder(content).decode(embedding, CLICK).low_res_logits
    assert np.corrcoef(ours.ravel(), expected.ravel())[0, 1] > 0.99


def test_training_a_copy_leaves_the_predictor_as_it_was(
    base: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    before = base.decode(base.encode(photo_like), CLICK).low_res_logits
    shift_logits(base.copy_decoder())
    after = base.decode(base.encode(photo_like), CLICK).low_res_logits
    np.testing.assert_array_equal(before, after)


def test_notes_are_kept_and_count_as_part_of_the_version(base: Predictor) -> None:
    decoder = base.copy_decoder()
    first, again, other = (
        write_decoder(decoder, base.embedding_identity, {"run": run, "by": "me"})
        for run in ("a", "a", "b")
    )
    assert first == again
    assert read_decoder(first).notes == {"run": "a", "by": "me"}
    assert base.with_decoder(first).model_version != base.with_decoder(other).model_version


def test_a_process_that_only_decodes_can_change_its_decoder(
    nano_weights: Path, photo_like: NDArray[np.uint8]
) -> None:
    whole, decoding = (load_predictor("nano", nano_weights) for _ in range(2))
    decoding.drop_encoder()
    content = write_decoder(shift_logits(decoding.copy_decoder()), decoding.embedding_identity)
    embedding = whole.encode(photo_like)
    np.testing.assert_array_equal(
        decoding.with_decoder(content).decode(embedding, CLICK).mask,
        whole.with_decoder(content).decode(embedding, CLICK).mask,
    )


def test_a_decoder_of_another_encoder_is_refused(base: Predictor) -> None:
    content = write_decoder(base.copy_decoder(), "nano-0123456789abcdef-p1")
    with pytest.raises(CheckpointError, match="nano-0123456789abcdef-p1"):
        base.with_decoder(content)


def test_a_decoder_of_another_shape_is_refused(base: Predictor) -> None:
    other = build_decoder(replace(base.architecture, decoder_mlp_width=96))
    with pytest.raises(CheckpointError, match="size mismatch"):
        base.with_decoder(write_decoder(other, base.embedding_identity))


@pytest.mark.parametrize("keep", [0, 7, 100, -1])
def test_a_file_that_was_cut_off_is_refused(base: Predictor, keep: int) -> None:
    content = write_decoder(base.copy_decoder(), base.embedding_identity)
    with pytest.raises(CheckpointError, match="damaged"):
        read_decoder(content[:keep])


@pytest.mark.parametrize(
    "content", [b"x" * 64, b"\xff" * 64, b"\x02" + bytes(7) + b"[]" + bytes(9)]
)
def test_something_else_is_refused(content: bytes) -> None:
    with pytest.raises(CheckpointError, match="decoder file"):
        read_decoder(content)


def test_a_whole_checkpoint_is_no_decoder_file(nano_weights: Path) -> None:
    with pytest.raises(CheckpointError, match="no decoder file"):
        read_decoder(nano_weights.read_bytes())


def test_weights_that_are_no_numbers_are_not_written(base: Predictor) -> None:
    decoder = base.copy_decoder()
    with torch.no_grad():
        decoder.mask_decoder.iou_token.weight[0, 0] = float("nan")
    with pytest.raises(CheckpointError, match="not finite"):
        write_decoder(decoder, base.embedding_identity)
