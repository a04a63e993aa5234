"""A name is the same in the command line, in the environment and wherever it is written about."""

import re
from pathlib import Path
from typing import Any

import pytest

from docs.reference.command_tree import find_option_variables, load_root, walk
from docs.reference.configuration import find_all_names

from .pages import PAGES, ROOT, SOURCES, find_esam_calls, name_of

COMMANDS: dict[str, Any] = dict(walk(load_root()))
# Of docker compose and of Docker itself, not of ours.
COMPOSE = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
PREFIXES = ("ESAM_", "LABEL_STUDIO_", "")


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that is called, and what is given to it."""
    for count in (2, 1, 0):
        if " ".join(words[:count]) in COMMANDS:
            break
    return COMMANDS[" ".join(words[:count])], words[count:]


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=name_of)
def test_commands_and_options_that_are_written_about_exist(path: Path) -> None:
    for words in find_esam_calls(path.read_text()):
        command, rest = find_command(words)
        if hasattr(command, "commands"):
            assert not rest or rest[0].startswith("-"), f"esam {' '.join(words)}"
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        for option in (word.partition("=")[0] for word in rest if word.startswith("-")):
            assert option in known or option == "-", f"esam {' '.join(words)}"


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=name_of)
def test_variables_that_are_written_about_are_read_by_something(path: Path) -> None:
    named = set(re.findall(r"\b(?:ESAM|LABEL_STUDIO|BASIC_AUTH)_[A-Z_]+\b", path.read_text()))
    assert named <= find_all_names() | COMPOSE


@pytest.mark.parametrize(("variable", "option"), find_option_variables().items())
def test_an_option_is_called_as_its_variable(variable: str, option: Any) -> None:
    if option.opts[0] == "--token":
        pytest.skip("label-studio-ml calls it LABEL_STUDIO_API_KEY")
    if variable == "LABEL_STUDIO_HOST":
        pytest.skip("its name before label-studio-ml called it LABEL_STUDIO_URL")
    name = option.opts[0].removeprefix("--").replace("-", "_").upper()
    assert variable in {prefix + name for prefix in PREFIXES}
