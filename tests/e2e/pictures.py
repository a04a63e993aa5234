"""Screenshots for people to look at."""

import io

from PIL import Image
from playwright.sync_api import Page

from .label_studio import ROOT

OUTPUT = ROOT / "e2e_output"
FOR_DOCS = OUTPUT / "docs"
_JPEG_QUALITY = 85


def take_picture(page: Page, name: str) -> None:
    """Keep what is seen, as far as it can be scrolled."""
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"{name}.png", full_page=True)


def take_picture_for_docs(page: Page, name: str) -> None:
    """Keep what is seen, small enough for docs/images; `make pictures` puts it there."""
    FOR_DOCS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(1000)  # the page animates
    with Image.open(io.BytesIO(page.screenshot())) as shown:
        # Full colour at each pixel: text in colour is blurred otherwise.
        shown.convert("RGB").save(
            FOR_DOCS / f"{name}.jpg", quality=_JPEG_QUALITY, subsampling=0, optimize=True
        )
