"""Screenshots for people to look at."""

from playwright.sync_api import Page

from .label_studio import ROOT

OUTPUT = ROOT / "e2e_output"


def take_picture(page: Page, name: str) -> None:
    """Keep what is seen, as far as it can be scrolled."""
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)
