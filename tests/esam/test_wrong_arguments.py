"""Whatever is typed wrong, of whatever command: one line, exit code 2, and nothing was done."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from docs.reference.command_tree import find_commands

from .command_line import esam

READ_FILES = ("image", "source", "--boxes", "--weights", "--photos")
"""Parameters that name what is read, and not what is written."""

COMMANDS: dict[str, Any] = dict(find_commands())


def name_of(parameter: Any) -> str:
    return str(parameter.opts[0])


def type_of(parameter: Any) -> Any:
    return parameter.type_descriptor.annotation


def is_option(parameter: Any) -> bool:
    return name_of(parameter).startswith("-")


def is_flag(parameter: Any) -> bool:
    return bool(getattr(parameter, "is_flag", False))


def write(parameter: Any, value: str) -> list[str]:
    return [f"{name_of(parameter)}={value}"] if is_option(parameter) else [value]


def fill_in(command: Any, but: Any = None) -> list[str]:
    """Values for all that a command requires, one parameter left out."""
    words: list[str] = []
    for parameter in command.params:
        if parameter.required and parameter is not but:
            words += write(parameter, __file__ if type_of(parameter) is Path else "1")
    return words


def find_mistakes() -> Iterator[tuple[list[str], str]]:
    """What is typed, and what the message must name."""
    for words, command in COMMANDS.items():
        yield [*words.split(), *fill_in(command), "--no-such-option"], "--no-such-option"
        yield [*words.split(), *fill_in(command), "surplus"], "surplus"
        for parameter in command.params:
            for value in find_wrong_values(parameter):
                typed = fill_in(command, but=parameter) + write(parameter, value)
                named = name_of(parameter) if is_option(parameter) else value
                yield [*words.split(), *typed], named
            if parameter.required:
                shown = parameter.metavar or name_of(parameter)
                yield [*words.split(), *fill_in(command, but=parameter)], shown
            if is_option(parameter) and not is_flag(parameter):
                typed = [*fill_in(command), name_of(parameter)]  # and no value behind it
                yield [*words.split(), *typed], name_of(parameter)


def find_wrong_values(parameter: Any) -> list[str]:
    kind = type_of(parameter)
    if is_flag(parameter):
        return []
    if kind is int:
        return ["many", "-3", "1.5"]
    if kind is float:
        return ["long", "-3"]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ["none-of-them"]
    return ["/no/such/file"] if name_of(parameter) in READ_FILES else []


MISTAKES = list(find_mistakes())


@pytest.mark.parametrize(("words", "named"), MISTAKES, ids=lambda v: " ".join(v)[-70:])
def test_a_wrong_argument_is_one_line_and_exit_code_2(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam(*words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("esam: ")
    assert named in line


def test_every_kind_of_mistake_was_made_with_every_command() -> None:
    commands = {" ".join(words).partition(" --")[0] for words, _ in MISTAKES}
    assert all(any(c.startswith(name) for c in commands) for name in COMMANDS)
    found = {name_of(p) for command in COMMANDS.values() for p in command.params}
    assert set(READ_FILES) <= found


@pytest.mark.parametrize("words", [["no-such-command"], ["runs", "no-such-command"]])
def test_a_command_that_is_not_there_is_one_line(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam(*words) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["runs"], ["weights"]])
def test_nothing_typed_is_answered_with_the_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam(*words) == 2
    said = capsys.readouterr()
    assert "Usage:" in said.out + said.err
    assert "esam:" not in said.err


@pytest.mark.parametrize("command", ["run", "worker", "play", "demo", "predict", "evaluate"])
def test_a_model_that_is_not_in_the_registry_is_a_wrong_argument(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert esam(command, *fill_in_photo(command, tmp_path), "--model", "huge") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "esam: unknown model 'huge'; the registry has: vitt, vits, nano"


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_device_that_is_not_there_is_a_wrong_argument(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*fill_in_photo(command, tmp_path), "--model", "nano", "--device", "cuda:77"]
    assert esam(command, *words) == 2
    assert "cuda:77" in capsys.readouterr().err.splitlines()[-1]


def fill_in_photo(command: str, folder: Path) -> list[str]:
    """A photo and a click for `esam predict`."""
    if command != "predict":
        return []
    photo = folder / "black.ppm"
    photo.write_bytes(b"P6 8 8 255\n" + bytes(8 * 8 * 3))
    return [str(photo), "--point", "4,4"]


def test_debug_shows_the_traceback_beside_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    words = ["predict", str(broken), "--point", "1,1"]
    assert esam(*words) == 1
    plain = capsys.readouterr().err
    assert plain.count("\n") == 1
    assert esam("--debug", *words) == 1
    told = capsys.readouterr().err
    assert told.startswith("Traceback (most recent call last):")
    assert told.endswith(plain)
    assert "ImageError" in told
