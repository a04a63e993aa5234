"""What the doctor found: one line a check, and a check that fails never takes the doctor along."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from core import EfficientSAMError
from labelstudio_backend import BackendError
from worker import WorkerError

from .errors import EsamError

logger = logging.getLogger(__name__)

_Value = TypeVar("_Value")
_Needed = TypeVar("_Needed")


class Mark(Enum):
    """How a check came out."""

    GOOD = "✓"
    WARNING = "!"
    FAILED = "✗"
    SKIPPED = "-"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        mark: how it came out.
        subject: what was checked.
        text: what was found.
        remedy: what to do; empty where nothing is to be done.
    """

    mark: Mark
    subject: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Found(Generic[_Value]):
    """A check that went well, or well enough.

    Attributes:
        text: what was found.
        value: what the checks after it work with.
        warning: what should be done all the same.
    """

    text: str
    value: _Value
    warning: str = ""


class Problem(Exception):
    """A check that failed: what was found, and what to do."""

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.remedy = remedy


class Examination:
    """Makes checks one after the other and tells of each.

    Args:
        tell: is handed each finding at once.
    """

    def __init__(self, tell: Callable[[Finding], None]) -> None:
        self._tell = tell
        self.failed_count = 0
        self.warning_count = 0

    def check(self, subject: str, examine: Callable[[], Found[_Value]]) -> _Value | None:
        """Make a check.

        Returns:
            What it found for the checks after it; None when it failed.
        """
        try:
            found = examine()
        except Problem as problem:
            self._fail(subject, problem.text, problem.remedy)
        except (EsamError, BackendError, EfficientSAMError, WorkerError) as error:
            self._fail(subject, str(error))
        except Exception as error:
            # The last thing to do about a broken installation is to break over it.
            logger.exception("the check of %s has a fault", subject)
            self._fail(
                subject,
                f"the check itself has a fault ({type(error).__name__}: {error})",
                "please report it with the traceback",
            )
        else:
            self.warning_count += bool(found.warning)
            mark = Mark.WARNING if found.warning else Mark.GOOD
            self._tell(Finding(mark, subject, found.text, found.warning))
            return found.value
        return None

    def check_with(
        self,
        needed: _Needed | None,
        needed_subject: str,
        subject: str,
        examine: Callable[[_Needed], Found[_Value]],
    ) -> _Value | None:
        """Make a check that works with what an earlier one found; skipped when that failed."""
        if needed is None:
            self.skip(subject, f"needs: {needed_subject}")
            return None
        return self.check(subject, lambda: examine(needed))

    def skip(self, subject: str, because: str) -> None:
        """Tell of a check that is not made."""
        self._tell(Finding(Mark.SKIPPED, subject, f"skipped ({because})"))

    def _fail(self, subject: str, text: str, remedy: str = "") -> None:
        self.failed_count += 1
        self._tell(Finding(Mark.FAILED, subject, text, remedy))
