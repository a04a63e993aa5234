from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core import (
    MODELS,
    AutomaticMask,
    AutomaticMaskConfig,
    EfficientSAMError,
    ImageEmbedding,
    MaskPrediction,
    Predictor,
    draw_masks,
    load_predictor,
    segment_everything,
)
from core.automatic_masks import keep_reliable, remove_duplicates
from core.mask_parts import clean_parts

from .lively_model import save_lively_model

SIDE = 64
FEW_POINTS = replace(MODELS["nano"].automatic_masks, points_per_side=5, points_per_batch=10)
LENIENT = AutomaticMaskConfig(min_predicted_iou=0, min_stability=0, min_area_share=0)

Discs = list[tuple[float, float, float, float]]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    path = tmp_path_factory.mktemp("weights") / "lively.safetensors"
    save_lively_model(path)
    return load_predictor("nano", path)


@pytest.fixture(scope="module")
def embedding(predictor: Predictor, photo_like: NDArray[np.uint8]) -> ImageEmbedding:
    return predictor.encode(photo_like)


@pytest.fixture(scope="module")
def masks(predictor: Predictor, embedding: ImageEmbedding) -> list[AutomaticMask]:
    found = segment_everything(predictor, embedding, FEW_POINTS)
    assert len(found) > 5, "the tests on these masks need some"
    return found


def disc(x: float, y: float, radius: float, steepness: float = 1.0) -> NDArray[np.float32]:
    """(SIDE, SIDE) logits, positive inside; their slope is the steepness, per cell."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (steepness * (radius - np.hypot(columns - x, rows - y))).astype(np.float32)


def prediction(
    *logits: NDArray[np.float32], iou: list[float], size_hw: tuple[int, int] = (SIDE, SIDE)
) -> MaskPrediction:
    return MaskPrediction(
        low_res_logits=np.stack(logits),
        iou=np.array(iou, dtype=np.float32),
        best=int(np.argmax(iou)),
        original_size_hw=size_hw,
    )


def low_res_iou(one: AutomaticMask, other: AutomaticMask) -> float:
    a, b = one.low_res_logits >= 0, other.low_res_logits >= 0
    return float((a & b).sum() / (a | b).sum())


def test_every_result_passes_the_thresholds_and_the_best_comes_first(
    masks: list[AutomaticMask],
) -> None:
    for mask in masks:
        assert mask.score >= FEW_POINTS.min_predicted_iou
        assert mask.stability >= FEW_POINTS.min_stability
        assert (mask.low_res_logits >= 0).mean() >= FEW_POINTS.min_area_share
    scores = [mask.score for mask in masks]
    assert scores == sorted(scores, reverse=True)


def test_stricter_thresholds_of_score_and_stability_leave_fewer_masks(
    predictor: Predictor, embedding: ImageEmbedding, masks: list[AutomaticMask]
) -> None:
    middle = float(np.median([mask.score for mask in masks]))
    stricter = replace(FEW_POINTS, min_predicted_iou=middle)
    assert 0 < len(segment_everything(predictor, embedding, stricter)) < len(masks)
    unreachable = replace(FEW_POINTS, min_stability=1)
    assert segment_everything(predictor, embedding, unreachable) == []


def test_no_two_results_show_the_same(masks: list[AutomaticMask]) -> None:
    assert max(low_res_iou(a, b) for a, b in combinations(masks, 2)) <= FEW_POINTS.max_mask_iou


def test_the_box_encloses_the_mask_and_is_no_more_than_two_cells_too_large(
    masks: list[AutomaticMask],
) -> None:
    for found in masks:
        mask = found.mask
        assert mask.shape == (120, 160)
        assert mask.dtype == np.bool_
        x0, y0, x1, y1 = found.box_xyxy_px
        assert 0 <= x0 < x1 <= 160
        assert 0 <= y0 < y1 <= 120
        assert mask[y0:y1, x0:x1].sum() == mask.sum() > 0
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        assert columns[0] - x0 <= 2 * 160 / 128 + 1
        assert y1 - 1 - rows[-1] <= 2 * 120 / 128 + 1


def test_what_is_held_for_a_mask_does_not_depend_on_the_size_of_the_image(
    predictor: Predictor, embedding: ImageEmbedding, masks: list[AutomaticMask]
) -> None:
    large = ImageEmbedding(embedding.features, (3000, 4000))
    found = segment_everything(predictor, large, FEW_POINTS)
    assert len(found) == len(masks)
    for mask in found:
        assert mask.low_res_logits.shape == (128, 128)
        assert mask.low_res_logits.dtype == np.float16
        assert mask.low_res_logits.base is None, "a view would keep a whole batch alive"
    assert found[0].mask is not found[0].mask, "a resized mask is not kept"


def test_it_is_deterministic_and_the_batch_size_changes_nothing(
    predictor: Predictor, embedding: ImageEmbedding, masks: list[AutomaticMask]
) -> None:
    again = segment_everything(predictor, embedding, FEW_POINTS)
    other_batches = segment_everything(
        predictor, embedding, replace(FEW_POINTS, points_per_batch=7)
    )
    assert [m.box_xyxy_px for m in again] == [m.box_xyxy_px for m in masks]
    for one, other in zip(masks, again, strict=True):
        np.testing.assert_array_equal(one.low_res_logits, other.low_res_logits)
    assert [m.score for m in other_batches] == pytest.approx([m.score for m in masks], abs=1e-4)


def test_progress_counts_every_point_and_ends_at_the_total(
    predictor: Predictor, embedding: ImageEmbedding
) -> None:
    seen: list[tuple[int, int]] = []
    segment_everything(predictor, embedding, FEW_POINTS, on_progress=lambda *now: seen.append(now))
    assert seen == [(10, 25), (20, 25), (25, 25)]


def test_a_model_has_options_of_its_own_and_they_are_the_default(
    predictor: Predictor, embedding: ImageEmbedding
) -> None:
    assert MODELS["vitt"].automatic_masks == AutomaticMaskConfig()
    assert MODELS["nano"].automatic_masks != AutomaticMaskConfig()
    seen: list[int] = []
    predictor.spec = replace(predictor.spec, automatic_masks=FEW_POINTS)
    segment_everything(predictor, embedding, on_progress=lambda done, total: seen.append(total))
    assert set(seen) == {25}


def test_all_three_candidates_of_a_point_are_looked_at() -> None:
    three = prediction(disc(30, 30, 20), disc(30, 30, 10), disc(30, 30, 5), iou=[0.9, 0.5, 0.8])
    kept = keep_reliable(three, replace(LENIENT, min_predicted_iou=0.6))
    assert [mask.score for mask in kept] == pytest.approx([0.9, 0.8])


def test_a_mask_that_depends_on_the_threshold_of_its_logits_is_dropped() -> None:
    steep, shallow = disc(30, 30, 15, steepness=10), disc(30, 30, 15, steepness=0.1)
    kept = keep_reliable(
        prediction(steep, shallow, iou=[0.9, 0.9]), replace(LENIENT, min_stability=0.9)
    )
    assert [mask.stability for mask in kept] == pytest.approx([1.0], abs=0.1)


def test_a_small_mask_is_dropped_and_so_is_one_of_specks_alone() -> None:
    small = disc(30, 30, 2)
    specks = np.maximum.reduce([disc(x, x, 2) for x in (10, 25, 40, 55)])
    config = replace(LENIENT, min_area_share=20 / SIDE**2)
    assert np.count_nonzero(specks >= 0) > 20
    assert keep_reliable(prediction(small, specks, iou=[0.9, 0.9]), config) == []


def test_specks_vanish_and_holes_are_filled_also_after_the_resize() -> None:
    logits = np.maximum(disc(25, 25, 15), disc(55, 55, 2))
    logits = np.minimum(logits, -disc(25, 25, 2))
    logits[60, 10:13] = -0.01  # nearly a speck: a resize that overshoots would draw it
    config = replace(LENIENT, min_area_share=30 / SIDE**2)
    (found,) = keep_reliable(prediction(logits, iou=[0.9], size_hw=(640, 640)), config)
    mask = found.mask
    assert not mask[450:, 450:].any(), "the speck"
    assert not mask[450:, :300].any(), "what was no speck before the resize"
    assert mask[200:310, 200:310].all(), "the hole"
    expected = disc(25, 25, 15) >= 0
    np.testing.assert_array_equal(found.low_res_logits >= 0, expected)


def test_parts_are_those_that_a_walk_from_cell_to_cell_finds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        mask = rng.random((24, 24)) < 0.55
        clean = clean_parts(np.where(mask, 1, -1).astype(np.float32), min_cells=9) >= 0
        without_specks = mask & (_part_sizes(mask) >= 9)
        holes = ~without_specks & (_part_sizes(~without_specks) < 9)
        np.testing.assert_array_equal(clean, without_specks | holes)


def _part_sizes(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(H, W) the number of cells of the part that each cell belongs to, found by walking."""
    sizes: NDArray[np.int64] = np.zeros(mask.shape, dtype=np.int64)
    for start in zip(*np.nonzero(mask), strict=True):
        if sizes[start]:
            continue
        part, edge = {start}, [start]
        while edge:
            y, x = edge.pop()
            for at in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                is_inside = all(0 <= c < n for c, n in zip(at, mask.shape, strict=True))
                if is_inside and mask[at] and at not in part:
                    part.add(at)
                    edge.append(at)
        sizes[tuple(np.array(list(part)).T)] = len(part)
    return sizes


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_a_mask_of_everything_or_nothing_is_left_alone(value: float) -> None:
    logits = np.full((SIDE, SIDE), value, dtype=np.float32)
    np.testing.assert_array_equal(clean_parts(logits, 30), logits)


@given(
    st.lists(st.tuples(*[st.floats(0, SIDE)] * 2, st.floats(2, 30), st.floats(0, 1)), max_size=12)
)
def test_of_masks_that_overlap_too_much_the_best_stays(discs: Discs) -> None:
    config = replace(LENIENT, max_box_iou=1, max_mask_iou=0.6)
    found = [
        mask
        for x, y, radius, score in discs
        for mask in keep_reliable(prediction(disc(x, y, radius), iou=[score]), config)
    ]
    kept = remove_duplicates(found, config)
    assert all(low_res_iou(a, b) <= 0.6 for a, b in combinations(kept, 2))
    for lost in set(found) - set(kept):
        assert any(low_res_iou(lost, k) > 0.6 and k.score >= lost.score for k in kept)


def test_masks_of_nearly_the_same_box_are_one() -> None:
    ring = np.minimum(disc(30, 30, 20), -disc(30, 30, 17))
    found = keep_reliable(prediction(ring, disc(30, 30, 20), iou=[0.8, 0.9]), LENIENT)
    assert low_res_iou(*found) < 0.5
    assert len(remove_duplicates(found, replace(LENIENT, max_box_iou=1))) == 2
    (kept,) = remove_duplicates(found, LENIENT)
    assert kept.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("points_per_side", 0),
        ("points_per_batch", -3),
        ("min_predicted_iou", 1.5),
        ("min_stability", -0.1),
        ("stability_offset", 0.0),
        ("max_box_iou", float("nan")),
        ("max_mask_iou", 7),
        ("min_area_share", 100),
    ],
)
def test_a_config_out_of_range_is_refused_with_its_name_and_value(name: str, value: float) -> None:
    options: dict[str, Any] = {name: value}
    with pytest.raises(EfficientSAMError, match=f"{name} must be .* got {value}"):
        AutomaticMaskConfig(**options)


def test_the_published_architecture_works_the_same(tmp_path: Path) -> None:
    save_lively_model(tmp_path / "vitt.safetensors", "vitt")
    predictor = load_predictor("vitt", tmp_path / "vitt.safetensors")
    # The encoder is not what is tested here, and takes seconds.
    torch.manual_seed(0)
    embedding = ImageEmbedding(torch.randn(256, 64, 64), (90, 120))
    found = segment_everything(predictor, embedding, replace(FEW_POINTS, points_per_side=2))
    assert found
    assert found[0].low_res_logits.shape == (256, 256)
    assert found[0].mask.shape == (90, 120)


def test_the_picture_shows_each_mask_in_a_colour_of_its_own(
    photo_like: NDArray[np.uint8],
) -> None:
    left, right, nothing = (np.zeros((120, 160), dtype=bool) for _ in range(3))
    left[20:100, 20:60] = True
    right[20:100, 80:120] = True
    picture = np.asarray(draw_masks(photo_like, iter([left, right, nothing])))
    assert picture.shape == photo_like.shape
    np.testing.assert_array_equal(picture[110, 150], photo_like[110, 150])
    tints = [picture[90, x].astype(int) - photo_like[90, x] for x in (30, 110)]
    assert all(np.abs(tint).max() > 40 for tint in tints), "tinted"
    assert np.abs(tints[0] - tints[1]).max() > 60, "differently"
