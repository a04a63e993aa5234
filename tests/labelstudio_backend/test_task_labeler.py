"""Tasks labelled with a small model whose masks depend on the prompt."""

import statistics
import weakref
from copy import copy
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray

from core import (
    ImageEmbedding,
    MaskPrediction,
    Predictor,
    Prompt,
    PromptError,
    Tile,
    segment_everything,
)
from labelstudio_backend.errors import (
    LabelConfigInvalid,
    PromptInvalid,
    RequestInvalid,
    UnknownLabel,
)
from labelstudio_backend.label_config import parse_label_config
from labelstudio_backend.labeled_task import LabeledMask, LabeledTask, Prediction
from labelstudio_backend.protocol import Task
from labelstudio_backend.task_labeler import LabelingPlan, TaskLabeler, TaskPrompt
from labelstudio_backend.task_prompts import BoxPrompt, PromptSource

from .label_studio_requests import LABEL_CONFIG, Json, make_keypoint, make_rectangle

NO_BRUSH = '<View><Image name="image" value="$image"/></View>'
NO_LABELS = """<View><Image name="image" value="$image"/>
<BrushLabels name="tag" toName="image" value="$labels"/></View>"""


@pytest.fixture(scope="module")
def embedding(lively: Predictor, photo_like: NDArray[np.uint8]) -> ImageEmbedding:
    return lively.encode(photo_like)


def no_closer_look(_: Tile) -> None:
    """The whole image answers."""


def make_labeler(
    predictor: Predictor, plan: LabelingPlan | None = None, config: str = LABEL_CONFIG
) -> TaskLabeler:
    plan = plan or LabelingPlan(PromptSource.REGIONS)
    return TaskLabeler(predictor, parse_label_config(config), plan)


def make_task(*regions: Json, data: Json | None = None) -> Task:
    stored = [{"id": 1, "result": list(regions)}]
    return Task.model_validate({"id": 7, "data": data or {"image": "x"}, "annotations": stored})


def decode(labeler: TaskLabeler, prompt: TaskPrompt, embedding: ImageEmbedding) -> LabeledTask:
    size_hw = embedding.original_size_hw
    return labeler.label(prompt, size_hw, lambda: embedding, no_closer_look)


def label(
    labeler: TaskLabeler,
    task: Task,
    embedding: ImageEmbedding,
    boxes: list[BoxPrompt] | None = None,
) -> Prediction:
    prompt = labeler.find_prompt(task, boxes)
    assert prompt is not None
    prediction = decode(labeler, prompt, embedding).to_prediction()
    assert prediction is not None
    return prediction


def read_region(region: dict[str, object]) -> tuple[list[str], NDArray[np.bool_]]:
    """Labels and (120, 160) bool mask of a region."""
    value = cast(dict[str, Any], region["value"])
    rgba = np.reshape(decode_rle(value["rle"]), (120, 160, 4))
    return value["brushlabels"], rgba[..., 3] > 0


def test_two_boxes_are_two_regions_with_their_own_labels_and_scores(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    task = make_task(make_rectangle(10, 10, 40, 40, "Cat"), make_rectangle(40, 30, 50, 60, "Dog"))
    prediction = label(make_labeler(lively), task, embedding)
    cat, dog = lively.decode(
        embedding, [Prompt(box=[16, 12, 80, 60]), Prompt(box=[64, 36, 144, 108])]
    )
    first, second = prediction["result"]
    for region, name, expected in ((first, "Cat", cat), (second, "Dog", dog)):
        labels, mask = read_region(region)
        assert labels == [name]
        assert (mask == expected.mask).all()
        assert region["score"] == pytest.approx(expected.score)
    assert first["score"] != second["score"]
    assert prediction["score"] == pytest.approx(statistics.fmean([cat.score, dog.score]))
    assert prediction["model_version"] == lively.model_version


def test_a_keypoint_inside_a_box_refines_its_object(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    box = make_rectangle(10, 10, 60, 60)
    task = make_task(box, make_keypoint(50, 50), make_keypoint(20, 20, is_positive=False))
    (region,) = label(make_labeler(lively), task, embedding)["result"]
    prompt = Prompt(points=[[80, 60], [32, 24]], labels=[1, 0], box=[16, 12, 112, 84])
    mask = read_region(region)[1]
    assert (mask == lively.decode(embedding, prompt).mask).all()
    assert not mask[24, 32]


def test_nothing_stored_is_nothing_to_predict_from(lively: Predictor) -> None:
    assert make_labeler(lively).find_prompt(make_task()) is None
    assert make_labeler(lively).find_prompt(make_task(data={"text": "x"})) is None


def test_a_task_without_the_image_field_is_an_error(lively: Predictor) -> None:
    task = make_task(make_rectangle(1, 1, 9, 9), data={"text": "x"})
    with pytest.raises(RequestInvalid, match=r"field 'image', which holds no image URL.*'text'"):
        make_labeler(lively).find_prompt(task)


def test_a_label_that_the_output_tag_lacks_leaves_the_mask_without_and_is_told_once(
    lively: Predictor, embedding: ImageEmbedding, caplog: pytest.LogCaptureFixture
) -> None:
    persons = [make_rectangle(x, 1, 30, 40, "Person") for x in (1, 40)]
    task = make_task(make_rectangle(10, 10, 40, 40, "Dog"), *persons)
    regions = label(make_labeler(lively), task, embedding)["result"]
    assert [read_region(region)[0] for region in regions] == [["Dog"], [], []]
    assert all(read_region(region)[1].any() for region in regions)
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warning == (
        "mask without label task=7 label='Person' tag='tag': the labels of 'tag' are: 'Dog', "
        "'Cat'. Add the missing one there, or name it in the predicted_values of a label that is "
        "there; the region is drawn, and can be given a label by hand"
    )


PREDICTED = LABEL_CONFIG.replace(
    '<Label value="Cat"/></Brush', '<Label value="Cat" predicted_values="tabby, kitten"/></Brush'
)


@pytest.mark.parametrize(
    ("said", "given"), [("kitten", "Cat"), (" Tabby", "Cat"), ("dog ", "Dog"), ("Dog", "Dog")]
)
def test_a_detectors_label_becomes_the_one_that_names_it(
    lively: Predictor,
    embedding: ImageEmbedding,
    caplog: pytest.LogCaptureFixture,
    said: str,
    given: str,
) -> None:
    labeler = make_labeler(lively, config=PREDICTED)
    stored = label(labeler, make_task(make_rectangle(10, 10, 40, 40, said)), embedding)
    assert read_region(stored["result"][0])[0] == [given]
    of_file = make_labeler(lively, LabelingPlan(PromptSource.FILE), PREDICTED)
    boxed = label(of_file, make_task(), embedding, [BoxPrompt(said, (16, 12, 80, 60))])
    assert read_region(boxed["result"][0])[0] == [given]
    assert "without label" not in caplog.text


def test_masks_below_the_threshold_of_their_tag_are_left_out_and_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    config = parse_label_config(
        LABEL_CONFIG.replace('"tag" ', '"tag" model_score_threshold="0.5" ')
    )
    output = config.find_output_tag(["Dog"], "image")

    def refuse() -> NDArray[np.bool_]:
        raise AssertionError("a mask that is left out is not drawn")

    unsure = LabeledMask(output, ("Dog",), 0.49, refuse)
    sure = LabeledMask(output, ("Dog",), 0.5, lambda: np.ones((6, 10), np.bool_))
    prediction = LabeledTask(7, (unsure, sure), "v").to_prediction()
    assert prediction is not None
    assert (len(prediction["result"]), prediction["score"]) == (1, 0.5)
    assert "masks left out task=7 tag='tag' model_score_threshold=0.5 scores=0.490" in caplog.text
    assert LabeledTask(7, (unsure,), "v").to_prediction() is None


@pytest.mark.parametrize("source", [PromptSource.REGIONS, PromptSource.FILE])
def test_one_mask_is_held_at_a_time(
    lively: Predictor, embedding: ImageEmbedding, source: PromptSource
) -> None:
    config = LABEL_CONFIG.replace("BrushLabels", "PolygonLabels")
    boxes = [BoxPrompt("Dog", (x, 10, x + 60, 90)) for x in range(0, 90, 10)]
    stored = make_task(*[make_rectangle(x, 10, 40, 60) for x in range(0, 60, 10)])
    labeler = make_labeler(lively, LabelingPlan(source), config)
    prompt = labeler.find_prompt(stored, boxes)
    assert prompt is not None
    labeled = decode(labeler, prompt, embedding)
    drawn: list[weakref.ref[NDArray[np.bool_]]] = []

    def watch(mask: LabeledMask) -> LabeledMask:
        def draw() -> NDArray[np.bool_]:
            assert sum(ref() is not None for ref in drawn) <= 1
            drawn.append(weakref.ref(found := mask.draw()))
            return found

        return replace(mask, draw=draw)

    watched = replace(labeled, masks=tuple(watch(mask) for mask in labeled.masks))
    assert watched.to_prediction() is not None
    assert len(drawn) == len(labeled.masks) > 5


def test_a_region_without_label_is_a_mask_without_label(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    box = make_rectangle(10, 10, 40, 40)
    del box["value"]["rectanglelabels"]
    (region,) = label(make_labeler(lively), make_task(box), embedding)["result"]
    labels, mask = read_region(region)
    assert labels == []
    assert mask.any()


def test_a_box_beside_the_image_is_an_error_and_one_across_its_edge_is_not(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    labeler = make_labeler(lively)
    with pytest.raises(PromptError, match="outside the image of 160×120"):
        label(labeler, make_task(make_rectangle(110, 10, 20, 20)), embedding)
    across = label(labeler, make_task(make_rectangle(-20, -20, 70, 70)), embedding)
    within = label(labeler, make_task(make_rectangle(0, 0, 50, 50)), embedding)
    assert across["result"][0]["value"] == within["result"][0]["value"]


def test_an_image_of_another_size_than_the_regions_say_is_an_error(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    task = make_task(make_rectangle(1, 1, 9, 9, size_wh=(320, 240)))
    with pytest.raises(PromptInvalid, match="320 x 240 pixels, but it is 160 x 120"):
        label(make_labeler(lively), task, embedding)


def test_boxes_of_a_file_are_in_pixels_and_keep_their_labels(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    boxes = [BoxPrompt("Cat", (16, 12, 80, 60)), BoxPrompt(None, (64, 36, 144, 108))]
    labeler = make_labeler(lively, LabelingPlan(PromptSource.FILE))
    regions = label(labeler, make_task(), embedding, boxes)["result"]
    assert [read_region(region)[0] for region in regions] == [["Cat"], ["Dog"]]
    expected = lively.decode(embedding, Prompt(box=[64, 36, 144, 108])).mask
    assert (read_region(regions[1])[1] == expected).all()


def test_boxes_of_a_file_are_clipped_and_refused_like_drawn_ones(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    labeler = make_labeler(lively, LabelingPlan(PromptSource.FILE))

    def label_box(*box_xyxy_px: float) -> Prediction:
        x0, y0, x1, y1 = box_xyxy_px
        return label(labeler, make_task(), embedding, [BoxPrompt("Dog", (x0, y0, x1, y1))])

    within = label_box(0, 0, 80, 60)["result"][0]["value"]
    assert label_box(-30, -40, 80, 60)["result"][0]["value"] == within
    assert label_box(80, 60, -30, -40)["result"][0]["value"] == within
    with pytest.raises(PromptError, match="outside the image"):
        label_box(200, 10, 220, 30)
    with pytest.raises(PromptError, match="no area"):
        label_box(10, 10, 10, 30)
    with pytest.raises(PromptError, match="finite"):
        label_box(10, 10, float("nan"), 30)


def test_a_task_that_the_file_does_not_name_has_nothing_to_predict_from(lively: Predictor) -> None:
    labeler = make_labeler(lively, LabelingPlan(PromptSource.FILE))
    stored = make_task(make_rectangle(1, 1, 9, 9))
    assert labeler.find_prompt(stored, []) is None
    assert labeler.find_prompt(stored) is None


@pytest.mark.parametrize(("asked", "given"), [(None, "Dog"), ("Cat", "Cat")])
def test_everything_is_several_regions_with_one_label(
    lively: Predictor, embedding: ImageEmbedding, asked: str | None, given: str
) -> None:
    labeler = make_labeler(lively, LabelingPlan(PromptSource.EVERYTHING, asked))
    prediction = label(labeler, make_task(), embedding)
    expected = segment_everything(lively, embedding)
    assert len(prediction["result"]) == len(expected) > 1
    for region, automatic in zip(prediction["result"], expected, strict=True):
        labels, mask = read_region(region)
        assert labels == [given]
        assert (mask == automatic.mask).all()
        assert region["score"] == automatic.score
    assert prediction["score"] == pytest.approx(statistics.fmean(m.score for m in expected))


def test_everything_does_not_look_at_what_is_stored(lively: Predictor) -> None:
    labeler = make_labeler(lively, LabelingPlan(PromptSource.EVERYTHING))
    prompt = labeler.find_prompt(make_task(make_rectangle(1, 1, 9, 9, "Person")))
    assert prompt is not None
    assert (prompt.regions, prompt.boxes) == ((), ())


def test_masks_without_a_prompt_lie_on_the_first_image_that_has_a_brush(lively: Predictor) -> None:
    config = """<View><Image name="map" value="$map"/><Image name="photo" value="$photo"/>
    <BrushLabels name="tag" toName="photo"><Label value="Dog"/></BrushLabels></View>"""
    labeler = make_labeler(lively, LabelingPlan(PromptSource.EVERYTHING), config)
    prompt = labeler.find_prompt(make_task(data={"map": "m.png", "photo": "p.jpg"}))
    assert prompt is not None
    assert (prompt.image_name, prompt.source) == ("photo", "p.jpg")


def test_an_image_of_which_nothing_is_sure_has_no_prediction_rather_than_an_empty_one(
    lively: Predictor, embedding: ImageEmbedding
) -> None:
    demanding = copy(lively)
    sure = replace(lively.spec.automatic_masks, min_predicted_iou=1.0)
    demanding.spec = replace(lively.spec, automatic_masks=sure)
    labeler = make_labeler(demanding, LabelingPlan(PromptSource.EVERYTHING))
    prompt = labeler.find_prompt(make_task())
    assert prompt is not None
    labeled = decode(labeler, prompt, embedding)
    assert labeled.masks == ()
    assert labeled.to_prediction() is None


def test_labelling_draws_no_mask_at_the_original_size(
    lively: Predictor, embedding: ImageEmbedding, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    draw = MaskPrediction.candidate_mask

    # A watch on the real thing: whoever encodes must not wait for the drawing.
    def watch(self: MaskPrediction, index: int) -> NDArray[np.bool_]:
        drawn.append(index)
        return draw(self, index)

    monkeypatch.setattr(MaskPrediction, "candidate_mask", watch)
    labeler = make_labeler(lively)
    prompt = labeler.find_prompt(make_task(make_rectangle(10, 10, 50, 50)))
    assert prompt is not None
    labeled = decode(labeler, prompt, embedding)
    assert drawn == []
    assert labeled.to_prediction() is not None
    assert len(drawn) == 1


@pytest.mark.parametrize("source", PromptSource)
def test_a_project_without_an_output_tag_is_refused_before_its_first_task(
    predictor: Predictor, source: PromptSource
) -> None:
    with pytest.raises(LabelConfigInvalid, match=r"no BrushLabels tag.*on the image tag 'image'"):
        make_labeler(predictor, LabelingPlan(source), NO_BRUSH).check_plan()


@pytest.mark.parametrize("source", PromptSource)
def test_a_plan_with_an_unknown_label_is_refused_before_the_first_task(
    predictor: Predictor, source: PromptSource
) -> None:
    with pytest.raises(UnknownLabel, match=r"'Person'.*'Dog', 'Cat'"):
        make_labeler(predictor, LabelingPlan(source, "Person")).check_plan()
    make_labeler(predictor, LabelingPlan(source, "Cat")).check_plan()
    make_labeler(predictor, LabelingPlan(source)).check_plan()


def test_an_output_tag_without_labels_of_its_own_needs_a_label_for_everything(
    predictor: Predictor,
) -> None:
    with pytest.raises(UnknownLabel, match="no label of its own"):
        make_labeler(predictor, LabelingPlan(PromptSource.EVERYTHING), NO_LABELS).check_plan()
    make_labeler(predictor, LabelingPlan(PromptSource.EVERYTHING, "Any"), NO_LABELS).check_plan()
    make_labeler(predictor, LabelingPlan(PromptSource.REGIONS), NO_LABELS).check_plan()
