"""What an operator sets for model and Redis; read from the environment in entry points only."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from redis import Redis

from core import MAX_PIXELS, Predictor, load_predictor

from .embedding_codec import EmbeddingDtype
from .redis_connection import connect_redis


class WorkerSettings(BaseSettings):
    """Model, device and Redis, the same for workers and backend.

    Attributes:
        redis_url: where queues and embeddings live; may hold a password. ``rediss://`` is TLS, with
            ``?ssl_ca_certs=FILE`` where the system does not know the certificate's authority.
            ``esam run`` starts a private one where it is not set.
        model: registry name, ``vitt``, ``vits`` or ``nano``; unset takes ``vitt`` when
            its file is there, else ``nano``.
        weights: checkpoint file; unset looks in the weights folder.
        device: torch device, such as ``cpu`` or ``cuda:0``.
        dtype: what the network computes in: ``float32``, ``bfloat16`` or ``float16``; ``auto``
            encodes in bfloat16 where the device has units for it, and draws masks in float32.
        embedding_dtype: how embeddings are kept in Redis: ``float16``, or ``int8`` in half the
            room.
        image_max_pixels: the most pixels that an image may have.
        min_part_share: specks and holes of a mask below this share of its area go, from 0 to 1;
            unset takes what suits the model: 0.05 for ``nano``, else 0.
        has_clicked_parts_only: whether, of a mask that was clicked, only the clicked parts stay;
            unset takes what suits the model: true for ``nano``, else false.
        drain_timeout_s: how long a process that was told to stop may go on with what it has in
            hand, seconds.
    """

    model_config = SettingsConfigDict(
        populate_by_name=True, hide_input_in_errors=True, protected_namespaces=()
    )

    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"), validation_alias="ESAM_REDIS_URL"
    )
    model: str | None = Field(None, validation_alias="ESAM_MODEL")
    weights: Path | None = Field(None, validation_alias="ESAM_WEIGHTS")
    device: str = Field("cpu", validation_alias=AliasChoices("ESAM_DEVICE", "DEVICE"))
    dtype: str = Field("auto", validation_alias="ESAM_DTYPE")
    embedding_dtype: EmbeddingDtype = Field("float16", validation_alias="ESAM_EMBEDDING_DTYPE")
    image_max_pixels: int = Field(MAX_PIXELS, validation_alias="ESAM_IMAGE_MAX_PIXELS", gt=0)
    min_part_share: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        None, validation_alias="ESAM_MIN_PART_SHARE"
    )
    has_clicked_parts_only: bool | None = Field(None, validation_alias="ESAM_CLICKED_PARTS_ONLY")
    drain_timeout_s: float = Field(20.0, validation_alias="ESAM_DRAIN_TIMEOUT_S", ge=0)

    def connect(self, is_patient: bool = True) -> Redis:
        """A client for the Redis of these settings.

        Args:
            is_patient: as of ``connect_redis``.

        Raises:
            RedisUnavailable: the URL is malformed.
        """
        return connect_redis(self.redis_url.get_secret_value(), is_patient)

    def load(self) -> Predictor:
        """The predictor of these settings.

        Raises:
            EfficientSAMError: model, weights or device cannot be used.
        """
        predictor = load_predictor(self.model, self.weights, self.device, self.dtype)
        asked: dict[str, Any] = {
            "min_part_share": self.min_part_share,
            "has_clicked_parts_only": self.has_clicked_parts_only,
        }
        given = {name: value for name, value in asked.items() if value is not None}
        predictor.cleaning = replace(predictor.cleaning, **given)
        return predictor
