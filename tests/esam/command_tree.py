"""Every command there is, as click has it."""

from collections.abc import Iterator
from typing import Any

import click
import typer

from esam.cli import COMMANDS, app


def load_root() -> Any:
    """The outermost command with all within it loaded."""
    root: Any = typer.main.get_command(app)
    for name in COMMANDS:
        root.resolve_command(click.Context(root), [name])
    return root


def find_commands(group: Any | None = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each command that does something, with the words that call it: ``runs list``."""
    for name, command in (group or load_root()).commands.items():
        words = f"{before}{name}"
        if hasattr(command, "commands"):
            yield from find_commands(command, f"{words} ")
        else:
            yield words, command
