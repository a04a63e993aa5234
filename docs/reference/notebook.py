"""docs/quickstart.ipynb: its cells are carried out from top to bottom, without Jupyter.

``python -m docs.reference.notebook`` writes what they print and draw into it, pictures as JPEG,
which is a tenth of the PNG that Jupyter would write.
"""

import ast
import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

NOTEBOOK = Path(__file__).resolve().parents[1] / "quickstart.ipynb"
_JPEG_QUALITY = 70

Cell = dict[str, Any]


def read_notebook() -> dict[str, Any]:
    """The notebook, as Jupyter keeps it."""
    notebook: dict[str, Any] = json.loads(NOTEBOOK.read_text())
    return notebook


def find_code(notebook: dict[str, Any]) -> list[Cell]:
    """The cells that are carried out."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run_cells(cells: list[Cell]) -> None:
    """Carry out cells one after the other, and replace their outputs.

    Raises:
        Exception: whatever a cell raises.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for count, cell in enumerate(cells, start=1):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            shown = _run("".join(cell["source"]), names)
        cell["execution_count"] = count
        cell["outputs"] = _describe(printed.getvalue(), shown, count)


def _run(source: str, names: dict[str, Any]) -> Any:
    """The value of the last line, where it is an expression."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "cell", "exec"), names)  # noqa: S102  our own notebook
    if last is None:
        return None
    expression = ast.Expression(last.value)  # type: ignore[attr-defined]
    return eval(compile(expression, "cell", "eval"), names)  # noqa: S307  likewise


def _describe(printed: str, shown: Any, count: int) -> list[dict[str, Any]]:
    outputs: list[dict[str, Any]] = []
    if printed:
        lines = printed.splitlines(keepends=True)
        outputs.append({"name": "stdout", "output_type": "stream", "text": lines})
    if shown is not None:
        content: dict[str, Any] = {"text/plain": [repr(shown)]}
        if isinstance(shown, Image.Image):
            size = "{}x{}".format(*shown.size)
            content = {"image/jpeg": _encode(shown), "text/plain": [f"<picture of {size} pixels>"]}
        result = {"data": content, "execution_count": count, "metadata": {}}
        outputs.append({**result, "output_type": "execute_result"})
    return outputs


def _encode(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return base64.b64encode(content.getvalue()).decode()


if __name__ == "__main__":
    notebook = read_notebook()
    run_cells(find_code(notebook))
    NOTEBOOK.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    print(f"wrote {NOTEBOOK}")
