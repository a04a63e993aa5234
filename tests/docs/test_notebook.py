"""The notebook runs from top to bottom, and shows what the code draws."""

import base64
import copy
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from docs.reference.notebook import NOTEBOOK, Cell, find_code, read_notebook, run_cells

MAX_BYTES = 500_000
PICTURE = "image/jpeg"


@pytest.fixture(scope="module")
def kept() -> list[Cell]:
    """The code cells as they were committed."""
    return find_code(read_notebook())


@pytest.fixture(scope="module")
def run(kept: list[Cell]) -> list[Cell]:
    """The same, carried out now."""
    cells = copy.deepcopy(kept)
    run_cells(cells)
    return cells


def find_pictures(cell: Cell) -> list[Image.Image]:
    contents: list[dict[str, Any]] = [output.get("data", {}) for output in cell["outputs"]]
    encoded = [content[PICTURE] for content in contents if PICTURE in content]
    return [Image.open(io.BytesIO(base64.b64decode(text))) for text in encoded]


def read_print(cell: Cell) -> str:
    return "".join(line for output in cell["outputs"] for line in output.get("text", []))


def test_every_cell_shows_something_and_all_pictures_are_kept(kept: list[Cell]) -> None:
    assert NOTEBOOK.stat().st_size < MAX_BYTES
    assert all(cell["outputs"] for cell in kept), "run `make notebook`"
    assert sum(len(find_pictures(cell)) for cell in kept) == 5


def test_the_cells_run_from_top_to_bottom_and_show_what_is_kept(
    kept: list[Cell], run: list[Cell]
) -> None:
    assert [cell["execution_count"] for cell in run] == [1, 2, 3, 4, 5, 6, 7]
    assert read_print(run[0]) == read_print(kept[0]), "another model: run `make notebook`"
    for before, now in zip(kept, run, strict=True):
        pictures = list(zip(find_pictures(before), find_pictures(now), strict=True))
        for old, new in pictures:
            assert old.size == new.size
            difference = np.abs(np.asarray(old, float) - np.asarray(new, float))
            assert difference.mean() < 2, "run `make notebook`"
