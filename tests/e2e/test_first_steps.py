"""The README's steps, gone in a real browser; `make pictures` keeps what is seen."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page

from esam.demo_photos import photo_path

from ..esam.command_line import esam
from ..running_stack import RunningStack
from .annotator_page import (
    POINTS,
    canvas_place,
    choose_smart_tool,
    log_in,
    see_task,
    switch_auto_annotation,
)
from .label_studio import ROOT, LabelStudio
from .pictures import take_picture_for_docs
from .test_api import mask_of

SIZE_PX = 512
COLORS = {"Suit": "#1677FF", "Head": "#13A10E", "Patch": "#FFB900"}
BOXES = {"Suit": (10, 190, 400, 512), "Head": (155, 0, 290, 180), "Patch": (135, 347, 212, 424)}


def make_label_config() -> str:
    """The README's, with labels that fit the photo, and the photo small enough to be seen whole."""
    (config,) = re.findall(r"```xml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    label = r'<Label value="Dog"/>'
    assert label in config
    labels = "".join(f'<Label value="{n}" background="{c}"/>' for n, c in COLORS.items())
    wide = config.replace('zoom="true"', 'zoom="true" maxWidth="560px"')
    return str(wide.replace(label, labels))


def detected_box(label: str) -> dict[str, Any]:
    """A detector's box, as Label Studio has it."""
    x0, y0, x1, y1 = (100 * value / SIZE_PX for value in BOXES[label])
    value = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rotation": 0}
    return {
        "id": label,
        "from_name": "tag3",
        "to_name": "image",
        "type": "rectanglelabels",
        "original_width": SIZE_PX,
        "original_height": SIZE_PX,
        "image_rotation": 0,
        "value": {**value, "rectanglelabels": [label]},
    }


@pytest.fixture
def astronauts(label_studio: LabelStudio) -> tuple[int, int]:
    """A project with one photo and no model; (project, task) ids."""
    body = {"title": "Astronauts", "label_config": make_label_config()}
    project: int = label_studio.api.post("/api/projects", json=body).raise_for_status().json()["id"]
    with photo_path("astronaut.png").open("rb") as file:
        label_studio.api.post(
            f"/api/projects/{project}/import", files={"file": ("astronaut.png", file)}
        ).raise_for_status()
    return project, label_studio.task_ids(project)[0]


def test_the_steps_of_the_readme_lead_to_a_mask(
    label_studio: LabelStudio, stack: RunningStack, astronauts: tuple[int, int], page: Page
) -> None:
    project, task = astronauts
    log_in(page, label_studio)
    page.set_viewport_size({"width": 1200, "height": 760})
    page.goto(f"{label_studio.url}/projects/{project}/settings/ml")
    page.get_by_text("Connect Model", exact=True).first.click()
    page.get_by_placeholder("Enter a name").fill("EfficientSAM")
    page.fill("input[name=url]", "http://localhost:9090")  # as it is on a machine of one's own
    page.get_by_text("Interactive preannotations", exact=True).click()
    assert page.locator("input[name=is_interactive]").is_checked()
    take_picture_for_docs(page, "connect")
    page.fill("input[name=url]", stack.url)
    page.get_by_text("Validate and Save", exact=True).click()
    page.wait_for_selector("text=Connected")

    page.set_viewport_size({"width": 1400, "height": 900})
    see_task(page, label_studio, project, task)
    assert page.get_by_text("Auto-Annotation", exact=True).is_visible()
    switch_auto_annotation(page)
    choose_smart_tool(page, POINTS, presses=1)
    with page.expect_response(lambda r: "interactive-annotating" in r.url) as reply:
        page.mouse.click(*canvas_place(page, 130 / SIZE_PX, 330 / SIZE_PX))
    (region,) = reply.value.json()["data"]["result"]
    mask = mask_of(region)
    assert region["value"]["brushlabels"] == ["Suit"]
    assert mask[330, 130]
    assert mask[400, 120], "the sleeve belongs to it"
    assert not mask[60, 60], "the flag does not"
    page.wait_for_function("() => window.Htx.annotationStore.selected.suggestions.size === 1")
    take_picture_for_docs(page, "click")


def test_boxes_of_a_detector_are_masks_when_the_task_is_opened(
    label_studio: LabelStudio, stack: RunningStack, astronauts: tuple[int, int], page: Page
) -> None:
    project, task = astronauts
    label_studio.connect(project, stack.url)
    detected = {
        "task": task,
        "model_version": "detector",
        "result": [detected_box(label) for label in BOXES],
    }
    label_studio.api.post("/api/predictions/", json=detected).raise_for_status()
    assert esam("prelabel", "--project", project, "--backend-url", stack.url) == 0
    log_in(page, label_studio)
    see_task(page, label_studio, project, task)
    page.wait_for_function(
        "() => window.Htx.annotationStore.selected.regionStore.regions.length === 3"
    )
    drawn = page.evaluate(
        "() => window.Htx.annotationStore.selected.serializeAnnotation().map(r => r.type)"
    )
    assert drawn == ["brushlabels"] * 3
    take_picture_for_docs(page, "prelabelled")
