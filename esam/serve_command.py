"""``esam serve``: the backend alone. It answers before it is loaded, so little is imported here."""

from typing import TYPE_CHECKING

from .early_server import serve_early
from .logs import configure_logging
from .model_options import DeviceOption, ModelOption, WeightsOption
from .server_options import ANY_ADDRESS, HostOption, PortOption

if TYPE_CHECKING:
    from fastapi import FastAPI


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

    def load() -> "FastAPI":
        from .backend_process import load_backend

        return load_backend(model, weights, device)

    configure_logging()
    serve_early(load, host, port)
