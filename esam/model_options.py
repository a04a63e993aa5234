"""The options that choose a model, the same on every command."""

from pathlib import Path
from typing import Annotated

import typer

ModelOption = Annotated[
    str | None,
    typer.Option(
        help="One of vitt, vits, nano; default vitt when its file is there, else nano.",
        envvar="ESAM_MODEL",
    ),
]
WeightsOption = Annotated[
    Path | None,
    typer.Option(
        help="Checkpoint file; default the one in weights/.",
        envvar="ESAM_WEIGHTS",
        exists=True,
        dir_okay=False,
    ),
]
DeviceOption = Annotated[
    str, typer.Option(help="torch device, such as cpu or cuda:0.", envvar=["ESAM_DEVICE", "DEVICE"])
]
DtypeOption = Annotated[
    str,
    typer.Option(
        help="float32, bfloat16 or float16; auto encodes in bfloat16 where that is faster.",
        envvar="ESAM_DTYPE",
    ),
]


def say_which_model(name: str, is_default: bool) -> None:
    """Tell a person who chose nothing that the small model is at work, and how to get better."""
    if is_default and name == "nano":
        from core import MODELS, WEIGHTS_FOLDER  # not before a model is loaded: torch takes seconds

        typer.echo(
            f"Using nano, the small model that ships: {MODELS['vitt'].filename} is not in "
            f"{WEIGHTS_FOLDER.name}/. `esam weights download vitt` gets the official one "
            "(better masks, slower).",
            err=True,
        )
