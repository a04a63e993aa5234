"""A call that failed, and how long it is tried again."""

import logging
import random
from collections.abc import Callable

from ..errors import LabelStudioError, LabelStudioUnreachable

logger = logging.getLogger(__name__)

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 10.0


class CallFailed(Exception):
    """A call that may go better the next time; never leaves this package.

    Attributes:
        may_have_arrived: whether Label Studio may have done what it was asked.
        retry_after_s: the shortest wait that Label Studio asks for.
        is_fault: whether Label Studio itself says that it failed, as it does for a query that it
            cannot understand; a proxy's error page or a broken connection is none.
    """

    def __init__(
        self,
        detail: str,
        *,
        may_have_arrived: bool = True,
        retry_after_s: float = 0.0,
        is_fault: bool = False,
    ) -> None:
        super().__init__(detail)
        self.may_have_arrived = may_have_arrived
        self.retry_after_s = retry_after_s
        self.is_fault = is_fault

    def to_error(self) -> LabelStudioError:
        """What is told when patience is at its end."""
        if self.is_fault:
            return LabelStudioError(f"{self}; Label Studio's log says more")
        return LabelStudioUnreachable(
            f"{self}; is Label Studio up, and LABEL_STUDIO_URL right as seen from this service?"
        )


class Patience:
    """Waits between the tries of one call: growing, jittered, until its time is up.

    Args:
        patience_s: how long after now the last try may begin.
        clock: monotonic seconds.
        sleep: waits for seconds.
        max_faults: how many of Label Studio's own faults are borne; None for any number.
    """

    def __init__(
        self,
        patience_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        max_faults: int | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._deadline = clock() + patience_s
        self._faults_left = max_faults
        self._wait_s = _FIRST_WAIT_S

    def wait(self, failure: CallFailed) -> None:
        """Wait before the next try.

        Raises:
            CallFailed: itself, when it was one fault too many.
            LabelStudioError: the time is up.
        """
        if failure.is_fault and self._faults_left is not None:
            self._faults_left -= 1
            if self._faults_left <= 0:
                raise failure
        # Jitter, so that many threads do not come back at the same moment.
        wait_s = self._wait_s * random.uniform(0.5, 1.0)  # noqa: S311
        wait_s = max(wait_s, failure.retry_after_s)
        if self._clock() + wait_s > self._deadline:
            raise failure.to_error() from failure
        logger.info("label studio try again wait_s=%.1f reason=%s", wait_s, failure)
        self._sleep(wait_s)
        self._wait_s = min(2 * self._wait_s, _LONGEST_WAIT_S)
