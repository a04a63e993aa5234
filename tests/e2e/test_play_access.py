"""The page ``/play`` for those without a mouse: keys, a finger, and what axe has to say."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core import Prompt

from ..running_stack import RunningStack
from .pictures import take_picture
from .play_page import (
    CUP,
    SAUCER,
    PredictCup,
    find_inner_pixel,
    open_cup,
    place,
    save_mask,
    wait_for_answer,
)
from .test_api import iou


def test_keys_alone_do_everything(
    play_stack: RunningStack, page: Page, predict_cup: PredictCup
) -> None:
    page.goto(f"{play_stack.url}/play")
    expect(page.get_by_role("button", name=CUP)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#file")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=CUP)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Click on a thing")
    expect(page.locator("#stage")).to_be_focused()
    page.keyboard.press("ArrowUp")  # from the middle, 15 pixels
    for _ in range(35):
        page.keyboard.press("Shift+ArrowUp")
    for _ in range(10):
        page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#cursor")).to_be_visible()
    page.keyboard.press("Enter")
    wait_for_answer(page, prompts=1)
    first = save_mask(page)
    assert iou(first, predict_cup(Prompt(points=[[290, 150]]))) > 0.98
    page.keyboard.press("c")
    expect(page.locator(".point")).to_have_count(0)
    page.locator("#stage").focus()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
    take_picture(page, "play_keys")
    page.keyboard.press("Enter")
    wait_for_answer(page, prompts=1)
    assert iou(save_mask(page), predict_cup(Prompt(box=[290, 150, 410, 270]))) > 0.98
    page.keyboard.press("r")
    page.keyboard.press("z")
    expect(page.locator(".box")).to_have_count(0)
    page.locator("#stage").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".point.outside")).to_have_count(1)
    expect(page.get_by_role("status")).to_contain_text("Now say what the thing is")
    page.keyboard.press("n")
    expect(page.get_by_role("button", name=CUP)).to_be_visible()


def slide(page: Page, *places: tuple[float, float]) -> None:
    """Put one finger down at the first place and lift it at the last, as a touchscreen says it."""
    session = page.context.new_cdp_session(page)
    for kind, at in zip(["touchStart", *["touchMove"] * (len(places) - 1)], places, strict=True):
        point = {"x": at[0], "y": at[1]}
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def tap_tool(page: Page, name: str) -> None:
    """Choose a tool, tapping until it is chosen.

    After touches that were made up as in ``slide``, Chromium now and then makes no click of a tap:
    the button gets its pointer and touch events, and nothing else.
    """
    button = page.get_by_role("button", name=name)
    while button.get_attribute("aria-pressed") != "true":
        button.tap()
        page.wait_for_timeout(500)  # a click that comes has come by then


def test_a_finger_does_everything_on_a_phone(
    play_stack: RunningStack, browser: Browser, predict_cup: PredictCup
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True,
        device_scale_factor=2,
    )  # fmt: skip
    page = context.new_page()
    open_cup(page, play_stack)
    width_px = page.evaluate("document.documentElement.scrollWidth")
    assert width_px <= 390, "nothing is beside the screen"
    page.touchscreen.tap(*place(page, 290, 150))
    wait_for_answer(page, prompts=1)
    tapped = save_mask(page)
    assert iou(tapped, predict_cup(Prompt(points=[[290, 150]]))) > 0.9
    take_picture(page, "play_phone")
    page.get_by_role("button", name="Clear").tap()
    expect(page.locator(".point")).to_have_count(0)
    tap_tool(page, "Box")
    x0, y0, x1, y1 = SAUCER
    slide(page, place(page, x0, y0), place(page, 279, 204), place(page, x1, y1))
    wait_for_answer(page, prompts=1)
    boxed = save_mask(page)
    assert iou(boxed, predict_cup(Prompt(box=SAUCER))) > 0.9
    tap_tool(page, "Remove")
    page.touchscreen.tap(*place(page, *find_inner_pixel(boxed)))
    wait_for_answer(page, prompts=2)
    expect(page.locator(".point.outside")).to_have_count(1)
    assert save_mask(page).sum() < boxed.sum()
    context.close()


def test_a_finger_that_moves_scrolls_and_asks_for_nothing(
    play_stack: RunningStack, browser: Browser
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 400}, has_touch=True, is_mobile=True, bypass_csp=True
    )
    page = context.new_page()
    open_cup(page, play_stack)
    slide(page, *[place(page, 300, y_px) for y_px in range(350, 100, -40)])
    page.wait_for_function("() => window.scrollY > 0")
    assert page.locator(".point, .box").count() == 0
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(
    play_stack: RunningStack, browser: Browser, scheme: str
) -> None:
    context = browser.new_context(
        color_scheme="dark" if scheme == "dark" else "light", bypass_csp=True
    )
    page = context.new_page()
    page.goto(f"{play_stack.url}/play")
    expect(page.get_by_role("button", name=CUP)).to_be_visible()
    assert list_violations(page) == []
    open_cup(page, play_stack)
    assert list_violations(page) == []
    page.mouse.click(*place(page, 290, 150))
    wait_for_answer(page, prompts=1)
    assert list_violations(page) == []
    take_picture(page, f"play_{scheme}")
    context.close()


def list_violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{v['id']}: {[node['html'] for node in v['nodes']]}" for v in found]
