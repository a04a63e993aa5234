"""Facts for programs: ``--json`` means the same on every command that has it."""

import json
from typing import Annotated

import typer

JsonOption = Annotated[
    bool, typer.Option("--json", help="The facts as one line of JSON on stdout, for programs.")
]


def say_json(facts: object) -> None:
    """One line on stdout."""
    typer.echo(json.dumps(facts, ensure_ascii=False))
