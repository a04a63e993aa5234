"""The label config decides what comes back: every kind of region, in the real Label Studio."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from core import load_predictor, read_image

from ..closer_look import predict_closely
from ..labelstudio_backend.outputs.drawn_masks import Mask, as_drawn, iou, read_mask
from ..labelstudio_backend.outputs.label_configs import CONFIGS
from ..running_stack import RunningStack
from .annotator_page import POINTS, canvas_place, choose_smart_tool, open_task
from .label_studio import LabelStudio
from .pictures import OUTPUT
from .test_api import PROMPTS, smart_region


@pytest.fixture(scope="module")
def clicked(photo: Path) -> Mask:
    """The mask that core gives for the click."""
    return predict_closely(
        load_predictor("nano", dtype="auto"), read_image(photo), PROMPTS["click"]
    )


def join_masks(regions: list[dict[str, Any]], kind: str) -> Mask:
    mask: Mask = np.any([read_mask(r) for r in regions if r["type"] == kind], axis=0)
    return mask


@pytest.mark.parametrize("name", CONFIGS)
def test_a_smart_click_gives_a_region_that_label_studio_stores(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, clicked: Mask, name: str
) -> None:
    project, task = label_studio.create_project(stack.url, photo, CONFIGS[name])
    regions = label_studio.ask(project, task, smart_region(PROMPTS["click"]))["data"]["result"]
    shape, *beside = name.split(" and ")
    expected = as_drawn(shape.removesuffix("Labels"), clicked)
    assert iou(join_masks(regions, shape.lower()), expected) > 0.96
    carried = "labels" if beside else shape.lower()
    assert all(r["value"][carried] == ["Dog"] for r in regions if r["type"] == carried)
    stored = label_studio.api.post(
        "/api/predictions", json={"task": task, "result": regions, "model_version": "x"}
    )
    assert stored.is_success, stored.text


def find_regions(page: Page, among: str) -> list[tuple[str, list[str]]]:
    """Type and labels of the regions or suggestions on the page."""
    found: list[tuple[str, list[str]]] = page.evaluate(
        "among => [...window.Htx.annotationStore.selected[among].values()]"
        ".map(region => [region.type, region.labels])",
        among,
    )
    return [(kind, labels) for kind, labels in found]


@pytest.mark.parametrize("name", ["BitmaskLabels", "PolygonLabels", "Brush and Labels"])
def test_the_region_of_a_smart_click_is_drawn_and_submitted_as_it_came(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page, name: str
) -> None:
    project, task = label_studio.create_project(stack.url, photo, CONFIGS[name])
    open_task(page, label_studio, project, task)
    choose_smart_tool(page, POINTS, presses=1)
    with page.expect_response(lambda r: "interactive-annotating" in r.url) as reply:
        page.mouse.click(*canvas_place(page, 290 / 600, 150 / 400))
    answered = reply.value.json()["data"]["result"]
    page.wait_for_function("() => window.Htx.annotationStore.selected.suggestions.size > 0")
    kind = name.removesuffix("Labels").split()[0].lower()
    assert set(map(str, find_regions(page, "suggestions"))) == {str((f"{kind}region", ["Dog"]))}
    page.wait_for_timeout(500)  # the picture below is for people; the page animates
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"{kind}.png")
    page.locator("[data-testid=bottombar-accept-suggestions-button]").click(force=True)
    page.locator("button[name=submit]").click()
    page.wait_for_function("() => window.Htx.annotationStore.selected.pk")
    (annotation,) = label_studio.annotations(task)
    stored = [r for r in annotation["result"] if r["type"] in {a["type"] for a in answered}]
    type_ = answered[0]["type"]
    assert iou(join_masks(stored, type_), join_masks(answered, type_)) == 1.0
    assert [r["type"] for r in stored] == [a["type"] for a in answered]


@pytest.mark.parametrize("name", ["BrushLabels", "PolygonLabels", "Bitmask and Labels"])
def test_a_region_without_a_label_is_drawn_and_takes_one(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page, name: str
) -> None:
    project, task = label_studio.create_project(stack.url, photo, CONFIGS[name])
    click = smart_region(PROMPTS["click"])
    click["value"] |= {"labels": ["Bird"], "keypointlabels": ["Bird"]}
    regions = label_studio.ask(project, task, click)["data"]["result"]
    label_studio.api.patch(f"/api/projects/{project}", json={"show_collab_predictions": True})
    stored = {"task": task, "result": regions, "model_version": "x"}
    label_studio.api.post("/api/predictions", json=stored).raise_for_status()
    open_task(page, label_studio, project, task)
    page.wait_for_function("() => window.Htx.annotationStore.selected.regions.length > 0")
    ((kind, labels), *_) = find_regions(page, "regions")
    assert labels == []
    page.wait_for_timeout(500)  # as above
    page.screenshot(path=OUTPUT / f"unlabelled_{kind}.png")
    page.evaluate(
        "() => { const a = window.Htx.annotationStore.selected; a.selectArea(a.regions[0]) }"
    )
    page.locator(".lsf-labels").first.locator(".lsf-label").nth(1).click()
    page.wait_for_function("() => window.Htx.annotationStore.selected.regions[0].labels.length")
    assert find_regions(page, "regions")[0] == (kind, ["Cat"])
