"""docs/configuration.md: what the environment says, read from the settings classes."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from labelstudio_backend import BackendSettings
from worker import WorkerSettings

from .command_tree import find_option_variables

_MIB = 1024 * 1024

_HEAD = """# Configuration

<!-- Written from the code by `make docs`. -->

Everything is set with environment variables; where a command has an option for the same, the
option wins. Of two names in a row the first wins. A value that cannot be used ends the start with a
line that says why. `.env.example` has the same variables for docker compose, and those of the
compose file itself ([docker.md](docker.md)).
"""


@dataclass(frozen=True)
class Variable:
    """One row.

    Attributes:
        names: that it is read from, the first that is set wins.
        default: as one would write it; None where unset means something else.
        text: what it is.
    """

    names: tuple[str, ...]
    default: str | None
    text: str


PROCESS = (
    Variable(("LOG_LEVEL",), "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`."),
    Variable(
        ("ESAM_LOG_FORMAT",),
        "text",
        "`json`: a JSON object a line, for programs ([operations.md](operations.md)).",
    ),
    Variable(
        ("OMP_NUM_THREADS",),
        None,
        "Threads of torch; unset, `esam run` divides the cores among its processes, and the others "
        "take all.",
    ),
    Variable(
        ("OMP_WAIT_POLICY",),
        "PASSIVE",
        "`ACTIVE`, where a process has its cores to itself: waiting threads spin "
        "([performance.md](performance.md)).",
    ),
)
"""What is read by every process of ours, and no settings class has."""


def find_variables(settings: type[BaseSettings]) -> list[Variable]:
    """A row for each field, with what the class's docstring says of it."""
    texts = dict(_read_attributes(settings))
    names = {name: _name_of(field) for name, field in settings.model_fields.items()}
    return [
        Variable(
            names[name],
            _write_default(field.default),
            _speak_of_variables(texts[name], names),
        )
        for name, field in settings.model_fields.items()
    ]


def find_option_only_variables() -> list[Variable]:
    """Variables that only the command line reads."""
    told = {name for row in _list_settings() for name in row.names}
    return [
        Variable((name,), _write_default(option.default), option.help)
        for name, option in find_option_variables().items()
        if name not in told
    ]


def find_all_names() -> set[str]:
    """Every variable that anything of ours reads."""
    rows = [*_list_settings(), *find_option_only_variables(), *PROCESS]
    return {name for row in rows for name in row.names}


def make_configuration_page() -> str:
    """The whole page."""
    return "\n".join(
        [
            _HEAD,
            "## Model and Redis: backend and workers alike\n",
            _make_table(find_variables(WorkerSettings)),
            "## The backend and its way to Label Studio\n",
            _make_table(find_variables(BackendSettings)),
            "## Every process\n",
            _make_table(PROCESS),
            "## The command line\n",
            _make_table(find_option_only_variables()),
        ]
    )


def _list_settings() -> list[Variable]:
    return [*find_variables(WorkerSettings), *find_variables(BackendSettings)]


def _make_table(rows: list[Variable] | tuple[Variable, ...]) -> str:
    options = find_option_variables()
    lines = ["| variable | option | default | |", "|---|---|---|---|"]
    for row in rows:
        names = " or ".join(f"`{name}`" for name in row.names)
        option = f"`{options[row.names[0]].opts[0]}`" if row.names[0] in options else ""
        default = "" if row.default is None else f"`{row.default}`"
        lines.append(f"| {names} | {option} | {default} | {row.text} |")
    return "\n".join([*lines, ""])


def _name_of(field: FieldInfo) -> tuple[str, ...]:
    alias = field.validation_alias
    return tuple(map(str, alias.choices if isinstance(alias, AliasChoices) else [alias]))


def _write_default(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read_attributes(settings: type) -> Iterator[tuple[str, str]]:
    """Name and text of each entry of the docstring's ``Attributes:``."""
    _, _, attributes = (inspect.getdoc(settings) or "").partition("Attributes:\n")
    for entry in re.split(r"\n(?=    \S)", attributes):
        name, _, text = entry.strip().partition(": ")
        yield name, " ".join(text.split())


def _speak_of_variables(text: str, names: dict[str, tuple[str, ...]]) -> str:
    for name, variables in names.items():
        text = text.replace(f"``{name}``", f"`{variables[0]}`")
    text = text.replace("``", "`")
    return f"{text[0].upper()}{text[1:]}"
