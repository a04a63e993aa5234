"""The command line: one typer application, errors as one line and an exit code."""

import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from itertools import takewhile
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from .exit_codes import NOT_DONE, WRONG_ARGUMENT
from .lazy_commands import LazyCommand, make_app, make_lazy_group

_SERVE = "Serve Label Studio"
_TRY = "Try it, no Label Studio needed"
_PROJECTS = "Whole projects"
_WATCH = "Look after it"
_MODELS = "Models"

COMMANDS = {
    "run": LazyCommand(
        "run_command", "run", _SERVE,
        "Start everything: Redis, workers and the backend. Ctrl-C stops what it started.",
    ),
    "serve": LazyCommand(
        "serve_command", "serve", _SERVE,
        "Start the backend alone; it needs a Redis (ESAM_REDIS_URL) and a worker.",
    ),
    "worker": LazyCommand(
        "worker_command", "worker", _SERVE,
        "Start one worker process; it needs a Redis (ESAM_REDIS_URL).",
    ),
    "play": LazyCommand(
        "play_command", "play", _TRY,
        "Click on images of your own in the browser, without Label Studio.",
    ),
    "predict": LazyCommand(
        "predict_command", "predict", _TRY,
        "Segment the object at a point or in a box, or everything.",
    ),
    "demo": LazyCommand(
        "demo", "demo", _TRY,
        "Click and box objects on real photos through the whole stack, and draw the answers.",
    ),
    "prelabel": LazyCommand(
        "prelabel_commands", "prelabel", _PROJECTS,
        "Predict the tasks of a project that have no prediction of this model yet.",
    ),
    "runs": LazyCommand(
        "prelabel_commands", "runs_app", _PROJECTS,
        "Runs over whole projects: see, stop and repeat.",
    ),
    "warm": LazyCommand(
        "warm_command", "warm", _PROJECTS,
        "Encode the images of a project, so that the first click on each task is answered at once.",
    ),
    "export": LazyCommand(
        "export_command", "export", _PROJECTS,
        "Write a project's masks as a dataset: COCO, YOLO segmentation, PNG or Pascal VOC.",
    ),
    "finetune": LazyCommand(
        "finetune_command", "finetune", _PROJECTS,
        "Learn from the masks that were accepted in a project; used there if it is better.",
    ),
    "models": LazyCommand(
        "models_commands", "models_app", _PROJECTS,
        "What was learned from projects: see it, choose for a project, go back.",
    ),
    "import-coco": LazyCommand(
        "import_coco_command", "import_coco", _PROJECTS,
        "Make a file of boxes for `esam prelabel` from COCO annotations.",
    ),
    "status": LazyCommand(
        "status_command", "status", _WATCH,
        "The backend's model, Redis, cache, queues, workers and runs; and what failed lately.",
    ),
    "doctor": LazyCommand(
        "doctor", "doctor", _WATCH,
        "Check libraries, weights, backend, Redis, workers, Label Studio and a project of it.",
    ),
    "weights": LazyCommand(
        "weights_commands", "app", _MODELS,
        "List, download and verify checkpoint files.",
    ),
    "export-onnx": LazyCommand(
        "export_onnx_command", "export_onnx", _MODELS,
        "Write a model's encoder and decoder as ONNX, and check both against the model.",
    ),
    "train": LazyCommand(
        "training_commands", "train_command", _MODELS,
        "Train the small model on scenes made as it goes; Ctrl-C saves, the same command resumes.",
    ),
    "evaluate": LazyCommand(
        "training_commands", "evaluate_command", _MODELS,
        "Measure a model: mean IoU by kind of prompt, beside answers that need no model.",
    ),
}  # fmt: skip

_EXAMPLES = """
**Begin here.** `esam play` opens a page to click on images of your own. `esam run` serves Label
Studio: it prints the URL to paste there. When a click does nothing, `esam doctor --project 1` says
why.

**A whole project.** `esam prelabel --project 1` turns the boxes in it into masks, `esam runs list`
has all runs, `esam export --project 1 --out dogs/` takes the masks out again.

**Better masks.** `esam weights download vitt` fetches the official model, which is used from then
on. `esam finetune --project 1` learns from the masks that were accepted in a project, and
`esam models rollback --project 1` goes back.

**Exit codes.** 0 done, 1 not done or not all of it, 2 wrong arguments or settings, 130 interrupted.

`esam COMMAND --help` has each command's options and examples; docs/commands.md and
docs/configuration.md have the rest.
"""

app = make_app(
    name="esam",
    cls=make_lazy_group(COMMANDS),
    help="EfficientSAM masks in Label Studio: click a point or drag a box, get the brush mask.",
    epilog=_EXAMPLES,
    no_args_is_help=True,
    add_completion=True,
)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(version("efficientsam-labelstudio"))
        raise typer.Exit


@app.callback()
def _root(
    is_version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", is_eager=True, callback=_say_version),
    ] = False,
    is_debug: Annotated[  # read by run_cli, which outlives what is raised
        bool, typer.Option("--debug", help="Show the traceback of an error, too.")
    ] = False,
) -> None:
    """Makes a group of what has no command of its own."""


# What is raised on purpose, by the package that raises it: none that is not imported can have.
_EXPECTED = (
    ("core", "EfficientSAMError"),
    ("training", "TrainingError"),
    ("worker", "WorkerError"),
    ("labelstudio_backend", "BackendError"),
    ("esam.errors", "EsamError"),
)
# Those of them that are about what was typed or set.
_WRONG_ARGUMENTS = (
    ("core", "DeviceError"),
    ("core", "PromptError"),
    ("core", "UnknownModelError"),
    ("esam.errors", "OptionInvalid"),
)


# What the parser raises, wherever typer keeps its click.
_UsageError: Any = typer.BadParameter.__base__


def run_cli(arguments: Sequence[str] | None = None) -> int:
    """Run a command; None takes the arguments of this process.

    Returns:
        The exit code: 0 when done, 1 when it could not be done, 2 for a wrong argument or setting.

    Raises:
        Exception: whatever nobody foresaw.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = app(words, prog_name="esam", standalone_mode=False)
    except Exception as error:
        lines, code = _explain(error)
        if not code:
            raise
        if "--debug" in takewhile(lambda word: word.startswith("-"), words):
            traceback.print_exc()
        for line in lines:
            print(f"esam: {line}", file=sys.stderr)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> tuple[list[str], int]:
    """What is said about an error, and its exit code; 0 for one that nobody foresaw."""
    if isinstance(error, ValidationError):
        return [
            f"setting {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()
        ], WRONG_ARGUMENT
    if isinstance(error, _UsageError):
        return _explain_usage(error), WRONG_ARGUMENT
    if _is_one_of(_WRONG_ARGUMENTS, error):
        return [str(error)], WRONG_ARGUMENT
    if _is_one_of(_EXPECTED, error):
        return [str(error)], NOT_DONE
    return [], 0


def _explain_usage(error: Any) -> list[str]:
    if type(error).__name__ == "NoArgsIsHelpError":  # the help itself is printed already
        return []
    command = error.ctx.command_path if error.ctx else "esam"
    message = " ".join(error.format_message().split()).rstrip(".")
    return [f"{message}; see `{command} --help`"]


def _is_one_of(kinds: Sequence[tuple[str, str]], error: Exception) -> bool:
    imported = [(sys.modules[name], kind) for name, kind in kinds if name in sys.modules]
    return isinstance(error, tuple(getattr(module, kind) for module, kind in imported))
