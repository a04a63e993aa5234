"""The page ``/play`` as tests work with it; its photo is a cup of coffee of 600×400 pixels."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from playwright.sync_api import Download, Page, expect

from core import Prompt

from ..running_stack import RunningStack

CUP = "Cup of coffee"
SIZE_WH = (600, 400)
SAUCER = (76, 16, 482, 392)
Mask = NDArray[np.bool_]
PredictCup = Callable[[Prompt], Mask]


def open_cup(page: Page, stack: RunningStack) -> None:
    page.goto(f"{stack.url}/play")
    page.get_by_role("button", name=CUP).click()
    expect(page.get_by_role("status")).to_contain_text("Click on a thing")


def place(page: Page, x_px: float, y_px: float) -> tuple[float, float]:
    """Where a pixel of the photo is on the screen."""
    frame = page.locator("#stage").bounding_box()
    assert frame is not None
    width_px, height_px = SIZE_WH
    return (
        frame["x"] + frame["width"] * x_px / width_px,
        frame["y"] + frame["height"] * y_px / height_px,
    )


def wait_for_answer(page: Page, prompts: int) -> None:
    """Until the answer to what is drawn is there."""
    expect(page.locator(".point, .box")).to_have_count(prompts)
    expect(page.locator("#stage.busy")).to_have_count(0)
    error = page.locator("#error")
    assert not error.is_visible(), error.inner_text()
    expect(page.locator("#score")).not_to_have_text("–")


def drag(page: Page, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    page.mouse.move(*place(page, x0, y0))
    page.mouse.down()
    page.mouse.move(*place(page, (x0 + x1) / 2, (y0 + y1) / 2))
    page.mouse.move(*place(page, x1, y1))
    page.mouse.up()


def read_content(download: Download) -> bytes:
    return Path(download.path()).read_bytes()


def save_mask(page: Page) -> Mask:
    """The mask that is seen, from the file that the page makes of it."""
    with page.expect_download() as saved:
        page.get_by_role("button", name="Mask as PNG").click()
    assert saved.value.suggested_filename == "coffee-mask.png"
    with Image.open(io.BytesIO(read_content(saved.value))) as picture:
        return np.asarray(picture.convert("L")) > 0


def seen_mask(page: Page) -> Mask:
    """What the canvas over the photo shows, as large as it is."""
    shown = page.locator("#stage canvas").evaluate(
        "canvas => [canvas.width, canvas.height, Array.from(canvas.getContext('2d')"
        ".getImageData(0, 0, canvas.width, canvas.height).data.filter((_, i) => i % 4 === 3))]"
    )
    width_px, height_px, alpha = shown
    return np.reshape(alpha, (height_px, width_px)) > 0


def find_inner_pixel(mask: Mask) -> tuple[int, int]:
    """(x, y) of a pixel with nothing but mask around it, so that a hand may be a little off."""
    inner = np.asarray(Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MinFilter(15)))
    pixels = np.argwhere(inner)
    y, x = pixels[len(pixels) // 3]
    return int(x), int(y)
