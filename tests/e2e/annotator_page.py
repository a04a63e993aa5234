"""What an annotator does on Label Studio's pages."""

from contextlib import suppress

from playwright.sync_api import Page, TimeoutError

from .label_studio import EMAIL, LabelStudio

POINTS, BOXES = 1, 2  # which set of labels on the page
_SMART_TOOL = ".lsf-toolbar button.lsf-tool_smart"
_PRESSES = 5
_PATIENCE_MS = 10_000


def log_in(page: Page, label_studio: LabelStudio) -> None:
    page.goto(f"{label_studio.url}/user/login")
    page.fill("input[name=email]", EMAIL)
    page.fill("input[name=password]", label_studio.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/login" not in url)


def see_task(page: Page, label_studio: LabelStudio, project: int, task: int) -> None:
    page.goto(f"{label_studio.url}/projects/{project}/data?task={task}")
    page.wait_for_selector(".konvajs-content canvas")


def open_task(page: Page, label_studio: LabelStudio, project: int, task: int) -> None:
    """Log in and open a task, ready for clicks."""
    log_in(page, label_studio)
    see_task(page, label_studio, project, task)
    switch_auto_annotation(page)


def switch_auto_annotation(page: Page) -> None:
    """Switch it on; a page that is drawn anew while it loads forgets the first press."""
    for _ in range(_PRESSES):
        page.locator("[data-testid=bottombar-auto-annotation-toggle]").click(force=True)
        with suppress(TimeoutError):
            page.locator(_SMART_TOOL).first.wait_for(timeout=_PATIENCE_MS)
            return
    raise AssertionError("Auto-Annotation cannot be switched on")


def choose_smart_tool(page: Page, labels: int, presses: int) -> None:
    """Take the smart tool; each press goes to its next kind: brush, keypoint, rectangle."""
    for _ in range(presses):
        page.locator(_SMART_TOOL).first.click(force=True)
    page.locator(".lsf-labels").nth(labels).locator(".lsf-label").first.click()


def canvas_place(page: Page, x_share: float, y_share: float) -> tuple[float, float]:
    frame = page.locator(".konvajs-content canvas").first.bounding_box()
    assert frame is not None
    return frame["x"] + frame["width"] * x_share, frame["y"] + frame["height"] * y_share
