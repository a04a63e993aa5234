"""An annotator in a real browser: log in, open the task, click, box, accept, submit."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, Request

from core import Prompt, load_predictor, read_image

from ..closer_look import predict_closely
from ..running_stack import RunningStack
from .annotator_page import BOXES, POINTS, canvas_place, choose_smart_tool, open_task
from .label_studio import LABEL_CONFIG, LabelStudio
from .pictures import OUTPUT
from .test_api import iou, mask_of

_IMAGE_FRAME = """() => {
  const image = window.Htx.annotationStore.selected.objects[0];
  const stage = image.stageRef.getContent().getBoundingClientRect();
  const size = image.canvasSize;
  return {
    rotation: image.rotation,
    x: stage.x + image.zoomingPositionX, y: stage.y + image.zoomingPositionY,
    width: size.width, height: size.height,
  };
}"""


def answered_region(reply: Any) -> dict[str, Any]:
    (region,) = reply.json()["data"]["result"]
    result: dict[str, Any] = region
    return result


def sent_clicks(request: Request) -> list[dict[str, Any]]:
    body: Any = request.post_data_json
    clicks: list[dict[str, Any]] = body["context"]["result"]
    return clicks


def test_one_smart_click_gives_a_mask_that_is_stored_as_it_was_drawn(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    open_task(page, label_studio, project, task)
    choose_smart_tool(page, POINTS, presses=1)
    with page.expect_response(lambda r: "interactive-annotating" in r.url) as reply:
        page.mouse.click(*canvas_place(page, 290 / 600, 150 / 400))
    drawn = mask_of(answered_region(reply.value))
    assert drawn[150, 290], "the clicked pixel is in the mask"
    page.wait_for_function("() => window.Htx.annotationStore.selected.suggestions.size === 1")
    page.wait_for_timeout(500)  # the picture below is for people; the page animates
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / "click.png")
    page.locator("[data-testid=bottombar-accept-suggestions-button]").click(force=True)
    page.locator("button[name=submit]").click()
    page.wait_for_function("() => window.Htx.annotationStore.selected.pk")
    (annotation,) = label_studio.annotations(task)
    brushes = [r for r in annotation["result"] if r["type"] == "brushlabels"]
    assert len(brushes) == 1
    assert iou(mask_of(brushes[0]), drawn) == 1.0


def click_smart(page: Page, x_px: int, y_px: int) -> dict[str, Any]:
    """Click at a pixel of the photo with the tool in hand; what came back."""
    with page.expect_response(lambda r: "interactive-annotating" in r.url) as reply:
        page.mouse.click(*canvas_place(page, x_px / 600, y_px / 400))
    return answered_region(reply.value)


def test_a_second_click_refines_the_mask_as_core_does(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    open_task(page, label_studio, project, task)
    choose_smart_tool(page, POINTS, presses=1)
    first = mask_of(click_smart(page, 290, 150))
    page.wait_for_function("() => window.Htx.annotationStore.selected.suggestions.size === 1")
    page.locator(".lsf-labels").nth(POINTS).locator(".lsf-label").first.click()
    with page.expect_request(lambda r: "interactive-annotating" in r.url) as sent:
        second = mask_of(click_smart(page, 200, 250))
    # A click on the page lands on whole screen pixels, of a picture that is a little zoomed.
    places = [[c["value"]["x"] * 6, c["value"]["y"] * 4] for c in sent_clicks(sent.value)]
    np.testing.assert_allclose(places, [[290, 150], [200, 250]], atol=8)
    page.wait_for_timeout(500)  # as above
    page.screenshot(path=OUTPUT / "second_click.png")
    predictor = load_predictor("nano", dtype="auto")
    for mask, points in ((first, places[:1]), (second, places)):
        expected = predict_closely(predictor, read_image(photo), Prompt(points=points))
        assert iou(mask, expected) > 0.98
    assert second[250, 200]
    assert iou(first, second) < 1.0


def test_an_alt_click_takes_a_spill_away_and_leaves_the_object(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    open_task(page, label_studio, project, task)
    choose_smart_tool(page, POINTS, presses=1)
    before = mask_of(click_smart(page, 290, 150))
    page.wait_for_function("() => window.Htx.annotationStore.selected.suggestions.size === 1")
    page.wait_for_timeout(500)  # for the picture
    page.screenshot(path=OUTPUT / "before_alt_click.png")
    rows, columns = np.nonzero(before)
    furthest = int(np.hypot(columns - 290, rows - 150).argmax())
    spill = int(columns[furthest]), int(rows[furthest])
    page.locator(".lsf-labels").nth(POINTS).locator(".lsf-label").first.click()
    page.keyboard.down("Alt")
    with page.expect_request(lambda r: "interactive-annotating" in r.url) as sent:
        after = mask_of(click_smart(page, *spill))
    page.keyboard.up("Alt")
    page.wait_for_timeout(500)  # for the picture
    page.screenshot(path=OUTPUT / "after_alt_click.png")
    clicks = sent_clicks(sent.value)
    assert [click["is_positive"] for click in clicks] == [True, False]
    assert after[150, 290], "the object stays"
    assert not after[spill[1], spill[0]]
    taken = before & ~after
    assert taken.sum() > 100, "what belongs to the clicked pixel goes with it"
    assert after[135:166, 275:306].mean() > 0.9, "what is around the first click stays"


def test_a_click_on_a_turned_image_means_the_same_pixel(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page
) -> None:
    config = LABEL_CONFIG.replace('zoom="true"', 'zoom="true" rotateControl="true"')
    project, task = label_studio.create_project(stack.url, photo, config)
    open_task(page, label_studio, project, task)
    page.locator(".lsf-toolbar button[aria-label=rotate-right]").first.click(force=True)
    choose_smart_tool(page, POINTS, presses=1)
    image = page.evaluate(_IMAGE_FRAME)
    assert image["rotation"] == 90
    # Turned clockwise, the photo's x runs down and its y runs to the left.
    x_px, y_px = 100, 330
    place = (
        image["x"] + image["width"] * (1 - y_px / 400),
        image["y"] + image["height"] * x_px / 600,
    )
    shown = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), float)
    with (
        page.expect_request(lambda r: "interactive-annotating" in r.url) as sent,
        page.expect_response(lambda r: "interactive-annotating" in r.url) as reply,
    ):
        page.mouse.click(*place)
    page.wait_for_timeout(500)  # for the picture
    page.screenshot(path=OUTPUT / "turned.png")
    (click,) = sent_clicks(sent.value)
    assert click["image_rotation"] == 90
    x_px, y_px = int(click["value"]["x"] * 6), int(click["value"]["y"] * 4)
    clicked = shown[int(place[1]) - 3 : int(place[1]) + 4, int(place[0]) - 3 : int(place[0]) + 4]
    reported = read_image(photo)[y_px - 3 : y_px + 4, x_px - 3 : x_px + 4]
    # The page says the pixel of the upright photo that is seen under the pointer.
    np.testing.assert_allclose(clicked.mean((0, 1)), reported.mean((0, 1)), atol=30)
    region = answered_region(reply.value)
    assert region["image_rotation"] == 90
    mask = mask_of(region)
    assert mask.shape == (400, 600)
    assert mask[y_px, x_px]


def test_a_smart_box_gives_a_mask_inside_it(
    label_studio: LabelStudio, stack: RunningStack, photo: Path, page: Page
) -> None:
    project, task = label_studio.create_project(stack.url, photo)
    open_task(page, label_studio, project, task)
    choose_smart_tool(page, BOXES, presses=2)
    with page.expect_response(lambda r: "interactive-annotating" in r.url) as reply:
        page.mouse.move(*canvas_place(page, 76 / 600, 16 / 400))
        page.mouse.down()
        page.mouse.move(*canvas_place(page, 300 / 600, 200 / 400), steps=5)
        page.mouse.move(*canvas_place(page, 482 / 600, 392 / 400), steps=5)
        page.mouse.up()
    mask = mask_of(answered_region(reply.value))
    page.wait_for_timeout(500)  # as above
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / "box.png")
    y, x = np.nonzero(mask)
    inside = (x > 60) & (x < 500) & (y < 400)
    assert inside.mean() > 0.95
