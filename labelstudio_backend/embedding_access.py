"""The way to embeddings that the settings ask for."""

from core import Predictor
from worker import EmbeddingClient, SelfReliantEmbeddings, WorkerSettings

from .settings import BackendSettings


def connect_embeddings(
    predictor: Predictor, worker: WorkerSettings, settings: BackendSettings
) -> EmbeddingClient | SelfReliantEmbeddings:
    """Where a service gets its embeddings from.

    Args:
        predictor: that will decode them.
        worker: model and Redis.
        settings: of the service.

    Raises:
        RedisUnavailable: the Redis URL is malformed.
    """
    client = EmbeddingClient(
        worker.connect(), predictor.embedding_identity, max_waiting_jobs=settings.max_waiting
    )
    if settings.is_redis_required:
        return client
    probe = worker.connect(is_patient=False)
    return SelfReliantEmbeddings(client, probe, worker.load, worker.image_max_pixels)
