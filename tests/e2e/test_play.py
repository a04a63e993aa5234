"""The page ``/play`` in a real browser: a mouse, files and faults."""

import io
import json
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from label_studio_sdk.converter.brush import decode_rle
from PIL import Image
from playwright.sync_api import FilePayload, Page, Route, expect

from core import Prompt

from ..running_stack import RunningStack
from .pictures import take_picture
from .play_page import (
    SAUCER,
    SIZE_WH,
    PredictCup,
    drag,
    find_inner_pixel,
    open_cup,
    place,
    read_content,
    save_mask,
    seen_mask,
    wait_for_answer,
)
from .test_api import iou


def test_a_click_draws_the_mask_that_core_says_and_offers_it_as_files(
    play_stack: RunningStack, page: Page, predict_cup: PredictCup
) -> None:
    open_cup(page, play_stack)
    page.mouse.click(*place(page, 290, 150))
    wait_for_answer(page, prompts=1)
    mask = save_mask(page)
    assert mask.shape == SIZE_WH[::-1]
    assert mask[145:156, 285:296].all(), "the thing clicked is in it"
    assert iou(mask, predict_cup(Prompt(points=[[290, 150]]))) > 0.98
    assert iou(seen_mask(page), mask) == 1.0, "what is seen is what is saved"
    page.get_by_label("Its label there").fill("Cup")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Label Studio JSON").click()
    prediction = json.loads(read_content(saved.value))
    (region,) = prediction["result"]
    assert region["value"]["brushlabels"] == ["Cup"]
    stored = decode_rle(region["value"]["rle"]).reshape(*SIZE_WH[::-1], 4)[..., 3] > 0
    np.testing.assert_array_equal(stored, mask)
    assert page.locator("#score").text_content() == f"{prediction['score']:.2f}"
    assert int(page.locator("#latency").text_content() or "") > 0
    take_picture(page, "play")


def test_a_box_is_drawn_and_a_right_click_takes_away(
    play_stack: RunningStack, page: Page, predict_cup: PredictCup
) -> None:
    open_cup(page, play_stack)
    drag(page, SAUCER)
    wait_for_answer(page, prompts=1)
    boxed = save_mask(page)
    assert iou(boxed, predict_cup(Prompt(box=SAUCER))) > 0.98
    saucer = np.zeros_like(boxed)
    saucer[16:392, 76:482] = True
    assert (boxed & saucer).sum() / boxed.sum() > 0.95
    x, y = find_inner_pixel(boxed)
    page.mouse.click(*place(page, x, y), button="right")
    wait_for_answer(page, prompts=2)
    less = save_mask(page)
    assert not less[y, x]
    assert 0 < less.sum() < boxed.sum()
    take_picture(page, "play_box")
    page.get_by_role("button", name="Undo").click()
    wait_for_answer(page, prompts=1)
    np.testing.assert_array_equal(save_mask(page), boxed)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".point, .box")).to_have_count(0)
    expect(page.locator("#score")).to_have_text("–")
    expect(page.locator("#stage canvas")).to_have_js_property("width", 0)


def test_each_of_the_three_masks_can_be_chosen(play_stack: RunningStack, page: Page) -> None:
    open_cup(page, play_stack)
    page.mouse.click(*place(page, 290, 150))
    wait_for_answer(page, prompts=1)
    chosen = page.locator("#candidates button[aria-pressed=true]")
    expect(chosen).to_have_count(1)
    scores = page.locator("#candidates button").all_text_contents()
    masks = []
    for index in range(3):
        page.get_by_role("button", name=f"Mask {index + 1}, score").click()
        expect(chosen).to_have_accessible_name(f"Mask {index + 1}, score {scores[index][:4]}")
        expect(page.locator("#score")).to_have_text(scores[index][:4])
        masks.append(save_mask(page))
    assert not np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[1], masks[2])
    page.keyboard.press("1")
    np.testing.assert_array_equal(save_mask(page), masks[0])


def choose_file(page: Page, name: str, content: bytes) -> None:
    file = FilePayload(name=name, mimeType="image/jpeg", buffer=content)
    page.locator("#file").set_input_files(file)


def test_faults_are_said_in_words_and_the_next_click_works(
    play_stack: RunningStack, page: Page
) -> None:
    page.goto(f"{play_stack.url}/play")
    choose_file(page, "letter.jpg", b"Dear Sir or Madam")
    expect(page.get_by_role("alert")).to_contain_text("letter.jpg cannot be shown by this browser")
    open_cup(page, play_stack)
    page.context.set_offline(True)
    page.mouse.click(*place(page, 290, 150))
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.context.set_offline(False)
    page.mouse.click(*place(page, 200, 250))
    wait_for_answer(page, prompts=2)
    expect(page.get_by_role("alert")).to_be_hidden()
    assert save_mask(page)[150, 290]


def ask_instead(route: Route, url: str) -> None:
    """Have another service answer a call of the page, as if the page were that one's own."""
    asked = urlsplit(route.request.url)
    answer = route.fetch(url=f"{url}{asked.path}", headers={**route.request.headers, "origin": url})
    route.fulfill(response=answer)


def test_a_service_that_was_started_anew_gets_the_image_again(
    play_stack: RunningStack, photo: Path, page: Page
) -> None:
    other = RunningStack()
    try:
        page.goto(f"{other.url}/play")
        choose_file(page, photo.name, photo.read_bytes())
        expect(page.get_by_role("status")).to_contain_text("Click on a thing")
        # The same page, as if its service had been another process from here on.
        page.route(f"{other.url}/play/**", lambda route: ask_instead(route, play_stack.url))
    finally:
        assert other.stop() == 0
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url.rsplit("/", 1)[-1]))
    page.mouse.click(*place(page, 290, 150))
    wait_for_answer(page, prompts=1)
    assert sent == ["masks", "images", "masks"]
    assert save_mask(page)[150, 290]


def test_a_photo_of_a_camera_is_clicked_where_it_is_seen(
    play_stack: RunningStack, page: Page, tmp_path: Path
) -> None:
    rgb = np.full((300, 500, 3), 40, np.uint8)
    y, x = np.ogrid[:300, :500]
    rgb[(x - 100) ** 2 + (y - 80) ** 2 < 40**2] = (240, 200, 60)
    exif = Image.Exif()
    exif[274] = 6  # turned by 90 degrees: the disc is at the top right of what is seen
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=95, exif=exif)
    page.goto(f"{play_stack.url}/play")
    choose_file(page, "turned.jpg", file.getvalue())
    expect(page.get_by_role("status")).to_contain_text("Click on a thing")
    frame = page.locator("#stage").bounding_box()
    assert frame is not None
    assert frame["height"] > frame["width"]
    page.mouse.click(
        frame["x"] + frame["width"] * 220 / 300, frame["y"] + frame["height"] * 100 / 500
    )
    wait_for_answer(page, prompts=1)
    disc = np.zeros((500, 300), bool)
    y, x = np.ogrid[:500, :300]
    disc[(x - 220) ** 2 + (y - 100) ** 2 < 40**2] = True
    shown = seen_mask(page)
    assert shown.shape == disc.shape
    assert iou(shown, disc) > 0.8
