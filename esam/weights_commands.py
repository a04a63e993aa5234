"""``esam weights``: what checkpoint files there are, get them, check them."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from core import (
    MODELS,
    WEIGHTS_FOLDER,
    Checkpoint,
    CheckpointError,
    ModelSpec,
    find_checkpoint,
    find_model,
    verify_checkpoint,
)

from .download import download_file
from .json_output import JsonOption, say_json
from .lazy_commands import make_app

app = make_app(help="List, download and verify checkpoint files.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help=f"One of {', '.join(MODELS)}.")]


@app.command("list")
def list_weights(as_json: JsonOption = False) -> None:
    """The models there are and which files are here."""
    if as_json:
        say_json([_describe(spec) for spec in MODELS.values()])
        return
    table = Table("model", "file", "here", "what it is", box=None)
    for spec in MODELS.values():
        path = WEIGHTS_FOLDER / spec.filename
        here = f"{path.stat().st_size / 2**20:.1f} MiB" if path.is_file() else "no"
        table.add_row(spec.name, spec.filename, here, spec.summary)
    Console().print(table)


@app.command("download")
def download(
    name: NameArgument,
    url: Annotated[
        str | None, typer.Option(help="Another address of the same file, such as a mirror.")
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where to put it.", show_default="weights/")
    ] = WEIGHTS_FOLDER,
) -> None:
    """Download an official checkpoint; resumes, and keeps only the file that was published."""
    spec = find_model(name)
    path = folder / spec.filename
    if path.is_file() and _is_published(spec, path):
        typer.echo(f"{path} is here and verified; nothing to do")
        return
    source = url or spec.url
    if source is None:
        raise CheckpointError(
            f"{name!r} ships with the product and has no download; "
            f"restore {path} from the release, or remake it with `esam train`"
        )
    columns = (TextColumn(spec.filename), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        row = progress.add_task(spec.filename, total=None)
        download_file(
            source,
            path,
            verify=lambda part: verify_checkpoint(Checkpoint(spec, part)),
            on_progress=lambda done, total: progress.update(row, completed=done, total=total),
        )
    typer.echo(f"wrote {path}, verified")


@app.command("verify")
def verify(name: NameArgument) -> None:
    """Compare a file with the checksum of the published one."""
    checkpoint = find_checkpoint(name)
    verify_checkpoint(checkpoint)
    typer.echo(f"{checkpoint.path} is the published file of {name}")


def _describe(spec: ModelSpec) -> dict[str, object]:
    path = WEIGHTS_FOLDER / spec.filename
    size_bytes = path.stat().st_size if path.is_file() else None
    return {
        "model": spec.name,
        "file": str(path),
        "size_bytes": size_bytes,
        "summary": spec.summary,
        "licence": spec.licence,
    }


def _is_published(spec: ModelSpec, path: Path) -> bool:
    try:
        verify_checkpoint(Checkpoint(spec, path))
    except CheckpointError as error:
        typer.echo(f"{error}; downloading it anew", err=True)
        return False
    return True
