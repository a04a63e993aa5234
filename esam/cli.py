"""The command line: one typer application, errors as one line and an exit code."""

import sys
from collections.abc import Sequence

import typer
from pydantic import ValidationError

from .lazy_commands import LazyCommand, make_lazy_group

COMMANDS = {
    "run": LazyCommand(
        "run_command", "run",
        "Start everything: Redis, workers and the backend. Ctrl-C stops what it started.",
    ),
    "play": LazyCommand(
        "play_command", "play",
        "Click on images of your own in the browser, without Label Studio.",
    ),
    "serve": LazyCommand(
        "serve_command", "serve",
        "Start the backend alone; it needs a Redis (ESAM_REDIS_URL) and a worker.",
    ),
    "worker": LazyCommand(
        "worker_command", "worker", "Start one worker process; it needs a Redis (ESAM_REDIS_URL)."
    ),
    "predict": LazyCommand(
        "predict_command", "predict", "Segment the object at a point or in a box, or everything."
    ),
    "prelabel": LazyCommand(
        "prelabel_commands", "prelabel",
        "Predict the tasks of a project that have no prediction of this model yet.",
    ),
    "runs": LazyCommand(
        "prelabel_commands", "runs_app", "Runs over whole projects: see, stop and repeat."
    ),
    "warm": LazyCommand(
        "warm_command", "warm",
        "Encode the images of a project, so that the first click on each task is answered at once.",
    ),
    "export": LazyCommand(
        "export_command", "export",
        "Write a project's masks as a dataset: COCO, YOLO segmentation, PNG or Pascal VOC.",
    ),
    "import-coco": LazyCommand(
        "import_coco_command", "import_coco",
        "Make a file of boxes for `esam prelabel` from COCO annotations.",
    ),
    "export-onnx": LazyCommand(
        "export_onnx_command", "export_onnx",
        "Write a model's encoder and decoder as ONNX, and check both against the model.",
    ),
    "status": LazyCommand(
        "status_command", "status",
        "The backend's model, Redis, cache, queues, workers and runs; and what failed lately.",
    ),
    "doctor": LazyCommand(
        "doctor", "doctor",
        "Check libraries, weights, backend, Redis, workers, Label Studio and a project of it.",
    ),
    "demo": LazyCommand(
        "demo", "demo",
        "Click and box objects on real photos through the whole stack, and draw the answers.",
    ),
    "weights": LazyCommand(
        "weights_commands", "app", "List, download and verify checkpoint files."
    ),
    "train": LazyCommand(
        "training_commands", "train_command",
        "Train the small model on scenes made as it goes; Ctrl-C saves, the same command resumes.",
    ),
    "evaluate": LazyCommand(
        "training_commands", "evaluate_command",
        "Measure a model: mean IoU by kind of prompt, beside answers that need no model.",
    ),
}  # fmt: skip

app = typer.Typer(
    name="esam",
    cls=make_lazy_group(COMMANDS),
    help="EfficientSAM masks in Label Studio: click a point or drag a box, get the brush mask.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _root() -> None:
    """Makes a group of what has no command of its own."""


# What is raised on purpose, by the package that raises it: none that is not imported can have.
_EXPECTED = (
    ("core", "EfficientSAMError"),
    ("worker", "WorkerError"),
    ("labelstudio_backend", "BackendError"),
    ("esam.errors", "EsamError"),
)


def run_cli(arguments: Sequence[str] | None = None) -> int:
    """Run a command; None takes the arguments of this process.

    Returns:
        1 when it could not be done, 2 for a wrong setting.

    Raises:
        SystemExit: by typer, with 0 for a command that worked and 2 for wrong arguments.
    """
    try:
        app(arguments)
    except ValidationError as error:
        for problem in error.errors():
            name = ".".join(str(part) for part in problem["loc"])
            print(f"esam: setting {name}: {problem['msg']}", file=sys.stderr)
        return 2
    except Exception as error:
        if not _is_expected(error):
            raise
        print(f"esam: {error}", file=sys.stderr)
        return 1
    return 0


def _is_expected(error: Exception) -> bool:
    imported = [(sys.modules[name], root) for name, root in _EXPECTED if name in sys.modules]
    return isinstance(error, tuple(getattr(module, root) for module, root in imported))
