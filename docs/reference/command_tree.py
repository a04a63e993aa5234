"""Every command there is, as click has it, with its options and their variables."""

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


def find_commands() -> Iterator[tuple[str, Any]]:
    """Each command that does something, with the words that call it: ``runs list``."""
    for words, command in walk(load_root()):
        if not hasattr(command, "commands"):
            yield words, command


def walk(group: Any, words: str = "") -> Iterator[tuple[str, Any]]:
    """A group and all within it, with the words that call it; the outermost has none."""
    yield words, group
    for name, command in getattr(group, "commands", {}).items():
        yield from walk(command, f"{words} {name}".strip())


def find_option_variables() -> dict[str, Any]:
    """The option, as click has it, that each environment variable stands for."""
    found: dict[str, Any] = {}
    for _, command in find_commands():
        for parameter in command.params:
            names = parameter.envvar or ()
            for name in [names] if isinstance(names, str) else names:
                found.setdefault(name, parameter)
    return found
