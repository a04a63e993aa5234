"""Pictures of what learning changed, fetched from the backend."""

from pathlib import Path
from typing import Annotated

import typer

from .backend_answers import Run
from .backend_client import DEFAULT_URL, BackendClient
from .backend_options import BackendOption, RunArgument, connect_backend
from .errors import EsamError


def save_run_pictures(
    run_id: RunArgument,
    out: Annotated[Path, typer.Option(help="The folder that they are written to.")],
    backend: BackendOption = DEFAULT_URL,
) -> None:
    """Save the pictures of what a learning run gained and lost most."""
    with connect_backend(backend) as client:
        typer.echo(save_pictures(client, client.find_run(run_id), out))


def save_pictures(client: BackendClient, run: Run, folder: Path) -> str:
    """Write the pictures of a run into a folder; says how many and where.

    Raises:
        EsamError: there are none, or they cannot be written.
    """
    if run.report is None:
        raise EsamError(f"the run {run.id} has no pictures: it has not learned to its end")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for picture in run.report.pictures:
            content = client.load_picture(run.id, picture.name)
            (folder / Path(picture.name).name).write_bytes(content)
    except OSError as error:
        raise EsamError(f"cannot write to {folder}: {error.strerror}") from error
    count = len(run.report.pictures)
    return f"{count} picture{'s' * (count != 1)} of the largest gains and losses: {folder}"
