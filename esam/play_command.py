"""``esam play``: the page to click on images with, and the servers behind it."""

import os
import sys
import webbrowser
from typing import Annotated

import httpx
import typer

from .model_options import DeviceOption, ModelOption, WeightsOption
from .run_command import RedisOption, WorkersOption, run_stack
from .server_options import HostOption, PortOption
from .stack import StackConfig

_LOOPBACK = "127.0.0.1"


def play(
    port: PortOption = 9090,
    host: HostOption = _LOOPBACK,
    is_opened: Annotated[
        bool, typer.Option("--open/--no-open", help="Whether to open the page in a browser.")
    ] = True,
    workers: WorkersOption = 1,
    redis_url: RedisOption = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Click on images of your own in the browser, without Label Studio.

    Takes the backend that runs on this port, or starts one with all it needs; Ctrl-C stops what it
    started.

    ```sh
    esam play
    esam play --host 0.0.0.0    # and from a phone in the same network
    ```
    """

    def show(port: int) -> None:
        url = f"http://localhost:{port}/play"
        typer.echo(f"\n  Ready: {url}\n  Drop an image there and click on a thing.\n", err=True)
        if is_opened and _has_screen():
            webbrowser.open(url)

    if port and _is_backend(port):
        show(port)
    else:
        run_stack(StackConfig(port, host, workers, redis_url), model, weights, device, show)


def _is_backend(port: int) -> bool:
    """Whether one of ours answers there."""
    try:
        reply = httpx.get(f"http://{_LOOPBACK}:{port}/health", timeout=2, trust_env=False)
        return bool(reply.json()["model_class"] == "EfficientSAM")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return False


def _has_screen() -> bool:
    """Whether a browser would have a window: one that takes over the terminal helps nobody."""
    is_named = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    return sys.platform != "linux" or is_named
