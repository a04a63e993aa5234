"""The backend process: decoder, embedding client and HTTP service put together."""

import uvicorn
from fastapi import FastAPI

from core import Predictor
from labelstudio_backend import (
    BackendSettings,
    ImageFetcher,
    PredictionService,
    Projects,
    ProjectWork,
    RecentFailures,
    create_app,
)
from worker import EmbeddingClient, WorkerSettings


def serve_backend(settings: WorkerSettings, host: str, port: int) -> None:
    """Serve Label Studio's protocol until told to stop.

    Raises:
        EfficientSAMError: model, weights or device cannot be used.
        RedisUnavailable: the Redis URL is malformed.
    """
    predictor = settings.load()
    predictor.drop_encoder()  # encoding is the workers' business
    app = _make_app(predictor, settings, BackendSettings())
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)


def _make_app(predictor: Predictor, settings: WorkerSettings, backend: BackendSettings) -> FastAPI:
    redis, projects, failures = settings.connect(), Projects(), RecentFailures()
    embeddings = EmbeddingClient(redis, predictor.embedding_identity)
    images = ImageFetcher(
        max_bytes=backend.image_max_bytes,
        timeout_s=backend.image_timeout_s,
        is_private_address_allowed=backend.is_private_address_allowed,
    )
    work = ProjectWork(redis, predictor, backend, projects, failures)
    service = PredictionService(
        predictor, embeddings, images, backend, projects, failures, background=work, warm_start=work
    )
    return create_app(service, backend, work)
