"""What an operator sets for the HTTP service; read from the environment in entry points only."""

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_MIB = 1024 * 1024

Prelabel = Literal["off", "regions", "everything"]
"""Where the prompts of tasks come from when nobody clicks; ``off`` predicts nothing then."""


class BackendSettings(BaseSettings):
    """The HTTP service and its way to Label Studio.

    Attributes:
        label_studio_url: where this service reaches Label Studio, such as
            ``http://host.docker.internal:8080``; unset takes what Label Studio says of itself.
        label_studio_api_key: a token of Label Studio's account page, of either kind; sent to
            ``label_studio_url`` and nowhere else.
        basic_auth_user: with ``basic_auth_pass``, the login asked of every call but ``/health``;
            put the same into the model's connection in Label Studio.
        basic_auth_pass: see ``basic_auth_user``.
        is_private_address_allowed: whether images are fetched from private, loopback and
            link-local addresses other than Label Studio's.
        image_max_bytes: the largest image file that is fetched, bytes.
        image_timeout_s: the longest time one image may take to arrive, seconds.
        image_max_redirects: how many redirects are followed to an image.
        predict_timeout_s: the longest time one click may take, seconds; Label Studio waits 100.
        request_max_bytes: the largest request body that is read, bytes.
        max_waiting: how many predictions may be waited for at once, and how many images may wait
            for a worker; who comes beyond is told to come again later.
        is_redis_required: whether clicks fail while Redis or all workers are away; else this
            process encodes by itself then, one image after the other.
        prelabel: what is predicted when a task is opened or predictions are retrieved: ``off``,
            nothing; ``regions``, a mask for each rectangle and keypoint stored in the task;
            ``everything``, every mask that the model is sure of.
        has_tiles: whether what is small in an image is looked at in a tile of it: better masks,
            for one more encode where a click found it.
        learned_folder: where learned models are kept beside Redis, for a Redis that forgets; unset
            leaves them to Redis, but for the private Redis of ``esam run``: ``weights/learned``.
    """

    model_config = SettingsConfigDict(populate_by_name=True, hide_input_in_errors=True)

    label_studio_url: str | None = Field(
        None, validation_alias=AliasChoices("LABEL_STUDIO_URL", "LABEL_STUDIO_HOST")
    )
    label_studio_api_key: SecretStr | None = Field(
        None, validation_alias=AliasChoices("LABEL_STUDIO_API_KEY", "LABEL_STUDIO_ACCESS_TOKEN")
    )
    basic_auth_user: str | None = Field(None, validation_alias="BASIC_AUTH_USER")
    basic_auth_pass: SecretStr | None = Field(None, validation_alias="BASIC_AUTH_PASS")
    is_private_address_allowed: bool = Field(False, validation_alias="ESAM_ALLOW_PRIVATE_ADDRESSES")
    image_max_bytes: int = Field(100 * _MIB, validation_alias="ESAM_IMAGE_MAX_BYTES", gt=0)
    image_timeout_s: float = Field(30.0, validation_alias="ESAM_IMAGE_TIMEOUT_S", gt=0)
    image_max_redirects: int = Field(5, validation_alias="ESAM_IMAGE_MAX_REDIRECTS", ge=0)
    predict_timeout_s: float = Field(90.0, validation_alias="ESAM_PREDICT_TIMEOUT_S", gt=0)
    request_max_bytes: int = Field(256 * _MIB, validation_alias="ESAM_REQUEST_MAX_BYTES", gt=0)
    max_waiting: int = Field(200, validation_alias="ESAM_MAX_WAITING", gt=0)
    is_redis_required: bool = Field(True, validation_alias="ESAM_REDIS_REQUIRED")
    prelabel: Prelabel = Field("regions", validation_alias="ESAM_PRELABEL")
    has_tiles: bool = Field(True, validation_alias="ESAM_TILES")
    learned_folder: Path | None = Field(None, validation_alias="ESAM_LEARNED_FOLDER")

    @field_validator(
        "label_studio_url",
        "label_studio_api_key",
        "basic_auth_user",
        "basic_auth_pass",
        "learned_folder",
        mode="before",
    )
    @classmethod
    def _read_empty_as_unset(cls, value: object) -> object:
        # `LABEL_STUDIO_URL=` in an env file or in docker-compose means "not set".
        return None if isinstance(value, str) and not value.strip() else value

    @field_validator("prelabel", mode="before")
    @classmethod
    def _read_prelabel(cls, value: object) -> object:
        return value.strip().lower() or "regions" if isinstance(value, str) else value

    @field_validator("label_studio_url")
    @classmethod
    def _check_label_studio_url(cls, value: str | None) -> str | None:
        if value is not None and not value.strip().lower().startswith(("http://", "https://")):
            raise ValueError(
                "LABEL_STUDIO_URL must start with http:// or https://, such as "
                "http://localhost:8080"
            )
        if value is not None and "@" in value:
            raise ValueError(
                "LABEL_STUDIO_URL must not hold a login: put a token into LABEL_STUDIO_API_KEY"
            )
        return value and value.strip().rstrip("/")

    @model_validator(mode="after")
    def _check_login_is_whole(self) -> "BackendSettings":
        # Half a login would leave the service open while its owner believes it is closed.
        if (self.basic_auth_user is None) != (self.basic_auth_pass is None):
            raise ValueError("set both BASIC_AUTH_USER and BASIC_AUTH_PASS, or neither")
        return self
