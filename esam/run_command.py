"""``esam run``: the servers, all together."""

import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from core import find_checkpoint
from worker import WorkerSettings

from .logs import configure_logging
from .model_options import DeviceOption, ModelOption, WeightsOption, say_which_model
from .server_options import ANY_ADDRESS, HostOption, PortOption
from .stack import Stack, StackConfig

WorkersOption = Annotated[int, typer.Option(help="Worker processes.", min=1)]
RedisOption = Annotated[
    str | None,
    typer.Option(help="An existing Redis; default a private one.", envvar="ESAM_REDIS_URL"),
]


def run(
    port: PortOption = 9090,
    host: HostOption = ANY_ADDRESS,
    workers: WorkersOption = 1,
    redis_url: RedisOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Start everything: Redis, workers and the backend. Ctrl-C stops what it started.

    Prints the URL to paste into Label Studio. Images that need a login want LABEL_STUDIO_URL and
    LABEL_STUDIO_API_KEY in the environment.

    ```sh
    esam run
    esam run --workers 2 --device cuda:0 --port 9191
    ```
    """
    config = StackConfig(port, host, workers, redis_url)
    run_stack(
        config, model, weights, device, lambda port: typer.echo(_how_to_connect(port), err=True)
    )


def run_stack(
    config: StackConfig,
    model: str | None,
    weights: Path | None,
    device: str,
    on_ready: Callable[[int], None],
) -> None:
    """Run everything until somebody stops it.

    Args:
        config: what to start.
        model: registry name; None takes the best that is there.
        weights: checkpoint file; None looks in the weights folder.
        device: torch device.
        on_ready: told of the backend's port once it answers.

    Raises:
        EfficientSAMError: model or weights cannot be used.
        StackError: a server did not start, or ended.
    """
    configure_logging()
    checkpoint = find_checkpoint(model, weights)
    say_which_model(checkpoint.spec.name, is_default=model is None)
    environment = {"ESAM_MODEL": checkpoint.spec.name, "ESAM_DEVICE": device}
    if weights:
        environment["ESAM_WEIGHTS"] = str(weights.resolve())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_keyboard_interrupt)
    try:
        config = replace(
            config, environment=environment, drain_timeout_s=WorkerSettings().drain_timeout_s
        )
        with Stack(config) as stack:
            on_ready(stack.port)
            stack.wait()
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)


def _raise_keyboard_interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _how_to_connect(port: int) -> str:
    return (
        f"\n  Ready. In Label Studio: project → Settings → Model → Connect Model\n"
        f"    Backend URL   http://localhost:{port}\n"
        f"    (Label Studio in Docker: http://host.docker.internal:{port})\n"
        "    give it any name, switch on 'Interactive preannotations', then Validate and Save.\n"
        "    If it says 'reserved network address', start Label Studio with\n"
        "    ML_BLOCK_LOCAL_IP=0 SSRF_PROTECTION_ENABLED=0\n"
        "  Open a task, switch on Auto-Annotation, pick the smart point or box, and click.\n"
        f"  To try it without Label Studio, open http://localhost:{port}/play\n"
        "  If images need a login, start with LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY set.\n"
        "  Ctrl-C stops everything.\n"
    )
