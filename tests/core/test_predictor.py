from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from core import (
    EfficientSAMError,
    ImageError,
    MaskPrediction,
    Predictor,
    Prompt,
    PromptError,
    draw_overlay,
    load_predictor,
)
from core.mask_decoder import PreparedImage


@pytest.fixture(scope="module")
def predictor(nano_weights: Path) -> Predictor:
    return load_predictor("nano", nano_weights)


def test_an_image_alone_and_in_a_batch_of_other_sizes_gives_the_same_embedding(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    alone = predictor.encode(photo_like)
    batch = predictor.encode([photo_like[:60], photo_like])
    assert batch[0].original_size_hw == (60, 160)
    torch.testing.assert_close(alone.features, batch[1].features, atol=1e-4, rtol=1e-4)


def test_the_mask_has_the_size_of_the_image_and_the_answer_is_the_best_of_three(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    prediction = predictor.decode(predictor.encode(photo_like), Prompt(points=[[80, 60]]))
    assert prediction.mask.shape == (120, 160)
    assert prediction.low_res_logits.shape == (3, 128, 128)
    assert prediction.best == int(prediction.iou.argmax())
    np.testing.assert_array_equal(prediction.mask, prediction.candidate_mask(prediction.best))


def test_thirty_prompts_in_one_call_equal_thirty_calls(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    embedding = predictor.encode(photo_like)
    prompts = [Prompt(points=[[5 * i, 3 * i]]) for i in range(30)]
    for prompt, together in zip(prompts, predictor.decode(embedding, prompts), strict=True):
        alone = predictor.decode(embedding, prompt)
        np.testing.assert_allclose(together.low_res_logits, alone.low_res_logits, atol=1e-3)


def test_prompts_of_several_images_in_one_call_equal_a_call_an_image(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    images = [photo_like, photo_like[:, ::-1], photo_like[::-1, :80], 255 - photo_like]
    embeddings = predictor.encode([np.ascontiguousarray(image) for image in images])
    prompts = [
        [Prompt(box=[40, 30, 120, 90])],
        [Prompt(points=[[5 + 7 * i, 9 + 3 * i]]) for i in range(21)],
        [],
        [Prompt(points=[[40, 60], [10, 10], [150, 110]], labels=[1, 0, 1])],
    ]
    together = predictor.decode_each(embeddings, prompts)
    assert [len(answers) for answers in together] == [1, 21, 0, 1]
    for embedding, asked, answers in zip(embeddings, prompts, together, strict=True):
        for prompt, answer in zip(asked, answers, strict=True):
            alone = predictor.decode(embedding, prompt)
            np.testing.assert_allclose(answer.low_res_logits, alone.low_res_logits, atol=1e-3)
            np.testing.assert_allclose(answer.iou, alone.iou, atol=1e-4)
            assert answer.original_size_hw == embedding.original_size_hw


def test_images_of_as_many_prompts_are_decoded_in_one_pass(
    predictor: Predictor, photo_like: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    embeddings = predictor.encode([photo_like] * 4)
    passes: list[tuple[int, ...]] = []
    model = predictor._model
    decode = model.decode

    def counted(image: PreparedImage, points: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        passes.append(tuple(labels.shape[:2]))
        return decode(image, points, labels)

    monkeypatch.setattr(model, "decode", counted)
    box, point = Prompt(box=[40, 30, 120, 90]), Prompt(points=[[80, 60]])
    predictor.decode_each(embeddings, [[box], [point, box], [point], [box, point]])
    assert sorted(passes) == [(2, 1), (2, 2)]


def test_no_images_give_no_embeddings(predictor: Predictor) -> None:
    assert predictor.encode([]) == []


def test_a_device_that_does_not_compute_is_found_out(nano_weights: Path) -> None:
    predictor = load_predictor("nano", nano_weights)
    assert predictor.is_device_usable()
    predictor.device = torch.device("meta")  # it has no numbers to give
    assert not predictor.is_device_usable()


def test_no_prompts_give_no_predictions(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    assert predictor.decode(predictor.encode(photo_like), []) == []


def test_a_point_outside_the_image_is_refused(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    with pytest.raises(PromptError, match="160×120"):
        predictor.decode(predictor.encode(photo_like), Prompt(points=[[161, 5]]))


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3)])
def test_an_array_that_is_no_rgb_image_is_refused(
    predictor: Predictor, shape: tuple[int, ...]
) -> None:
    with pytest.raises(ImageError, match="uint8"):
        predictor.encode(np.zeros(shape, dtype=np.uint8))


def test_an_embedding_of_another_model_is_refused(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    embedding = predictor.encode(photo_like)
    foreign = type(embedding)(torch.zeros(256, 64, 64), embedding.original_size_hw)
    with pytest.raises(ImageError, match="made by another model"):
        predictor.decode(foreign, Prompt(points=[[5, 5]]))


def test_a_predictor_without_its_encoder_still_decodes(
    nano_weights: Path, photo_like: NDArray[np.uint8]
) -> None:
    whole, decoder = (load_predictor("nano", nano_weights) for _ in range(2))
    decoder.drop_encoder()
    embedding = whole.encode(photo_like)
    prompt = Prompt(points=[[80, 60]])
    np.testing.assert_array_equal(
        decoder.decode(embedding, prompt).mask, whole.decode(embedding, prompt).mask
    )
    with pytest.raises(EfficientSAMError, match="encoder was dropped"):
        decoder.encode(photo_like)


def test_versions_follow_all_weights_and_embeddings_those_of_the_encoder(
    nano_weights: Path, tmp_path: Path
) -> None:
    first = load_predictor("nano", nano_weights)
    other = tmp_path / "other.safetensors"
    other.write_bytes(nano_weights.read_bytes())
    copy = load_predictor("nano", other)
    assert copy.model_version == first.model_version
    assert copy.embedding_identity == first.embedding_identity
    for part, is_same_encoder in (("mask_decoder", True), ("image_encoder", False)):
        state = load_file(nano_weights)
        next(value for name, value in state.items() if name.startswith(part)).view(-1)[0] += 1
        save_file(state, other)
        changed = load_predictor("nano", other)
        assert changed.model_version != first.model_version
        assert (changed.embedding_identity == first.embedding_identity) is is_same_encoder


@pytest.mark.parametrize(("dtype", "least"), [("float16", 0.99), ("bfloat16", 0.97)])
def test_half_precision_decodes_nearly_the_same_logits(
    predictor: Predictor,
    nano_weights: Path,
    photo_like: NDArray[np.uint8],
    dtype: str,
    least: float,
) -> None:
    half = load_predictor("nano", nano_weights, dtype=dtype)
    prompt = Prompt(points=[[80, 60]])
    ours = half.decode(half.encode(photo_like), prompt).low_res_logits
    expected = predictor.decode(predictor.encode(photo_like), prompt).low_res_logits
    assert np.corrcoef(ours.ravel(), expected.ravel())[0, 1] > least


def test_more_points_than_slots_change_the_answer_instead_of_being_dropped(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    embedding = predictor.encode(photo_like)
    points = [[10 * i + 5, 60] for i in range(9)]
    six, nine = predictor.decode_candidates(
        embedding, [Prompt(points=points[:6]), Prompt(points=points)]
    )
    assert (nine.low_res_logits >= six.low_res_logits - 1e-4).all(), "a union only grows"
    assert not np.allclose(nine.low_res_logits, six.low_res_logits)


@pytest.mark.parametrize("xy", [(80.0, 60.0), (0.0, 0.0), (160.0, 120.0)])
def test_the_pixel_of_a_negative_point_is_always_out(
    predictor: Predictor, photo_like: NDArray[np.uint8], xy: tuple[float, float]
) -> None:
    prompt = Prompt(points=[[20, 20], xy], labels=[1, 0], box=[0, 0, 160, 120])
    mask = predictor.decode(predictor.encode(photo_like), prompt).mask
    assert not mask[min(int(xy[1]), 119), min(int(xy[0]), 159)]


def test_the_overlay_shows_mask_points_and_box(
    predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    mask: NDArray[np.bool_] = np.zeros((120, 160), dtype=bool)
    mask[40:80, 60:100] = True
    prompt = Prompt(points=[[80, 60], [10, 100]], labels=[1, 0], box=[50, 30, 110, 90])
    picture = np.asarray(draw_overlay(photo_like, mask, prompt))
    assert picture.shape == photo_like.shape
    assert (picture[60, 62] != photo_like[60, 62]).any(), "the mask is tinted"
    np.testing.assert_array_equal(picture[110, 150], photo_like[110, 150])
    assert picture[60, 80, 1] > picture[60, 80, 0], "a positive point is green"
    assert picture[100, 10, 0] > picture[100, 10, 1], "a negative point is red"


def test_a_prediction_is_cut_to_scores_between_zero_and_one() -> None:
    prediction = MaskPrediction(
        low_res_logits=np.zeros((3, 8, 8), np.float32),
        iou=np.array([0.1, 1.2, 0.3], np.float32),
        best=1,
        original_size_hw=(8, 8),
    )
    assert prediction.score == 1.0
