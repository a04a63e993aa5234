"""``esam train`` and ``esam evaluate``: remake and re-measure the model that ships."""

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from core import load_predictor
from training import (
    EvaluationReport,
    TrainingConfig,
    TrainingDisplay,
    as_table,
    evaluate,
    train,
)

from .errors import EsamError
from .json_output import JsonOption
from .model_options import DeviceOption, DtypeOption, ModelOption, WeightsOption, say_which_model

_HELD_OUT_SCENES = 200


def train_command(
    folder: Annotated[
        Path, typer.Option(help="State, log and weights; a run there is resumed.")
    ] = Path("runs/nano"),
    minutes: Annotated[
        float | None, typer.Option(help="Length in training time; default 90.", min=0.1)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Length in steps instead, for an exact repeat.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and scenes.", min=0)] = 0,
    device: DeviceOption = "cpu",
    makers: Annotated[int, typer.Option(help="Processes that make scenes.", min=1)] = 1,
    scenes: Annotated[int, typer.Option(help="Scenes a step.", min=1)] = TrainingConfig.scenes,
    start_weights: Annotated[
        Path | None,
        typer.Option("--start", help="Weights that a new run begins with, not nothing learned."),
    ] = None,
    start_share: Annotated[
        float, typer.Option(help="Share of --start in the weights that are written.", min=0, max=1)
    ] = 0.0,
    is_compiled: Annotated[
        bool,
        typer.Option(
            "--compile", help="Compile the decoder: minutes once, then faster; needs g++."
        ),
    ] = False,
) -> None:
    """Train the small model on scenes made as it goes; Ctrl-C saves, the same command resumes.

    ```sh
    esam train --minutes 60
    ```
    """
    if minutes and steps:
        raise typer.BadParameter("give --minutes or --steps, not both")
    if start_share and not start_weights:
        raise typer.BadParameter("--start-share needs --start")
    if is_compiled and not shutil.which(os.environ.get("CXX", "g++")):
        raise typer.BadParameter("--compile needs a C++ compiler: install g++, or leave it out")
    length = None if steps else (minutes or 90.0)
    config = TrainingConfig(
        folder=folder,
        minutes=length,
        steps=steps,
        seed=seed,
        scenes=scenes,
        makers=makers,
        device=device,
        start_weights=start_weights,
        start_share=start_share,
        is_compiled=is_compiled,
    )
    with TrainingDisplay() as display:
        path = train(config, on_progress=display)
    typer.echo(f"wrote {path}; measure it with: esam evaluate --model nano --weights {path}")


def evaluate_command(
    model: ModelOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
    dtype: DtypeOption = "auto",
    scenes: Annotated[
        int, typer.Option(help="Held-out scenes to measure.", min=1)
    ] = _HELD_OUT_SCENES,
    photos: Annotated[
        Path | None,
        typer.Option(
            help="Measure NAME.jpg with NAME_objects.png of this folder instead.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a model: mean IoU by kind of prompt, beside answers that need no model.

    ```sh
    esam evaluate --model nano
    ```
    """
    predictor = load_predictor(model, weights, device, dtype)
    say_which_model(predictor.spec.name, is_default=model is None and weights is None)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        row = progress.add_task("measuring")
        try:
            report = evaluate(
                predictor,
                scenes=scenes,
                photos_folder=photos,
                on_progress=lambda done, total: progress.update(row, completed=done, total=total),
            )
        except (FileNotFoundError, ValueError) as error:
            raise EsamError(str(error)) from error
    if as_json:
        sys.stdout.write(_as_json(report, predictor.model_version) + "\n")
    else:
        Console().print(as_table(report))


def _as_json(report: EvaluationReport, model_version: str) -> str:
    return json.dumps({"model_version": model_version, **asdict(report)})
