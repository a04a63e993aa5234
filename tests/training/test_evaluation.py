"""Measuring: held-out scenes, the layout of photographs, and the trivial answers."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from rich.console import Console

from core import MODELS, ImageEmbedding, Predictor, build_model, load_predictor, save_checkpoint
from training import PromptKind, as_table, evaluate, held_out_scenes, photos
from training.batches import FIRST_HELD_OUT_SEED
from training.evaluation import ellipse_in_box, filled_box, mask_iou


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "nano.safetensors"
    save_checkpoint(build_model(MODELS["nano"].architecture), path)
    return load_predictor("nano", weights=path)


@pytest.fixture
def photo_folder(tmp_path: Path) -> Path:
    numbers = np.zeros((60, 90), np.uint8)
    numbers[10:30, 20:50] = 1
    numbers[40:55, 60:80] = 4
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (60, 90, 3), np.uint8)).save(tmp_path / "001.jpg")
    Image.fromarray(numbers).save(tmp_path / "001_objects.png")
    (tmp_path / "README.md").write_text("about")
    return tmp_path


def test_photographs_come_with_one_mask_an_object(photo_folder: Path) -> None:
    (example,) = photos(photo_folder)
    assert example.name == "001"
    assert example.image.shape == (60, 90, 3)
    assert example.objects.sum(axis=(1, 2)).tolist() == [600, 300]


def test_a_folder_of_photographs_is_measured(predictor: Predictor, photo_folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = evaluate(
        predictor,
        photos_folder=photo_folder,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 1)]
    assert report.images == 1
    assert [score.objects for score in report.scores] == [2, 2, 2, 2]
    box = report.score(PromptKind.BOX)
    assert box.filled_box_iou is not None
    assert box.filled_box_iou > 0.8
    assert box.large_mean_iou == box.mean_iou
    assert report.score(PromptKind.ONE_CLICK).ellipse_iou is None


def test_small_things_in_large_photographs_are_looked_at_closely(
    predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = np.zeros((800, 800), np.uint8)
    numbers[100:120, 100:120] = 1
    Image.fromarray(np.zeros((800, 800, 3), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(numbers).save(tmp_path / "a_objects.png")
    sizes: list[tuple[int, ...]] = []
    encode = predictor.encode

    def watch(image: npt.NDArray[np.uint8]) -> ImageEmbedding:
        sizes.append(image.shape)
        return encode(image)

    # Watched, not replaced: which pictures the encoder is given is what this is about.
    monkeypatch.setattr(predictor, "encode", watch)
    evaluate(predictor, photos_folder=tmp_path)
    assert sizes[0] == (800, 800, 3)
    assert any(max(size) < 400 for size in sizes[1:])


def test_the_same_model_gets_the_same_figures(predictor: Predictor) -> None:
    first, second = evaluate(predictor, scenes=2), evaluate(predictor, scenes=2)
    assert first.scores == second.scores


def test_a_report_is_laid_out_as_a_table(predictor: Predictor) -> None:
    console = Console(record=True, width=120)
    console.print(as_table(evaluate(predictor, scenes=1)))
    text = console.export_text()
    for kind in PromptKind:
        assert kind.value in text


def test_an_empty_folder_says_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"_objects\.png"):
        list(photos(tmp_path))


def test_photographs_without_an_object_cannot_be_measured(
    predictor: Predictor, photo_folder: Path
) -> None:
    Image.fromarray(np.zeros((60, 90), np.uint8)).save(photo_folder / "001_objects.png")
    with pytest.raises(ValueError, match="no object in 1 photographs: there is nothing to measure"):
        evaluate(predictor, photos_folder=photo_folder)


def test_a_truth_of_another_size_is_refused(photo_folder: Path) -> None:
    Image.new("L", (9, 9)).save(photo_folder / "001_objects.png")
    with pytest.raises(ValueError, match=r"001_objects\.png"):
        list(photos(photo_folder))


def test_measuring_on_a_training_stream_is_refused() -> None:
    with pytest.raises(ValueError, match="training stream"):
        list(held_out_scenes(1, seed=FIRST_HELD_OUT_SEED - 1))


def _rectangle() -> npt.NDArray[np.bool_]:
    mask = np.zeros((40, 50), np.bool_)
    mask[10:20, 5:35] = True
    return mask


def test_the_filled_box_is_right_for_a_rectangle() -> None:
    box = np.array([5, 10, 35, 20], np.float32)
    assert mask_iou(filled_box(box, (40, 50)), _rectangle()) == 1


def test_the_ellipse_takes_its_share_of_the_box() -> None:
    box = np.array([5, 10, 35, 20], np.float32)
    ellipse = ellipse_in_box(box, (40, 50))
    assert ellipse.sum() == pytest.approx(np.pi / 4 * 300, rel=0.05)
    assert not (ellipse & ~_rectangle()).any()
