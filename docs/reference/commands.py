"""docs/commands.md: what ``esam`` does, command by command."""

from typing import Any

import typer
from typer.cli import get_docs_for_click

from esam.cli import COMMANDS
from esam.exit_codes import MEANINGS

from .command_tree import load_root

_HEAD = """# Commands

<!-- Written from the code by `make docs`. -->

`esam --help` lists them, `esam COMMAND --help` has what is below.
What is set with a variable instead of an option: [configuration.md](configuration.md).

**Tab.** `esam --install-completion` teaches bash, zsh, fish and PowerShell to complete commands,
options and what they take; it works in the next terminal. `esam --show-completion` prints the
script instead.

**For programs.** With `--json`, stdout is one line of JSON and nothing else; progress and words
for people are on stderr. `esam predict` has the name of a file there (`--json facts.json`), or `-`
for stdout.

**When something is wrong**, stderr has a line that begins with `esam:` and says what, the value,
and what to do. `esam --debug COMMAND …` shows the traceback too.

**For people.** Progress goes to stderr, and only to a terminal is it drawn; elsewhere it is a
line now and then.
"""


def make_commands_page() -> str:
    """The whole page."""
    root = load_root()
    parts = [_HEAD, _list_exit_codes(), _list_commands()]
    parts += [_describe(command, "esam", depth=1) for command in root.commands.values()]
    return "\n".join(parts)


def _describe(command: Any, before: str, depth: int) -> str:
    if not hasattr(command, "commands"):
        text = get_docs_for_click(
            obj=command, ctx=typer.Context(command), indent=depth, call_prefix=before
        )
        return text.strip() + "\n"
    words = f"{before} {command.name}"
    head = f"{'#' * (depth + 1)} `{words}`\n\n{command.help}\n"
    within = [_describe(each, words, depth + 1) for each in command.commands.values()]
    return "\n".join([head, *within])


def _list_exit_codes() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(["| exit code | |", "|---|---|", *rows, ""])


def _list_commands() -> str:
    lines: list[str] = []
    panel = ""
    for name, command in COMMANDS.items():
        if command.panel != panel:
            panel = command.panel
            lines += ["", f"**{panel}**", "", "| | |", "|---|---|"]
        lines.append(f"| [`esam {name}`](#esam-{name}) | {command.help} |")
    return "\n".join([*lines[1:], ""])
