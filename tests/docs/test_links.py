"""Links in what people read lead somewhere, and pictures are small."""

import re
from pathlib import Path

import pytest
from PIL import Image

from .pages import PAGES, ROOT, name_of

MAX_PICTURE_BYTES = 250_000
PICTURES = sorted((ROOT / "docs" / "images").iterdir())
INDEX = ROOT / "docs" / "README.md"


def find_links(page: Path) -> list[str]:
    """Targets within the repository; what code blocks hold is no link."""
    text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target for target in targets if not target.startswith(("http://", "https://"))]


def find_anchors(page: Path) -> set[str]:
    """Of each heading, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in find_links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in find_anchors(target), link


def test_every_page_of_the_docs_is_in_the_index() -> None:
    listed = {(INDEX.parent / link).resolve() for link in find_links(INDEX)}
    pages = {path for path in (ROOT / "docs").glob("*.md") if path != INDEX}
    assert pages <= listed
    assert INDEX in {(ROOT / link).resolve() for link in find_links(ROOT / "README.md")}


@pytest.mark.parametrize("picture", PICTURES, ids=name_of)
def test_pictures_are_small_shown_somewhere_and_can_be_read(picture: Path) -> None:
    assert picture.stat().st_size < MAX_PICTURE_BYTES
    with Image.open(picture) as image:
        image.verify()
    assert any(f"images/{picture.name}" in page.read_text() for page in PAGES)


def test_every_module_that_the_architecture_names_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`([\w/.-]+\.(?:py|html))`", page))
    assert len(named) > 30
    modules = [str(path) for path in [*ROOT.glob("*/**/*.py"), *ROOT.glob("*/**/*.html")]]
    missing = {name for name in named if not any(m.endswith(f"/{name}") for m in modules)}
    assert missing == set()
