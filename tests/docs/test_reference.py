"""Pages that are made from the code are those that the code makes."""

import re

import pytest

from docs.reference.__main__ import PAGES
from docs.reference.configuration import find_all_names
from esam.exit_codes import MEANINGS

from .pages import ROOT


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_make_docs_would_write(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == PAGES[name](), "run `make docs`"


def test_the_configuration_page_has_every_variable_with_words() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    texts = {name: row[4] for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert texts.keys() == find_all_names()
    assert all(len(text) > 10 for text in texts.values())


def test_the_commands_page_has_every_exit_code() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert all(f"| {code} | {meaning} |" in page for code, meaning in MEANINGS.items())
