"""What an operator sets for model and Redis; read from the environment in entry points only."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis import Redis

from core import Predictor, load_predictor

from .redis_connection import connect_redis


class WorkerSettings(BaseSettings):
    """Model, device and Redis, the same for workers and backend.

    Attributes:
        redis_url: where queues and embeddings live; may hold a password.
        model: registry name; unset takes ``vitt`` when its file is there, else ``nano``.
        weights: checkpoint file; unset looks in the weights folder.
        device: torch device.
        dtype: ``float32``, ``bfloat16`` or ``float16``.
        log_level: a level of Python's logging.
    """

    model_config = SettingsConfigDict(populate_by_name=True, protected_namespaces=())

    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"), validation_alias="ESAM_REDIS_URL"
    )
    model: str | None = Field(None, validation_alias="ESAM_MODEL")
    weights: Path | None = Field(None, validation_alias="ESAM_WEIGHTS")
    device: str = Field("cpu", validation_alias=AliasChoices("ESAM_DEVICE", "DEVICE"))
    dtype: str = Field("float32", validation_alias="ESAM_DTYPE")
    log_level: str = Field("INFO", validation_alias="LOG_LEVEL")

    def connect(self) -> Redis:
        """A client for the Redis of these settings.

        Raises:
            RedisUnavailable: the URL is malformed.
        """
        return connect_redis(self.redis_url.get_secret_value())

    def load(self) -> Predictor:
        """The predictor of these settings.

        Raises:
            EfficientSAMError: model, weights or device cannot be used.
        """
        return load_predictor(self.model, self.weights, self.device, self.dtype)
