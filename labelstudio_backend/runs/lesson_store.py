"""What a learning run keeps in Redis beside its record: objects, the decoder so far, pictures.

All of it expires, so that Redis may give it up when it has no room: objects that are gone are
collected again, and a decoder that is gone begins anew.
"""

from collections.abc import Callable, Iterable, Mapping

from redis import Redis

from worker import as_text

from ..redis_keys import ENDED_RUN_TTL_S, learning_key, run_key
from .run_store import RunStore
from .stored_objects import StoredTask

_LOCK_S = 10.0


class LessonStore:
    """Safe between threads and processes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def claim(
        self, project_key: str, run_id: str, runs: RunStore, begin: Callable[[], None]
    ) -> str | None:
        """Say that a run learns from a project, unless another does.

        Args:
            project_key: the project's.
            run_id: of the run.
            runs: knows whether another goes on.
            begin: called before anybody else can claim the project.

        Returns:
            Id of the other run; None when the project is this run's now.
        """
        key = learning_key(project_key)
        with self._redis.lock(f"{key}:lock", timeout=_LOCK_S):
            holder = self._redis.get(key)
            other = None if holder is None else as_text(holder)
            if other not in (None, run_id) and runs.is_running(other):
                return other
            self._redis.set(key, run_id, ex=ENDED_RUN_TTL_S)
            begin()
        return None

    def save_task(self, run_id: str, task: StoredTask) -> None:
        """Keep the accepted objects of a task."""
        with self._redis.pipeline() as pipe:
            pipe.hset(run_key(run_id, "objects"), str(task.task), task.model_dump_json())
            pipe.expire(run_key(run_id, "objects"), ENDED_RUN_TTL_S)
            pipe.execute()

    def find_lost(self, run_id: str, task_ids: Iterable[int]) -> list[int]:
        """Those of these tasks whose objects are not kept any more."""
        kept = {int(x) for x in self._redis.hkeys(run_key(run_id, "objects"))}
        return [task_id for task_id in task_ids if task_id not in kept]

    def load_tasks(self, run_id: str) -> list[StoredTask]:
        """The accepted objects of all tasks, in the order of their ids."""
        records = self._redis.hvals(run_key(run_id, "objects"))
        tasks = [StoredTask.model_validate_json(record) for record in records]
        return sorted(tasks, key=lambda found: found.task)

    def save_lesson(self, run_id: str, content: bytes) -> None:
        """Keep a decoder that is learning."""
        self._redis.set(run_key(run_id, "lesson"), content, ex=ENDED_RUN_TTL_S)

    def load_lesson(self, run_id: str) -> bytes | None:
        """The decoder that is learning, as it was kept last."""
        content = self._redis.get(run_key(run_id, "lesson"))
        return content if isinstance(content, bytes) else None

    def save_pictures(self, run_id: str, pictures: Mapping[str, bytes]) -> None:
        """Keep pictures by name, instead of those that there were."""
        key = run_key(run_id, "pictures")
        with self._redis.pipeline() as pipe:
            pipe.delete(key)
            for name, content in pictures.items():
                pipe.hset(key, name, content)
            pipe.expire(key, ENDED_RUN_TTL_S)
            pipe.execute()

    def load_picture(self, run_id: str, name: str) -> bytes | None:
        """A picture, None where there is none of this name."""
        content = self._redis.hget(run_key(run_id, "pictures"), name)
        return content if isinstance(content, bytes) else None

    def forget_lesson(self, run_id: str) -> None:
        """Once it is over, objects and decoder are of no use any more."""
        self._redis.delete(run_key(run_id, "objects"), run_key(run_id, "lesson"))
