"""The options that say where the backend listens."""

from typing import Annotated

import typer

PortOption = Annotated[
    int,
    typer.Option(help="Port of the backend; 0 takes a free one.", envvar="PORT", min=0, max=65535),
]
HostOption = Annotated[str, typer.Option(help="Address the backend listens on.")]

ANY_ADDRESS = "0.0.0.0"  # noqa: S104  Label Studio often runs in a container beside
