"""``esam serve``: the backend alone. It answers before it is loaded, so little is imported here."""

import logging
import os
import threading

from .early_server import LoadedApp, serve_early
from .logs import configure_logging
from .model_options import DeviceOption, ModelOption, WeightsOption
from .server_options import ANY_ADDRESS, HostOption, PortOption


def serve(
    port: PortOption = 9090,
    host: HostOption = ANY_ADDRESS,
    model: ModelOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Start the backend alone; it needs a Redis (ESAM_REDIS_URL) and a worker.

    ```sh
    ESAM_REDIS_URL=redis://redis:6379/0 esam serve
    ```
    """

    def load() -> LoadedApp:
        from .backend_process import load_backend

        return load_backend(model, weights, device)

    configure_logging()
    try:
        serve_early(load, host, port)
    except KeyboardInterrupt:
        _end_without_threads()


def _end_without_threads() -> None:
    """End the process: a thread that still waits for a worker would keep it for a minute more."""
    if any(not thread.daemon for thread in threading.enumerate()[1:]):
        logging.shutdown()
        os._exit(0)
