"""Writes the pages: ``python -m docs.reference``."""

from pathlib import Path

from .commands import make_commands_page
from .configuration import make_configuration_page

PAGES = {"commands.md": make_commands_page, "configuration.md": make_configuration_page}

if __name__ == "__main__":
    for name, make in PAGES.items():
        path = Path(__file__).resolve().parents[1] / name
        path.write_text(make())
        print(f"wrote {path}")
