"""``esam run``: the servers, all together."""

import signal
from types import FrameType
from typing import Annotated

import typer

from core import find_checkpoint

from .logs import configure_logging
from .model_options import DeviceOption, ModelOption, WeightsOption, say_which_model
from .server_options import ANY_ADDRESS, HostOption, PortOption
from .stack import Stack, StackConfig


def run(
    port: PortOption = 9090,
    host: HostOption = ANY_ADDRESS,
    workers: Annotated[int, typer.Option(help="Worker processes.", min=1)] = 1,
    redis_url: Annotated[
        str | None,
        typer.Option(help="An existing Redis; default a private one.", envvar="ESAM_REDIS_URL"),
    ] = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Start everything: Redis, workers and the backend. Ctrl-C stops what it started."""
    configure_logging()
    checkpoint = find_checkpoint(model, weights)
    say_which_model(checkpoint.spec.name, is_default=model is None)
    environment = {"ESAM_MODEL": checkpoint.spec.name, "ESAM_DEVICE": device}
    if weights:
        environment["ESAM_WEIGHTS"] = str(weights.resolve())
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_keyboard_interrupt)
    try:
        with Stack(StackConfig(port, host, workers, redis_url, environment)) as stack:
            typer.echo(_how_to_connect(stack.port), err=True)
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
        "    switch on 'Interactive preannotations', then Validate and Save.\n"
        "  Open a task, switch on Auto-Annotation, pick the smart point or box, and click.\n"
        "  If images need a login, start with LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY set.\n"
        "  Ctrl-C stops everything.\n"
    )
