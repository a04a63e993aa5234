"""What lies stored in a task, as Label Studio's calls and its API carry it."""

import json
import time
import tracemalloc
from typing import Any

import pytest

from labelstudio_backend.protocol import PredictRequest, Task
from labelstudio_backend.regions import is_prompt

from .label_studio_requests import Json, make_keypoint, make_predict, make_rectangle, read_captured


def read_task(**fields: Any) -> Task:
    return Task.model_validate_json(json.dumps({"id": 1, "data": {"image": "x"}, **fields}))


def test_what_is_stored_in_a_task_is_read() -> None:
    task = read_task(
        annotations=[{"id": 3, "result": [make_rectangle(1, 2, 3, 4)], "was_cancelled": True}],
        drafts=[{"id": 4, "result": [make_keypoint(5, 6)], "updated_at": "2026-11-23T00:57:37Z"}],
        predictions=[{"id": 5, "result": [make_keypoint(7, 8)], "model_version": "detector"}],
    )
    (annotation,), (draft,), (prediction,) = task.annotations, task.drafts, task.predictions
    assert (annotation.id, annotation.was_cancelled) == (3, True)
    assert annotation.result[0].value.rectanglelabels == ("Dog",)
    assert (draft.was_cancelled, draft.model_version) == (False, None)
    assert draft.updated_at is not None
    assert draft.updated_at.year == 2026
    assert prediction.model_version == "detector"


@pytest.mark.parametrize("stored", [None, False, 7, "x", {}, [1, 2], [None], [[]]])
def test_what_is_stored_in_another_form_reads_as_nothing(stored: object) -> None:
    task = read_task(annotations=stored, drafts=stored, predictions=stored)
    assert (task.id, task.annotations, task.drafts) == (1, (), ())
    assert all(p.result == () for p in task.predictions)


@pytest.mark.parametrize("result", [None, {}, "x", [7], [{}], [{"value": {"x": 1}}]])
def test_an_odd_result_is_empty_and_the_others_stay(result: object) -> None:
    good = {"result": [make_rectangle(1, 2, 3, 4)]}
    odd, other = read_task(annotations=[{"result": result}, good]).annotations
    assert odd.result == ()
    assert len(other.result) == 1


@pytest.mark.parametrize(
    "region",
    [
        {"type": "choices", "value": {"choices": ["a"]}, "to_name": "image"},
        {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
        {"type": "taxonomy", "value": {"taxonomy": [["a", "b"]], "labels": [["a"]]}},
        {"type": "polygonlabels", "value": {"points": [[1, 2]], "polygonlabels": ["Dog"]}},
        {"type": "videorectangle", "value": {"sequence": [{"x": 1}], "x": "left"}},
        {"type": "number", "value": 7},
        {"type": "textarea", "value": {"text": "x"}, "original_width": 0, "to_name": 7},
    ],
)
def test_regions_of_other_types_fail_nothing(region: Json) -> None:
    box = make_rectangle(1, 2, 3, 4)
    (annotation,) = read_task(annotations=[{"result": [region, box]}]).annotations
    assert [is_prompt(r) for r in annotation.result] == [False, True]


def test_a_malformed_rectangle_stays_and_lacks_what_is_malformed() -> None:
    box = make_rectangle(1, 2, 3, 4) | {"original_width": "wide", "value": {"x": "left"}}
    (annotation,) = read_task(annotations=[{"result": [box]}]).annotations
    (region,) = annotation.result
    assert is_prompt(region)
    assert (region.original_width, region.value.x) == (None, None)
    assert region.original_height == 120


def test_a_malformed_region_of_a_click_is_refused_all_the_same() -> None:
    body = make_predict("x", make_rectangle(1, 2, 3, 4) | {"value": {"x": "left"}})
    with pytest.raises(ValueError, match=r"context.result.0.value.x"):
        PredictRequest.model_validate_json(json.dumps(body))


def make_masks(count: int, *, numbers: int = 400_000) -> list[Json]:
    """Brush regions as long as those of masks of 12 megapixels with rough edges."""
    value = {"format": "rle", "rle": [7, 240] * (numbers // 2), "brushlabels": ["Dog"]}
    return [{"type": "brushlabels", "to_name": "image", "value": value}] * count


def test_long_masks_are_neither_kept_nor_handed_to_python() -> None:
    box = make_rectangle(1, 2, 3, 4)
    body = make_predict("x", make_keypoint(1, 1))
    body["tasks"][0]["annotations"] = [{"id": 1, "result": [*make_masks(2), box]}]
    content = json.dumps(body)
    tracemalloc.start()
    request = PredictRequest.model_validate_json(content)
    kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(request.tasks[0].annotations[0].result) == 3
    assert kept_bytes < 100_000
    assert peak_bytes < 200_000  # a list of these numbers alone would be 3.2 MB


def test_reading_what_is_stored_costs_next_to_nothing_beside_the_body_itself() -> None:
    body = make_predict("x", make_keypoint(1, 1))
    body["tasks"][0]["annotations"] = [{"id": 1, "result": make_masks(4)}]
    stored = json.dumps(body)
    unread = stored.replace('"annotations"', '"unread_field"')

    def measure_s(content: str) -> float:
        times_s = []
        for _ in range(5):
            started = time.process_time()
            PredictRequest.model_validate_json(content)
            times_s.append(time.process_time() - started)
        return min(times_s)

    assert measure_s(stored) < 1.5 * measure_s(unread)


@pytest.mark.parametrize(
    ("name", "kind", "types"),
    [
        ("predict_interactive_with_draft", "drafts", ["brushlabels"]),
        ("predict_interactive_with_manual_keypoints", "drafts", ["keypointlabels"] * 3),
        ("predict_interactive_with_prediction", "predictions", ["brushlabels"]),
    ],
)
def test_captured_tasks_are_read_with_what_is_stored_in_them(
    name: str, kind: str, types: list[str]
) -> None:
    request = PredictRequest.model_validate(read_captured(name))
    (stored,) = getattr(request.tasks[0], kind)
    assert [region.type for region in stored.result] == types
    assert stored.updated_at is not None
