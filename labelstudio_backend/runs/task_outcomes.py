"""What became of each task of a run."""

from collections.abc import Sequence

from redis import Redis

from worker import as_text, count

from ..redis_keys import run_key
from .run import BOXES, Run, StoredBox


class TaskOutcomes:
    """The tasks of runs by what became of them. Safe between threads and processes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def find_new(self, run: Run, task_ids: Sequence[int]) -> list[int]:
        """Those of these tasks that the run has not taken yet, as many as its limit allows."""
        key = run_key(run.id, "tasks")
        with self._redis.pipeline() as pipe:
            for task_id in task_ids:
                pipe.sismember(key, str(task_id))
            pipe.scard(key)
            *is_known, count = pipe.execute()
        new = [x for x, known in zip(task_ids, is_known, strict=True) if not known]
        limit = run.options.limit
        return new if limit is None else new[: max(0, limit - count)]

    def is_full(self, run: Run, more: int = 0) -> bool:
        """Whether a run has as many tasks as it may, with so many more."""
        limit = run.options.limit
        return limit is not None and self._redis.scard(run_key(run.id, "tasks")) + more >= limit

    def record_done(self, run_id: str, task_id: int) -> None:
        """A task has its prediction."""
        self._record(run_id, task_id, "done")

    def record_skipped(self, run_id: str, task_id: int) -> None:
        """A task holds nothing to predict from."""
        self._record(run_id, task_id, "skipped")

    def record_failed(self, run_id: str, task_id: int, reason: str, code: str) -> None:
        """A task could not be predicted.

        Args:
            run_id: of the run.
            task_id: the task.
            reason: what, the value, and what to do; for people.
            code: stable name of the error, for the figures.
        """
        with self._redis.pipeline() as pipe:
            pipe.hset(run_key(run_id, "failed"), str(task_id), reason)
            count(pipe, "run_tasks", outcome="failed")
            count(pipe, "failures", work="run", reason=code)
            pipe.execute()

    def find_done(self, run_id: str) -> list[int]:
        """Tasks that got a prediction, in the order of their ids."""
        return sorted(map(int, self._redis.smembers(run_key(run_id, "done"))))

    def find_failures(self, run_id: str) -> dict[int, str]:
        """Reasons by task id, in the order of the ids."""
        failures = self._redis.hgetall(run_key(run_id, "failed"))
        return {int(k): as_text(failures[k]) for k in sorted(failures, key=int)}

    def forget_failures(self, run_id: str, task_ids: Sequence[int]) -> None:
        """Tasks are tried again."""
        if task_ids:
            self._redis.hdel(run_key(run_id, "failed"), *map(str, task_ids))

    def find_open(self, run_id: str) -> list[int]:
        """Tasks of a run without an outcome, in the order of their ids."""
        parts = ("tasks", "done", "skipped", "already")
        open_ids = self._redis.sdiff([run_key(run_id, part) for part in parts])
        failed = self._redis.hkeys(run_key(run_id, "failed"))
        return sorted(int(x) for x in set(open_ids) - set(failed))

    def keep_open(self, run_id: str, task_ids: Sequence[int]) -> list[int]:
        """Those of these tasks that have no outcome, in order."""
        if not task_ids:
            return []
        with self._redis.pipeline() as pipe:
            for part in ("done", "skipped"):
                pipe.smismember(run_key(run_id, part), list(task_ids))
            pipe.hmget(run_key(run_id, "failed"), list(map(str, task_ids)))
            found = pipe.execute()
        return [x for x, *ended in zip(task_ids, *found, strict=True) if not any(ended)]

    def find_boxes(self, run_id: str, keys: Sequence[str]) -> list[StoredBox]:
        """The boxes of a file that are kept under any of these keys."""
        texts = self._redis.hmget(run_key(run_id, "boxes"), list(keys))
        return [box for text in texts if text is not None for box in BOXES.validate_json(text)]

    def _record(self, run_id: str, task_id: int, outcome: str) -> None:
        with self._redis.pipeline() as pipe:
            pipe.sadd(run_key(run_id, outcome), task_id)
            pipe.hdel(run_key(run_id, "failed"), str(task_id))
            count(pipe, "run_tasks", outcome=outcome)
            pipe.execute()
