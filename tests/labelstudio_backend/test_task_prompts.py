from typing import Any

import pytest

from labelstudio_backend.errors import PromptInvalid, RequestInvalid
from labelstudio_backend.label_config import LabelConfig, parse_label_config
from labelstudio_backend.protocol import Task
from labelstudio_backend.task_prompts import find_image_source, find_region_prompts

from .label_studio_requests import LABEL_CONFIG, Json, make_keypoint, make_rectangle

OURS = "efficientsam-nano-12345678"
CONFIG = parse_label_config(LABEL_CONFIG)
TWO_IMAGES = parse_label_config(
    """<View><Image name="left" value="$before"/><Image name="right" value="$after"/>
    <BrushLabels name="tag" toName="left,right"><Label value="Dog"/></BrushLabels></View>"""
)
BRUSH = {"type": "brushlabels", "to_name": "image", "value": {"brushlabels": ["Dog"]}}


def make_task(**stored: list[Json]) -> Task:
    return Task.model_validate({"id": 1, "data": {"image": "x"}, **stored})


def store(*regions: Json, **more: Any) -> Json:
    return {"id": 1, "result": list(regions), **more}


def box(x: float, **more: Any) -> Json:
    return make_rectangle(x, 10, 20, 20) | more


def find_xs(task: Task, config: LabelConfig = CONFIG) -> list[float | None] | None:
    """Where the regions found begin, which tells them apart."""
    found = find_region_prompts(task, config, OURS)
    return None if found is None else [region.value.x for region in found[1]]


def test_an_annotation_beats_a_draft_and_a_draft_beats_a_prediction() -> None:
    annotation, draft, prediction = store(box(1)), store(box(2)), store(box(3))
    full = make_task(annotations=[annotation], drafts=[draft], predictions=[prediction])
    assert find_xs(full) == [1]
    assert find_xs(make_task(drafts=[draft], predictions=[prediction])) == [2]
    assert find_xs(make_task(predictions=[prediction])) == [3]
    assert find_xs(make_task()) is None


def test_a_cancelled_annotation_is_ignored() -> None:
    skipped = store(box(1), was_cancelled=True)
    assert find_xs(make_task(annotations=[skipped])) is None
    assert find_xs(make_task(annotations=[skipped], predictions=[store(box(3))])) == [3]


def test_a_prediction_of_our_own_version_is_ignored_and_that_of_another_is_not() -> None:
    own = store(box(1), model_version=OURS)
    other = store(box(2), model_version="detector")
    nameless = store(box(3), model_version=None)
    assert find_xs(make_task(predictions=[own])) is None
    assert find_xs(make_task(predictions=[own, other])) == [2]
    assert find_xs(make_task(predictions=[own, nameless])) == [3]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("2026-11-23T00:57:37.193627Z", "2026-11-23T00:57:38Z"),
        ("2026-11-23T00:57:37Z", "2026-11-23T00:57:37.193627Z"),  # as text, it is the other way
        ("2026-11-23T00:57:37Z", "2026-11-23T00:57:37-01:00"),
        (None, "2026-11-23T00:57:37Z"),
        ("yesterday", "2026-11-23T00:57:37Z"),
        ("2026-11-23T00:57:37", "2026-11-23T00:57:37Z"),
    ],
)
@pytest.mark.parametrize("kind", ["annotations", "drafts", "predictions"])
def test_the_newest_of_a_kind_wins(kind: str, older: str | None, newer: str) -> None:
    old, new = store(box(1), updated_at=older), store(box(2), updated_at=newer)
    assert find_xs(make_task(**{kind: [old, new]})) == [2]
    assert find_xs(make_task(**{kind: [new, old]})) == [2]


def test_of_two_saved_at_the_same_time_the_later_id_wins() -> None:
    first, second = store(box(1), id=1), store(box(2), id=2)
    assert find_xs(make_task(annotations=[second, first])) == [2]
    assert find_xs(make_task(annotations=[first, second])) == [2]


def test_what_holds_no_prompt_is_passed_over() -> None:
    masks = store(BRUSH, updated_at="2026-11-23T00:57:38Z")
    classes = store({"type": "choices", "value": {"choices": ["a"]}}, model_version="classifier")
    boxes = store(box(3), model_version="detector", updated_at="2026-11-23T00:57:37Z")
    assert find_xs(make_task(annotations=[masks], predictions=[classes, boxes])) == [3]


def test_masks_beside_the_prompts_are_left_out() -> None:
    regions = (BRUSH, box(1), make_keypoint(5, 5))
    assert find_xs(make_task(annotations=[store(*regions)])) == [1, 5]


def test_of_several_images_the_first_that_has_any_is_taken() -> None:
    regions = [box(1, to_name="right"), box(2, to_name="left"), box(3, to_name="right")]
    both = find_region_prompts(make_task(annotations=[store(*regions)]), TWO_IMAGES, OURS)
    assert both is not None
    assert (both[0], [r.value.x for r in both[1]]) == ("left", [2])
    right = find_region_prompts(make_task(annotations=[store(*regions[::2])]), TWO_IMAGES, OURS)
    assert right is not None
    assert (right[0], [r.value.x for r in right[1]]) == ("right", [1, 3])


def test_a_region_that_names_no_image_lies_on_the_only_one() -> None:
    found = find_region_prompts(make_task(drafts=[store(box(1, to_name=None))]), CONFIG, OURS)
    assert found is not None
    assert found[0] == "image"


def test_a_region_on_an_image_tag_that_is_gone_is_an_error() -> None:
    task = make_task(annotations=[store(box(1, to_name="photo"))])
    with pytest.raises(RequestInvalid, match=r"lies on 'photo', but .* image tags 'image'"):
        find_region_prompts(task, CONFIG, OURS)


def test_a_region_that_is_turned_by_no_quarter_is_an_error() -> None:
    task = make_task(annotations=[store(box(1, image_rotation=45))])
    with pytest.raises(PromptInvalid, match="turned by 45 degrees"):
        find_region_prompts(task, CONFIG, OURS)


@pytest.mark.parametrize("data", [{}, {"image": None}, {"image": 7}, {"image": " "}, {"text": "x"}])
def test_a_task_without_image_is_told_with_its_fields(data: Json) -> None:
    task = Task.model_validate({"data": data})
    fields = ", ".join(map(repr, data)) or "none"
    with pytest.raises(RequestInvalid, match=f"'image', which holds .* fields: {fields}"):
        find_image_source(task, "image")
