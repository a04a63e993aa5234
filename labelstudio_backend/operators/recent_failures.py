"""The last failures of each project; Label Studio shows annotators no error of its ML backend."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from ..errors import BackendError, Superseded, translate_error

FAILURES_OF_A_PROJECT = 20
"""How many different failures are kept of one project, the latest ones."""

_MAX_PROJECTS = 100
_MAX_DETAIL_CHARS = 2000

TaskId = int | str | None


@dataclass(frozen=True)
class Failure:
    """What went wrong, and how often.

    Attributes:
        project: ``"<id>.<unix time of creation>"``, None where Label Studio did not say.
        task: id of the task; None where it is about the project, or about many tasks.
        code: stable name of the error.
        reason: what, the value, and what to do; for people.
        count: how often it happened.
        last_at: unix time, seconds.
    """

    project: str | None
    task: TaskId
    code: str
    reason: str
    count: int
    last_at: float

    @property
    def project_id(self) -> str | None:
        """The project's number."""
        return self.project.partition(".")[0] if self.project is not None else None


_Kept = OrderedDict[tuple[TaskId, str, str], Failure]


class RecentFailures:
    """Kept in memory, so that they are there when Redis is not. Safe between threads.

    Args:
        clock: unix time, seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts = Counter[str]()
        self._projects: OrderedDict[str | None, _Kept] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def recording(self, project: str | None, task: TaskId) -> Iterator[None]:
        """Record what is raised in the body, and let it pass."""
        try:
            yield
        except Exception as error:
            self.record(project, task, translate_error(error))
            raise

    def record(self, project: str | None, task: TaskId, error: BackendError) -> None:
        """Remember a failure; what nobody waits for any more is none.

        Args:
            project: ``"<id>.<unix time of creation>"``.
            task: id of the task; None where it is about more than one.
            error: why.
        """
        if isinstance(error, Superseded):
            return
        key = (task, error.code, error.detail[:_MAX_DETAIL_CHARS])
        with self._lock:
            self._counts[error.code] += 1
            kept = self._projects.setdefault(project, OrderedDict())
            self._projects.move_to_end(project)
            count = kept[key].count + 1 if key in kept else 1
            kept[key] = Failure(project, *key, count, self._clock())
            kept.move_to_end(key)
            if len(kept) > FAILURES_OF_A_PROJECT:
                kept.popitem(last=False)
            if len(self._projects) > _MAX_PROJECTS:
                self._projects.popitem(last=False)

    def count_by_code(self) -> Mapping[str, int]:
        """How often each kind of failure was recorded, forgotten ones included."""
        with self._lock:
            return dict(self._counts)

    def list(self) -> list[Failure]:
        """All that is remembered, the latest first."""
        with self._lock:
            found = [failure for kept in self._projects.values() for failure in kept.values()]
        return sorted(found, key=lambda failure: failure.last_at, reverse=True)
