"""What ends the work on one task, and what ends that on all of them."""

from typing import Final

from core import EfficientSAMError
from worker import WorkerError

from ..errors import (
    BackendError,
    LabelStudioTokenRefused,
    LabelStudioUnknown,
    LabelStudioUnreachable,
    ProjectMissing,
)

RUN_STOPPERS: Final = (
    LabelStudioUnreachable,
    LabelStudioTokenRefused,
    LabelStudioUnknown,
    ProjectMissing,
)
"""After these no other task could go on either."""

TASK_FAILURES: Final = (BackendError, EfficientSAMError, WorkerError)
"""After these the others can."""
