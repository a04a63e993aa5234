"""The backend process: decoder, embedding client and HTTP service put together."""

import uvicorn

from core import Predictor
from labelstudio_backend import BackendSettings, ImageFetcher, PredictionService, create_app
from worker import EmbeddingClient, WorkerSettings


def serve_backend(settings: WorkerSettings, host: str, port: int) -> None:
    """Serve Label Studio's protocol until told to stop.

    Raises:
        EfficientSAMError: model, weights or device cannot be used.
        RedisUnavailable: the Redis URL is malformed.
    """
    backend = BackendSettings()
    predictor = settings.load()
    predictor.drop_encoder()  # encoding is the workers' business
    app = create_app(_make_service(predictor, settings, backend), backend)
    uvicorn.run(app, host=host, port=port, log_config=None, access_log=False)


def _make_service(
    predictor: Predictor, settings: WorkerSettings, backend: BackendSettings
) -> PredictionService:
    embeddings = EmbeddingClient(settings.connect(), predictor.embedding_identity)
    images = ImageFetcher(
        max_bytes=backend.image_max_bytes,
        timeout_s=backend.image_timeout_s,
        is_private_address_allowed=backend.is_private_address_allowed,
    )
    return PredictionService(predictor, embeddings, images, backend)
