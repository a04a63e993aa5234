"""The label config decides what comes back, asked over HTTP."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core import Predictor, Prompt
from tests.closer_look import predict_closely

from .answers import DOG, the_error, the_prediction
from .conftest import Backend, RunBackend
from .image_host import Host
from .label_studio_requests import Json, make_keypoint, make_predict
from .outputs.drawn_masks import Mask, as_drawn, iou, read_mask
from .outputs.label_configs import CONFIGS, LABELS, make_config, with_labels

CLICK = make_keypoint(50, 50)


@pytest.fixture
def backend(run_backend: RunBackend, lively: Predictor, host: Host, png: bytes) -> Backend:
    """A backend with a model whose masks depend on the prompt; its Label Studio has the photo."""
    host.serve(DOG, png)
    return run_backend(lively, label_studio_url=host.url)


@pytest.fixture(scope="module")
def clicked(lively: Predictor, photo_like: NDArray[np.uint8]) -> Mask:
    """The mask of the click in the middle."""
    return predict_closely(lively, photo_like, Prompt(points=[[80, 60]]))


def ask(backend: Backend, config: str, *regions: Json) -> list[dict[str, Any]]:
    body = make_predict(DOG, *(regions or (CLICK,)), label_config=config)
    result: list[dict[str, Any]] = the_prediction(backend.predict(body))["result"]
    return result


@pytest.mark.parametrize("name", CONFIGS)
def test_a_click_gives_the_region_of_the_config(backend: Backend, clicked: Mask, name: str) -> None:
    assert backend.client.post("/validate", json={"config": CONFIGS[name]}).json() == {
        "is_valid": True,
        "problems": [],
    }
    regions = ask(backend, CONFIGS[name])
    shape, *beside = name.split(" and ")
    kind = shape.lower()
    drawn = [region for region in regions if region["type"] == kind]
    expected = as_drawn(shape.removesuffix("Labels"), clicked)
    assert iou(np.any([read_mask(region) for region in drawn], axis=0), expected) >= 0.97
    if beside:
        labelled = [region for region in regions if region["type"] == "labels"]
        assert [r["id"] for r in labelled] == [r["id"] for r in drawn]
        assert all(r["value"]["labels"] == ["Dog"] for r in labelled)
    else:
        assert drawn == regions
        assert all(region["value"][kind] == ["Dog"] for region in regions)


@pytest.mark.parametrize("name", CONFIGS)
def test_each_image_has_tags_of_its_own(backend: Backend, name: str) -> None:
    first = CONFIGS[name].removeprefix("<View>").removesuffix("</View>")
    other = first.replace('"image"', '"second"').replace("$image", "$image2")
    for tag in ("tag", "labels", "click"):
        other = other.replace(f'"{tag}"', f'"{tag}2"')
    config = f"<View>{other}{first}</View>"
    assert {r["from_name"] for r in ask(backend, config)} <= {"tag", "labels"}
    body = make_predict(DOG, {**CLICK, "to_name": "second"}, label_config=config)
    body["tasks"][0]["data"] = {"image": "/not/read", "image2": DOG}
    regions = the_prediction(backend.predict(body))["result"]
    assert {r["from_name"] for r in regions} <= {"tag2", "labels2"}
    assert {r["to_name"] for r in regions} == {"second"}


def test_a_click_of_a_keypoint_tag_beside_labels_keeps_its_label(
    backend: Backend, clicked: Mask
) -> None:
    place = {"x": 50, "y": 50, "width": 0.3}
    point = {**CLICK, "type": "keypoint", "value": place}
    labels = {**CLICK, "type": "labels", "value": {**place, "labels": ["Cat"]}}
    shape, beside = ask(backend, CONFIGS["Brush and Labels"], point, labels)
    assert (shape["type"], beside["value"]["labels"]) == ("brush", ["Cat"])
    assert (read_mask(shape) == clicked).all()


def test_a_label_that_the_tag_lacks_is_a_region_without_label(
    backend: Backend, clicked: Mask, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(with_labels("BitmaskLabels"))
    (region,) = ask(backend, config, make_keypoint(50, 50, "Bird"))
    assert region["value"]["bitmasklabels"] == []
    assert (read_mask(region) == clicked).all()
    assert "mask without label task=6 label='Bird' tag='tag': the labels of 'tag'" in caplog.text
    (shape,) = ask(backend, CONFIGS["Polygon and Labels"], make_keypoint(50, 50, "Bird"))[:1]
    assert shape["type"] == "polygon"
    assert "the labels of 'labels' are: 'Dog', 'Cat'" in caplog.text


def test_a_threshold_above_the_score_leaves_no_region(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    low = make_config(with_labels("PolygonLabels", 'model_score_threshold="0"'))
    score = ask(backend, low)[0]["score"]
    high = low.replace('"0"', f'"{min(1.0, score + 0.001)}"')
    response = backend.predict(make_predict(DOG, CLICK, label_config=high))
    assert response.json() == {"results": [[]]}
    assert f"scores={score:.3f}" in caplog.text


def test_a_skipped_tag_leaves_its_place_to_the_next(backend: Backend) -> None:
    config = make_config(
        with_labels("BrushLabels", 'model_skip="true"', name="by_hand"),
        with_labels("PolygonLabels"),
    )
    assert {region["from_name"] for region in ask(backend, config)} == {"tag"}


@pytest.mark.parametrize("attribute", ['model_skip="perhaps"', 'model_score_threshold="much"'])
def test_a_malformed_attribute_is_told_by_validate_and_refuses_the_click(
    backend: Backend, attribute: str
) -> None:
    config = make_config(with_labels("BrushLabels", attribute))
    answer = backend.client.post("/validate", json={"config": config}).json()
    (problem,) = answer["problems"]
    assert attribute.replace('"', "'") in problem
    response = backend.predict(make_predict(DOG, CLICK, label_config=config))
    assert the_error(response, 400, "bad_label_config") == problem


def test_predicted_values_name_the_label_of_a_click(backend: Backend) -> None:
    config = make_config(
        '<BrushLabels name="tag" toName="image">'
        '<Label value="Animal" predicted_values="dog,cat"/></BrushLabels>'
    )
    assert LABELS in config
    assert backend.client.post("/validate", json={"config": config}).json()["is_valid"]
    (region,) = ask(backend, config)
    assert region["value"]["brushlabels"] == ["Animal"]
