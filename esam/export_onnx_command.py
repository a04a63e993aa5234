"""``esam export-onnx``: the network for other runtimes."""

from pathlib import Path
from typing import Annotated

import typer

from core import export_onnx as write_onnx
from core import find_checkpoint

from .errors import EsamError
from .json_output import JsonOption, say_json
from .model_options import ModelOption, WeightsOption, say_which_model


def export_onnx(
    out: Annotated[Path, typer.Option(help="Folder for the two files.")] = Path(),
    as_json: JsonOption = False,
    model: ModelOption = None,
    weights: WeightsOption = None,
) -> None:
    """Write a model's encoder and decoder as ONNX, and check both against the model.

    For any number of images and prompts at once. It needs `efficientsam-labelstudio[onnx]`.

    ```sh
    esam export-onnx --model nano --out models/
    ```
    """
    checkpoint = find_checkpoint(model, weights)
    say_which_model(checkpoint.spec.name, is_default=model is None and weights is None)
    try:
        out.mkdir(parents=True, exist_ok=True)
        written = write_onnx(checkpoint, out)
    except OSError as error:
        raise EsamError(f"cannot write to {out}: {error.strerror}") from error
    parts = (
        ("encoder", written.encoder, written.encoder_difference),
        ("decoder", written.decoder, written.decoder_difference),
    )
    if as_json:
        facts = {name: {"file": str(path), "size_bytes": path.stat().st_size,
                        "largest_difference": difference}
                 for name, path, difference in parts}  # fmt: skip
        say_json(facts)
        return
    for name, path, difference in parts:
        typer.echo(
            f"wrote {path} ({path.stat().st_size / 2**20:.1f} MiB): the {name}, within "
            f"{difference:.1g} of the model's numbers"
        )
