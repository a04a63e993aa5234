"""A backend whose Label Studio is a host of the test's, and that hands over to nobody real."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from core import Predictor

from ..conftest import TOKEN, Backend, RunBackend
from ..image_host import Host
from .batch_calls import Collaborators


@pytest.fixture
def handed() -> Collaborators:
    return Collaborators()


@pytest.fixture
def run(run_backend: RunBackend, host: Host, lively: Predictor, handed: Collaborators) -> Any:
    """Starts a backend whose Label Studio is ``host``."""

    def start(clock: Callable[[], float] = time.monotonic, **more: Any) -> Backend:
        collaborators = {"background": handed, "warm_start": handed, "clock": clock}
        return run_backend(
            lively, collaborators=collaborators, label_studio_url=host.url,
            label_studio_api_key=TOKEN, **more,
        )  # fmt: skip

    return start
