"""A real backend server, a real image host, and an embedding client without Redis."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from numpy.typing import NDArray
from pydantic import SecretStr

from core import ImageEmbedding, ImageError, Predictor, Tile, load_predictor, read_image
from labelstudio_backend import (
    BackendSettings,
    ImageFetcher,
    Playground,
    PredictionService,
    ProjectWork,
    Sample,
    ServiceObserver,
    create_app,
)
from tests.core.lively_model import save_lively_model
from worker import EmbeddingLookups, EncodeFailed

from .image_host import Host, make_png, run_host
from .label_studio_requests import Json

TOKEN = "legacy-token-of-the-operator"  # noqa: S105
RunBackend = Callable[..., "Backend"]


class InProcessEmbeddings:
    """The interface of ``worker.EmbeddingClient``, encoding in the caller's thread."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Be as empty as a new one."""
        self.embeddings: dict[tuple[str, Tile | None], ImageEmbedding] = {}
        self._aliases: dict[str, str] = {}
        self.encoded_count = 0

    def find(self, image_sha256: str, tile: Tile | None = None, /) -> ImageEmbedding | None:
        return self.embeddings.get((image_sha256, tile))

    def get_or_encode(
        self,
        image: bytes,
        /,
        *,
        tile: Tile | None = None,
        priority: str = "interactive",
        timeout_s: float = 90.0,
        on_encoded: Callable[[Mapping[str, float]], None] | None = None,
    ) -> ImageEmbedding:
        assert timeout_s > 0
        key = hashlib.sha256(image).hexdigest(), tile
        with self._lock:
            if key not in self.embeddings:
                try:
                    rgb = read_image(image)
                except ImageError as error:
                    raise EncodeFailed(str(error)) from error
                self.embeddings[key] = self._predictor.encode(tile.crop(rgb) if tile else rgb)
                self.encoded_count += 1
        return self.embeddings[key]

    def read_lookups(self) -> EmbeddingLookups:
        return EmbeddingLookups(0, 0, self.encoded_count, 0, 0, 0)

    def find_alias(self, alias: str, /) -> str | None:
        return self._aliases.get(alias)

    def save_alias(self, alias: str, image_sha256: str, /) -> None:
        self._aliases[alias] = image_sha256


@pytest.fixture(scope="session")
def two_hosts() -> Iterator[tuple[Host, Host]]:
    with run_host() as first, run_host() as second:
        yield first, second


@pytest.fixture
def host(two_hosts: tuple[Host, Host]) -> Host:
    """An image host, or Label Studio where a test says so."""
    two_hosts[0].forget()
    return two_hosts[0]


@pytest.fixture
def other_host(two_hosts: tuple[Host, Host]) -> Host:
    """A host of another origin."""
    two_hosts[1].forget()
    return two_hosts[1]


class Backend:
    """A running backend and a client for it."""

    def __init__(self, url: str, embeddings: InProcessEmbeddings) -> None:
        self.url = url
        self.embeddings = embeddings
        self.client = httpx.Client(base_url=url, trust_env=False, timeout=30)

    def predict(self, body: Json) -> httpx.Response:
        return self.client.post("/predict", json=body)


@contextmanager
def serve_backend(
    predictor: Predictor,
    embeddings: InProcessEmbeddings,
    settings: BackendSettings,
    work: ProjectWork | None = None,
    samples: Sequence[Sample] = (),
    observer: ServiceObserver | None = None,
    **collaborators: Any,
) -> Iterator[Backend]:
    """The app on a real uvicorn in a thread; ``collaborators`` are the prediction service's."""
    images = ImageFetcher.from_settings(settings)
    service = PredictionService(predictor, embeddings, images, settings, **collaborators)
    playground = Playground(predictor, embeddings, settings, service.metrics, samples)
    app = create_app(service, settings, work, playground, observer)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, ws="none")
    server = uvicorn.Server(config)
    sock = config.bind_socket()
    sock.listen()  # a call that comes before the server is ready waits for it
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    backend = Backend(f"http://127.0.0.1:{sock.getsockname()[1]}", embeddings)
    try:
        yield backend
    finally:
        backend.client.close()
        server.should_exit = True
        thread.join()
        sock.close()


@pytest.fixture(scope="session")
def predictor(nano_weights: Path) -> Predictor:
    return load_predictor("nano", nano_weights)


@pytest.fixture(scope="session")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    """A model whose masks depend on the prompt; segments everything from a grid of 6 x 6."""
    path = tmp_path_factory.mktemp("weights") / "lively.safetensors"
    save_lively_model(path)
    predictor = load_predictor("nano", path)
    coarse = replace(predictor.spec.automatic_masks, points_per_side=6)
    predictor.spec = replace(predictor.spec, automatic_masks=coarse)
    return predictor


@pytest.fixture
def run_backend(predictor: Predictor) -> Iterator[RunBackend]:
    """Starts a backend with settings of the test's choice."""
    running = []

    def run(
        predictor: Predictor = predictor,
        embeddings: InProcessEmbeddings | None = None,
        work: ProjectWork | None = None,
        samples: Sequence[Sample] = (),
        observer: ServiceObserver | None = None,
        collaborators: Mapping[str, Any] = MappingProxyType({}),
        **settings: Any,
    ) -> Backend:
        context = serve_backend(
            predictor,
            embeddings or InProcessEmbeddings(predictor),
            BackendSettings(**{"is_private_address_allowed": True, **settings}),
            work,
            samples,
            observer,
            **collaborators,
        )
        running.append(context)
        return context.__enter__()

    yield run
    for context in running:
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def shared_backend(predictor: Predictor, two_hosts: tuple[Host, Host]) -> Iterator[Backend]:
    settings = BackendSettings(
        label_studio_url=two_hosts[0].url, label_studio_api_key=SecretStr(TOKEN)
    )
    with serve_backend(predictor, InProcessEmbeddings(predictor), settings) as backend:
        yield backend


@pytest.fixture
def backend(shared_backend: Backend, host: Host) -> Backend:
    """A backend without embeddings, whose Label Studio is ``host``."""
    shared_backend.embeddings.forget()
    return shared_backend


@pytest.fixture(scope="session")
def png(photo_like: NDArray[np.uint8]) -> bytes:
    """The photo of 160 x 120 pixels as a PNG file's content."""
    return make_png(photo_like)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests must not reach them."""
    for field in BackendSettings.model_fields.values():
        alias = field.validation_alias
        for name in getattr(alias, "choices", [alias]):
            monkeypatch.delenv(str(name), raising=False)
