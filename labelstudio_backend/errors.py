"""Everything this package answers with instead of a prediction.

    BackendError                          status  code
    ├── RequestInvalid                       400  bad_request
    │   ├── LabelConfigInvalid               400  bad_label_config
    │   ├── PromptInvalid                    400  bad_prompt
    │   └── UnknownLabel                     400  unknown_label
    ├── LoginRequired                        401  login_required
    ├── ForeignPage                          403  foreign_page
    ├── ModelMissing                         404  model_missing
    ├── RunMissing                           404  run_missing
    ├── ModelConflict                        409  model_conflict
    ├── RunConflict                          409  run_conflict
    ├── Superseded                           409  superseded
    ├── RequestTooLarge                      413  request_too_large
    ├── ImageUnusable                        422  image_unusable
    │   ├── ImageMissing                     422  image_missing
    │   └── ImageSourceRefused               422  image_source_refused
    ├── MasksUnusable                        422  masks_unusable
    ├── LabelStudioError                     502  label_studio_error
    │   ├── LabelStudioUnreachable           502  label_studio_unreachable
    │   ├── LabelStudioTokenRefused          502  label_studio_token_refused
    │   ├── ProjectMissing                   404  project_missing
    │   ├── TaskMissing                      422  task_missing
    │   └── PredictionRefused                422  prediction_refused
    ├── InternalError                        500  internal_error
    ├── ImageHostError                       502  image_host_error
    │   ├── ImageHostUnreachable             502  image_host_unreachable
    │   ├── ImageTokenRefused                502  image_token_refused
    │   └── LabelStudioUnknown               502  label_studio_unknown
    ├── EncoderUnavailable                   503  encoder_unavailable
    ├── Overloaded                           503  overloaded
    └── EncodeDeadlineExceeded               504  encode_deadline_exceeded

``code`` is stable: programs may rely on it. ``detail`` is for people. Neither ever holds a token, a
query string or image bytes.
"""

from collections.abc import Mapping
from typing import ClassVar

from redis.exceptions import RedisError

from core import EfficientSAMError, ImageError, OutOfMemory, PromptError
from worker import (
    EncodeFailed,
    EncodeTimeout,
    NoWorker,
    QueueFull,
    RedisUnavailable,
    WorkerError,
    explain_redis_error,
)

RETRY_AFTER_S = 5
_MAX_DETAIL_CHARS = 2000


class BackendError(Exception):
    """Root of this package's errors.

    Attributes:
        status: HTTP status of the answer.
        code: stable name for programs.
        detail: what, the value, and what to do; for people.
        subject: what was being predicted, for the log; set by the prediction service.
    """

    status = 500
    code = "internal_error"
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, detail: str) -> None:
        if len(detail) > _MAX_DETAIL_CHARS:  # it may quote what somebody sent
            detail = detail[:_MAX_DETAIL_CHARS] + "…"
        super().__init__(detail)
        self.detail = detail
        self.subject: object = ""


class RequestInvalid(BackendError):
    """The request is not what Label Studio's ML protocol asks for."""

    status = 400
    code = "bad_request"


class LabelConfigInvalid(RequestInvalid):
    """The project's label config is not XML, or has no tag for masks on the image, or a bad one."""

    code = "bad_label_config"


class PromptInvalid(RequestInvalid):
    """The context holds no prompt, or one that cannot be read."""

    code = "bad_prompt"


class UnknownLabel(RequestInvalid):
    """The label asked for does not exist in the tag that masks are written with."""

    code = "unknown_label"


class LoginRequired(BackendError):
    """Basic auth is configured and the request has no login or another one."""

    status = 401
    code = "login_required"
    headers: ClassVar[Mapping[str, str]] = {
        "WWW-Authenticate": 'Basic realm="EfficientSAM", charset="UTF-8"'
    }


class ForeignPage(BackendError):
    """A browser sends the request for a web page of another origin."""

    status = 403
    code = "foreign_page"


class ModelMissing(BackendError):
    """There is no learned model of this version."""

    status = 404
    code = "model_missing"


class ModelConflict(BackendError):
    """The learned model was made for another one, or there is none to go back to."""

    status = 409
    code = "model_conflict"


class RunMissing(BackendError):
    """There is no run of this id."""

    status = 404
    code = "run_missing"


class RunConflict(BackendError):
    """The run is not in a state for this, or its workers have another model."""

    status = 409
    code = "run_conflict"


class Superseded(BackendError):
    """A newer click of the same page took this one's place; no failure of anything."""

    status = 409
    code = "superseded"


class RequestTooLarge(BackendError):
    """The request body is larger than this service reads."""

    status = 413
    code = "request_too_large"


class ImageUnusable(BackendError):
    """The task's image arrived, but cannot be encoded."""

    status = 422
    code = "image_unusable"


class ImageMissing(ImageUnusable):
    """The image's host says that there is no such file."""

    code = "image_missing"


class ImageSourceRefused(ImageUnusable):
    """The task names an image that this service does not fetch."""

    code = "image_source_refused"


class MasksUnusable(BackendError):
    """What was drawn on a task is nothing that can be learned from."""

    status = 422
    code = "masks_unusable"


class InternalError(BackendError):
    """A fault of this service; its log has the traceback."""


class ImageHostError(BackendError):
    """The image's host answered with something else than an image."""

    status = 502
    code = "image_host_error"


class ImageHostUnreachable(ImageHostError):
    """The image's host did not answer."""

    code = "image_host_unreachable"


class ImageTokenRefused(ImageHostError):
    """The image's host wants a login, or refuses the token it was shown."""

    code = "image_token_refused"


class LabelStudioUnknown(ImageHostError):
    """The image lies in Label Studio, and nobody said where that is."""

    code = "label_studio_unknown"


class LabelStudioError(BackendError):
    """Label Studio's API answers with something that cannot be used."""

    status = 502
    code = "label_studio_error"


class LabelStudioUnreachable(LabelStudioError):
    """Label Studio's API did not answer for as long as the caller was patient."""

    code = "label_studio_unreachable"


class LabelStudioTokenRefused(LabelStudioError):
    """Label Studio's API wants a token, or refuses the one it was shown."""

    code = "label_studio_token_refused"


class ProjectMissing(LabelStudioError):
    """Label Studio has no such project, or the token's user may not see it."""

    status = 404
    code = "project_missing"


class TaskMissing(LabelStudioError):
    """Label Studio has no such task any more."""

    status = 422
    code = "task_missing"


class PredictionRefused(LabelStudioError):
    """Label Studio does not take this prediction; asking again does not help."""

    status = 422
    code = "prediction_refused"


class EncoderUnavailable(BackendError):
    """Redis or the workers cannot take the image now; asking again may help."""

    status = 503
    code = "encoder_unavailable"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": str(RETRY_AFTER_S)}


class Overloaded(BackendError):
    """As much is waited for as may be; asking again later helps."""

    status = 503
    code = "overloaded"
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": str(RETRY_AFTER_S)}


class EncodeDeadlineExceeded(BackendError):
    """The image was not encoded in the time Label Studio waits."""

    status = 504
    code = "encode_deadline_exceeded"


_ANSWER_TO: Mapping[type[Exception], type[BackendError]] = {
    PromptError: PromptInvalid,
    ImageError: ImageUnusable,
    OutOfMemory: EncoderUnavailable,
    EfficientSAMError: InternalError,
    EncodeFailed: ImageUnusable,
    EncodeTimeout: EncodeDeadlineExceeded,
    NoWorker: EncoderUnavailable,
    QueueFull: Overloaded,
    RedisUnavailable: EncoderUnavailable,
    WorkerError: InternalError,
}


def translate_error(error: Exception) -> BackendError:
    """What the HTTP service answers for an error: our own, of the packages below, or a fault."""
    if isinstance(error, BackendError):
        return error
    if isinstance(error, RedisError):
        error = explain_redis_error(error)
    for cls in type(error).__mro__:
        if cls in _ANSWER_TO:
            return _ANSWER_TO[cls](str(error))
    return InternalError("a fault of this service; its log has the traceback")


def is_fault(error: Exception) -> bool:
    """Whether nobody foresaw the error, so that its traceback is worth a place in the log."""
    return not isinstance(error, BackendError | EfficientSAMError | WorkerError | RedisError)
