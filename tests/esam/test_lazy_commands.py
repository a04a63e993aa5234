"""Commands are imported when they are called, and listed truly before."""

import subprocess
import sys
from importlib import import_module
from typing import get_args

import pytest
import typer

from core import MODELS
from esam.cli import COMMANDS
from esam.model_options import ModelOption

from .command_line import esam


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_what_the_command_itself_says(name: str) -> None:
    command = COMMANDS[name]
    found = getattr(import_module(f"esam.{command.module}"), command.attribute)
    own = found.info.help if isinstance(found, typer.Typer) else found.__doc__.splitlines()[0]
    assert command.help == own


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert esam(name, "--help") == 0
    shown = COMMANDS[name].help.replace("`", "")[:40]
    assert shown in " ".join(capsys.readouterr().out.split())


def test_the_help_of_the_model_option_names_every_model() -> None:
    (option,) = get_args(ModelOption)[1:]
    assert all(name in option.help for name in MODELS)


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["serve", "--help"]])
def test_what_needs_no_model_does_not_wait_for_torch(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom esam.cli import run_cli\ntry:\n    run_cli(sys.argv[1:])\n"
        "except SystemExit:\n    pass\nprint('imported:', 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "imported: False" in result.stdout
