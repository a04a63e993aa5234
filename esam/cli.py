"""The command line: one typer application, errors as one line and an exit code."""

import sys
from collections.abc import Sequence

import typer
from pydantic import ValidationError

from core import EfficientSAMError
from labelstudio_backend import BackendError
from worker import WorkerError

from . import (
    demo,
    doctor,
    gallery_command,
    predict_command,
    prelabel_commands,
    server_commands,
    status_command,
    training_commands,
    warm_command,
    weights_commands,
)
from .errors import EsamError

app = typer.Typer(
    name="esam",
    help="EfficientSAM masks in Label Studio: click a point or drag a box, get the brush mask.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("run")(server_commands.run)
app.command("serve")(server_commands.serve)
app.command("worker")(server_commands.worker)
app.command("predict")(predict_command.predict)
app.command("prelabel")(prelabel_commands.prelabel)
prelabel_commands.runs_app.command("gallery")(gallery_command.draw_gallery)
app.add_typer(prelabel_commands.runs_app, name="runs")
app.command("warm")(warm_command.warm)
app.command("status")(status_command.status)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.add_typer(weights_commands.app, name="weights")
app.command("train")(training_commands.train_command)
app.command("evaluate")(training_commands.evaluate_command)


def run_cli(arguments: Sequence[str] | None = None) -> int:
    """Run a command; None takes the arguments of this process.

    Returns:
        1 when it could not be done, 2 for a wrong setting.

    Raises:
        SystemExit: by typer, with 0 for a command that worked and 2 for wrong arguments.
    """
    try:
        app(arguments)
    except (EfficientSAMError, WorkerError, BackendError, EsamError) as error:
        print(f"esam: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"])
            print(f"esam: setting {name}: {problem['msg']}", file=sys.stderr)
        return 2
    return 0
