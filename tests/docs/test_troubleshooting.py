"""Keeps docs/troubleshooting.md true: what it quotes is what the code says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .pages import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")]
    for line in PAGE.splitlines()
    if line.startswith("| ") and not line.startswith(("| you see", "| alert"))
]
VALUE = "…"
MODULES = sorted(
    path
    for package in ("core", "worker", "labelstudio_backend", "esam")
    for path in (ROOT / package).rglob("*.py")
)


def read_literal(node: ast.AST) -> str | None:
    """A text of the code; … stands where a value is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(read_literal(part) or VALUE for part in node.values)
    return None


def find_literals(path: Path) -> Iterator[str]:
    """All texts but docstrings, which nobody is shown."""
    tree = ast.parse(path.read_text())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        literal = read_literal(node)
        if literal and id(node) not in docstrings:
            yield literal


LITERALS = [literal for path in MODULES for literal in find_literals(path)]
LITERALS += (ROOT / "Makefile").read_text().splitlines()


def is_said(quote: str) -> bool:
    """Whether a text of the code has the quote, whatever stands at its …"""
    pieces = [re.escape(piece) for piece in quote.split(VALUE)]
    pattern = re.compile(".*".join(pieces), re.DOTALL)
    return any(pattern.search(literal) for literal in LITERALS)


def find_quotes() -> list[str]:
    """What stands between backticks in the first column and is more than a name."""
    quotes = [quote for row in ROWS for quote in re.findall(r"`([^`]+)`", row[0])]
    return [quote for quote in quotes if " " in quote and not quote.startswith("esam ")]


def find_problems() -> Iterator[str]:
    """What the doctor says of each check that fails, where that is a text of its own."""
    for path in sorted((ROOT / "esam").glob("*_checks.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                said = read_literal(node.args[0])
                if said:
                    yield said


@pytest.mark.parametrize("quote", find_quotes())
def test_what_the_page_quotes_is_what_the_code_says(quote: str) -> None:
    assert is_said(quote)


def test_what_nobody_says_is_found_out() -> None:
    assert not is_said("no worker is running, so have a coffee")
    assert len(find_quotes()) > 50


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_each_symptom_has_a_reason_and_a_way_out(row: list[str]) -> None:
    assert len(row) == 3
    assert row[-1]


def test_every_alert_has_a_place_to_look_at() -> None:
    rules = (ROOT / "deploy" / "prometheus").rglob("*.yml")
    alerts = {name for path in rules for name in re.findall(r"alert: (\w+)", path.read_text())}
    assert alerts
    assert alerts == set(re.findall(r"\| `(Esam\w+)`", PAGE))


@pytest.mark.parametrize("problem", list(find_problems()))
def test_every_failed_check_of_the_doctor_is_on_the_page(problem: str) -> None:
    longest = max(re.split(VALUE, problem), key=len).strip(" ,:;(")
    assert longest in PAGE
