"""A stand-in for the backend, and the command line against it."""

from collections.abc import Iterator

import pytest

from .backend_stand_in import BackendStandIn, make_status, run_backend_stand_in
from .examined import ConnectedLabelStudio

_SETTINGS = (
    "BASIC_AUTH_USER",
    "BASIC_AUTH_PASS",
    "ESAM_ALLOW_PRIVATE_ADDRESSES",
    "LABEL_STUDIO_URL",
    "LABEL_STUDIO_HOST",
    "LABEL_STUDIO_API_KEY",
    "LABEL_STUDIO_ACCESS_TOKEN",
)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Iterator[BackendStandIn]:
    """A backend on a port of its own, which the environment names; no other setting is set."""
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    with run_backend_stand_in() as stand_in:
        monkeypatch.setenv("ESAM_BACKEND_URL", stand_in.url)
        yield stand_in


@pytest.fixture
def label_studio(backend: BackendStandIn) -> Iterator[ConnectedLabelStudio]:
    """A Label Studio whose project is connected to a backend that is well."""
    backend.say("GET /status", make_status())
    server = ConnectedLabelStudio(backend.url)
    with server:
        yield server
