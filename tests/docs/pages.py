"""What people read, and the commands and variables in it."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("weights/*.md")])
SOURCES = sorted(
    path
    for folder in ("core", "worker", "labelstudio_backend", "training", "esam", "deploy")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".yml", ".yaml", ".json", ".j2", ".html", ".js")
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def find_shell_commands(text: str) -> Iterator[str]:
    """Commands of code blocks for the shell, a line each, and what stands between backticks."""
    for block in re.findall(r"^ *```(?:sh|console)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        for line in re.sub(r"\\\n", " ", block).splitlines():
            yield from re.split(r"&&|\|(?= )|;", line.split(" #")[0])
    yield from re.findall(r"`([^`\n]+)`", text)


def find_esam_calls(text: str) -> Iterator[list[str]]:
    """The words after ``esam`` of each call of it."""
    for command in find_shell_commands(text):
        call = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?esam ([a-z-].*)", command)
        if call:
            yield call[1].split()
