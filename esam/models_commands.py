"""``esam models``: what was learned from projects, and which project uses what."""

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from .backend_answers import LearnedModel, ModelChange, ModelList
from .backend_client import DEFAULT_URL
from .backend_options import (
    BackendOption,
    ProjectOption,
    TokenOption,
    UrlOption,
    connect_backend,
    label_studio_fields,
    say_command,
)
from .json_output import JsonOption, say_json
from .lazy_commands import make_app
from .lesson_words import add_figure_columns, write_figures
from .run_tables import describe_moment, make_console

models_app = make_app(
    help="What was learned from projects: see it, choose for a project, go back.",
    no_args_is_help=True,
)
VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="Of `esam models list`.")]


@models_app.command("list")
def list_models(
    project: Annotated[
        int | None, typer.Option("--project", help="Only what was learned from it.", min=1)
    ] = None,
    as_json: JsonOption = False,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """What was learned, newest first, what it was worth, and who uses it."""
    with connect_backend(backend) as client:
        found = client.list_models()
    found = _choose(found, project)
    if as_json:
        say_json(found.model_dump(mode="json"))
        return
    if not found.models:
        typer.echo("nothing was learned yet; `esam finetune --project N` does")
        return
    make_console().print(_make_table(found))


@models_app.command("use")
def use_model(
    version: VersionArgument,
    project: ProjectOption,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Let a project use a version from now on, without a restart."""
    order = {
        "project": project,
        "model_version": version,
        **label_studio_fields(url, token),
    }
    with connect_backend(backend) as client:
        _say_change(client.change_model("use", order), client.url, as_json)


@models_app.command("rollback")
def roll_back_model(
    project: ProjectOption,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Let a project use what it used before, without a restart."""
    order = {"project": project, **label_studio_fields(url, token)}
    with connect_backend(backend) as client:
        _say_change(client.change_model("rollback", order), client.url, as_json)


def _say_change(change: ModelChange, backend_url: str, as_json: bool) -> None:
    if as_json:
        say_json(change.model_dump(mode="json"))
        return
    typer.echo(f"Project {change.project} uses {change.model_version}; before: {change.before}.")
    back = say_command(backend_url, f"models use {change.before} --project {change.project}")
    typer.echo(f"  as before: {back}")


def _choose(found: ModelList, project: int | None) -> ModelList:
    """Those of one project, where one is asked for."""
    if project is None:
        return found
    models = [model for model in found.models if _id_of(model.project_key) == project]
    used = [one for one in found.projects if _id_of(one.key) == project]
    return found.model_copy(update={"models": tuple(models), "projects": tuple(used)})


def _id_of(project_key: str) -> int:
    """Keys are ``"<id>.<unix time of creation>"``."""
    number = project_key.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _make_table(found: ModelList) -> Table:
    table = Table(box=None)
    add_figure_columns(table, "version")
    for heading in ("masks", "from project", "learned", "used by"):
        table.add_column(heading)
    table.columns[1].header = "one click before"
    for model in found.models:
        users = [
            _id_of(one.key) for one in found.projects if one.model_version == model.model_version
        ]
        table.add_row(
            model.model_version,
            *_write_one_click(model),
            f"{model.masks:,}",
            Text(f"{_id_of(model.project_key)} {model.project_title}"),
            describe_moment(model.created_at),
            ", ".join(f"project {user}" for user in users)
            or ("" if model.is_usable else "not usable: other weights are loaded"),
        )
    return table


def _write_one_click(model: LearnedModel) -> tuple[str, str, str]:
    for row in model.figures:
        if row.prompt == "1 click":
            return write_figures(row)
    return "", "", ""
