"""A chunk's predictions on their way to Label Studio, as many in a call as there are.

Label Studio 1.23.2 takes 40 to 60 ms to store a prediction. 40 in one call take 0.3 s in a project
of a thousand tasks, and 0.9 s in one of ten thousand: with each call it counts anew what each of
the project's tasks has (docs/prelabeling.md).
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Condition
from types import TracebackType

from worker import RequestThreads

from ..label_studio.predictions import Stored, WrittenPrediction
from .chunk_work import ChunkWork

_GATHER_S = 2.0
_MOST_BYTES = 4 << 20
_LEAST_TOGETHER = 3
_TASKS_A_CALL = 1000
"""So many tasks in the project make a call for several longer by the time that one takes alone."""


class PredictionPoster:
    """Posts from a thread of its own, until it is left; a context manager.

    Args:
        work: the chunk.
        settle: told of which task a prediction is not stored, and why; says whether others may be.
    """

    def __init__(self, work: ChunkWork, settle: Callable[[int, Exception], bool]) -> None:
        self._work = work
        self._settle = settle
        self._waiting: list[WrittenPrediction] = []
        self._waiting_bytes = 0
        self._is_over = False
        self._is_stopped = False
        self._least_together: float | None = None
        self._changed = Condition()
        self._thread = RequestThreads(1, "post")

    def __enter__(self) -> "PredictionPoster":
        self._working: Future[None] = self._thread.submit(self._work_off)
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Wait until all are posted."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._thread.shutdown()
        self._working.result()

    def add(self, prediction: WrittenPrediction) -> None:
        """Have a prediction posted; waits as long as there are too many to be held."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes < _MOST_BYTES)
            self._waiting.append(prediction)
            self._waiting_bytes += len(prediction.content)
            self._changed.notify_all()

    def _work_off(self) -> None:
        while batch := self._take():
            try:
                rest, is_doubtful = self._post_together(batch)
            except Exception as error:  # a thread's edge
                self._fail(batch, error)
                continue
            for one in rest:
                try:
                    self._post_alone(one, is_doubtful)
                except Exception as error:  # a thread's edge
                    self._fail([one], error)

    def _take(self) -> list[WrittenPrediction]:
        """What waits, once others had a moment to come; nothing when no more will."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over)
            self._changed.wait_for(
                lambda: self._is_over or self._waiting_bytes >= _MOST_BYTES, timeout=_GATHER_S
            )
            batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._changed.notify_all()
            return batch

    def _post_together(
        self, batch: Sequence[WrittenPrediction]
    ) -> tuple[Sequence[WrittenPrediction], bool]:
        """Those that are not stored after it, and whether they may be."""
        work = self._work
        if not self._may_post() or not self._is_worth(len(batch)):
            return batch, False
        stored = work.client.post_predictions(batch)
        if stored is not Stored.ALL:
            # Whatever it is, the next ones of this chunk would meet it too.
            self._least_together = math.inf
            return batch, stored is Stored.UNKNOWN
        is_alone = work.hold.is_alone()
        done = [one.task_id for one in batch if is_alone or self._keep_earliest(one)]
        if done:
            work.record_done(*done)
        return (), False

    def _keep_earliest(self, one: WrittenPrediction) -> bool:
        """Somebody else may have stored one meanwhile; whether the first one's task is there."""
        try:
            self._work.client.keep_earliest(one.task_id, one.model_version)
        except Exception as error:  # a thread's edge
            self._fail([one], error)
            return False
        return True

    def _post_alone(self, one: WrittenPrediction, is_doubtful: bool) -> None:
        if self._may_post():
            self._work.client.post_prediction(one, self._work.hold.is_alone, is_doubtful)
            self._work.record_done(one.task_id)

    def _may_post(self) -> bool:
        """Whether the tasks are still this worker's, and Label Studio takes anything at all."""
        return not self._is_stopped and self._work.hold.is_kept()

    def _is_worth(self, count: int) -> bool:
        """Whether so many are stored sooner together than one by one."""
        if count < _LEAST_TOGETHER:
            return False
        if self._least_together is None:
            project = self._work.client.find_project(self._work.run.project)
            self._least_together = _LEAST_TOGETHER + project.task_count / _TASKS_A_CALL
        return count >= self._least_together

    def _fail(self, batch: Sequence[WrittenPrediction], error: Exception) -> None:
        for one in batch:
            self._is_stopped |= not self._settle(one.task_id, error)
