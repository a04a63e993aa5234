"""Runs in Redis. Every change that must not be half done is one transaction.

A run is complete when it has no chunk left. A chunk leaves in the same transaction that brings what
follows from it: the next page, the chunks of a page, the rest of a chunk that was handed back.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

from pydantic import BaseModel
from redis import Redis, WatchError
from redis.client import Pipeline

from worker import BATCH, as_text, enqueue_job, get_queue, withdraw_job

from ..errors import RunMissing
from ..redis_keys import ENDED_RUN_TTL_S, RUNS_KEY, run_key, selection_key
from .lesson_report import LearningProgress, LessonReport
from .run import BOXES, Chunk, Run, RunProgress, RunState, StoredBox

CHUNK_TASKS = 50
"""Tasks of a chunk: half a page, short enough to be shared by workers."""

_CHUNK_TIMEOUT_S = 3600
_PARTS = (
    "chunks", "attempts", "tasks", "done", "skipped", "already", "failed", "boxes", "objects",
    "lesson", "pictures",
)  # fmt: skip
_RecordT = TypeVar("_RecordT", bound=BaseModel)

ChunkJob = Callable[[str, str], None]


def make_chunks(
    task_ids: Iterable[int], size: int = CHUNK_TASKS, *, is_doubtful: bool = False
) -> list[Chunk]:
    """Tasks in chunks, in order."""
    ids = list(task_ids)
    return [
        Chunk(id=_new_id(), tasks=tuple(ids[start : start + size]), is_doubtful=is_doubtful)
        for start in range(0, len(ids), size)
    ]


def make_page(page: int) -> Chunk:
    """The chunk that lists a page of tasks."""
    return Chunk(id=_new_id(), page=page)


def make_lesson() -> Chunk:
    """The chunk that learns from what the others collected."""
    return Chunk(id=_new_id(), is_lesson=True)


def renew_chunk(chunk: Chunk) -> Chunk:
    """The same work under another id, to be begun anew."""
    return chunk.model_copy(update={"id": _new_id(), "is_doubtful": True})


class RunStore:
    """Runs and their chunks. Safe between threads and processes.

    Args:
        redis: where they are kept.
        chunk_job: what workers call with (run id, chunk id).
        clock: unix time, seconds.
    """

    def __init__(
        self, redis: Redis, chunk_job: ChunkJob, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis = redis
        self._chunk_job = chunk_job
        self._clock = clock

    def create(self, run: Run, boxes: Mapping[str, Sequence[StoredBox]] | None = None) -> None:
        """Write a run down, without any work yet."""
        with self._redis.pipeline() as pipe:
            fields: dict[Any, Any] = {
                "record": run.model_dump_json(),
                "state": RunState.RUNNING.value,
                "leg_started_at": self._clock(),
                "leg_base": 0,
            }
            pipe.hset(run_key(run.id), mapping=fields)
            pipe.zadd(RUNS_KEY, {run.id: run.created_at})
            for key, found in (boxes or {}).items():
                pipe.hset(run_key(run.id, "boxes"), key, BOXES.dump_json(list(found)))
            pipe.execute()

    def find(self, run_id: str) -> Run:
        """The run.

        Raises:
            RunMissing: there is none of this id.
        """
        record = self._redis.hget(run_key(run_id), "record")
        if record is None:
            raise RunMissing(f"there is no run {run_id!r}; `esam runs list` shows those there are")
        return Run.model_validate_json(record)

    def list_runs(self, limit: int) -> list[Run]:
        """The latest runs, newest first."""
        ids = [as_text(x) for x in self._redis.zrevrange(RUNS_KEY, 0, limit - 1)]
        records = [self._redis.hget(run_key(run_id), "record") for run_id in ids]
        gone = [x for x, record in zip(ids, records, strict=True) if record is None]
        if gone:
            self._redis.zrem(RUNS_KEY, *gone)
        return [Run.model_validate_json(record) for record in records if record is not None]

    def progress(self, run_id: str) -> RunProgress:
        """How far a run is."""
        with self._redis.pipeline() as pipe:
            pipe.hgetall(run_key(run_id))
            for part in ("tasks", "done", "skipped", "already"):
                pipe.scard(run_key(run_id, part))
            pipe.hlen(run_key(run_id, "failed"))
            pipe.hvals(run_key(run_id, "chunks"))
            raw, total, done, skipped, already, failed, chunks = pipe.execute()
        fields = {as_text(k): as_text(v) for k, v in raw.items()}
        handled = done + skipped + failed
        return RunProgress(
            state=RunState(fields.get("state", RunState.STOPPED)),
            reason=fields.get("reason"),
            is_listing=any(Chunk.model_validate_json(chunk).page for chunk in chunks),
            total=total,
            done=done,
            skipped=skipped,
            already_predicted=already,
            failed=failed,
            leg_started_at=float(fields.get("leg_started_at", 0)),
            leg_handled=handled - int(fields.get("leg_base", 0)),
            finished_at=float(fields["finished_at"]) if "finished_at" in fields else None,
            learning=_read(LearningProgress, fields.get("learning")),
            report=_read(LessonReport, fields.get("report")),
        )

    def is_running(self, run_id: str) -> bool:
        """Whether work on a run should go on."""
        return bool(self._redis.hget(run_key(run_id), "state") == RunState.RUNNING.value.encode())

    def stop(self, run_id: str, state: RunState, reason: str | None = None) -> None:
        """End a run before it is complete; what is not done stays known, for a resume."""
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(run_key(run_id))
                    if not self.is_running(run_id):
                        return
                    pipe.multi()
                    self._end(pipe, run_id, state, reason)
                    pipe.execute()
                    return
                except WatchError:
                    continue

    def restart(self, run: Run, chunks: Sequence[Chunk]) -> None:
        """Set a run going again, with these chunks instead of those it had."""
        progress = self.progress(run.id)
        with self._redis.pipeline() as pipe:
            pipe.multi()
            fields: dict[Any, Any] = {
                "state": RunState.RUNNING.value,
                "leg_started_at": self._clock(),
                "leg_base": progress.done + progress.skipped + progress.failed,
                "record": run.model_dump_json(),
            }
            pipe.hset(run_key(run.id), mapping=fields)
            pipe.hdel(run_key(run.id), "reason", "finished_at", "learning", "report")
            pipe.delete(run_key(run.id, "chunks"), run_key(run.id, "attempts"))
            for part in ("", *_PARTS):
                pipe.persist(run_key(run.id, part))
            self._add(pipe, run.id, chunks)
            if not chunks:
                self._end(pipe, run.id, RunState.FINISHED)
            pipe.execute()

    def add_chunks(self, run_id: str, chunks: Sequence[Chunk], taken: Sequence[int] = ()) -> None:
        """Give a run more to do, and say which tasks are new to it."""
        with self._redis.pipeline() as pipe:
            pipe.multi()  # RQ adds to a transaction that has begun
            if taken:
                pipe.sadd(run_key(run_id, "tasks"), *taken)
            self._add(pipe, run_id, chunks)
            pipe.execute()

    def find_chunk(self, run_id: str, chunk_id: str) -> Chunk | None:
        """A chunk, None when it is done."""
        record = self._redis.hget(run_key(run_id, "chunks"), chunk_id)
        return Chunk.model_validate_json(record) if record is not None else None

    def begin_chunk(self, run_id: str, chunk_id: str) -> int:
        """Say that a worker begins a chunk; how often that happened, this time included."""
        return int(self._redis.hincrby(run_key(run_id, "attempts"), chunk_id, 1))

    def is_held(self, run_id: str, chunk_id: str, attempt: int) -> bool:
        """Whether nobody else has begun a chunk since, and it was not taken from the run."""
        # They leave with their chunk.
        attempts = self._redis.hget(run_key(run_id, "attempts"), chunk_id)
        return int(attempts or 0) == attempt

    def find_next_chunk(self, run_id: str) -> Chunk | None:
        """The run's chunk that a worker would be given now; None when it is another run's turn."""
        queue = get_queue(self._redis, BATCH)
        while True:
            with self._redis.pipeline() as pipe:
                pipe.watch(queue.key)
                job_id = next(iter(queue.get_job_ids(0, 1)), "")
                if not job_id.startswith(_job_id(run_id, "")):
                    return None
                chunk = self.find_chunk(run_id, job_id.removeprefix(_job_id(run_id, "")))
                if chunk is not None:
                    return chunk
                pipe.multi()  # its work was done without it
                withdraw_job(self._redis, BATCH, job_id, pipe)
                with suppress(WatchError):
                    pipe.execute()

    def join_chunk(self, run_id: str, held: Chunk, attempt: int, joining: Chunk) -> bool:
        """Add a chunk that nobody has begun to one in hand, instead of its own job.

        Args:
            run_id: of the run.
            held: the chunk in hand, with the tasks that it is to be known by from now on, those of
                the joining one included.
            attempt: the how-manieth worker has it in hand.
            joining: what ``find_next_chunk`` returned.

        Returns:
            Whether that was done; not when a worker took the job meanwhile, or has the held chunk.
        """
        queue, chunks_key = get_queue(self._redis, BATCH), run_key(run_id, "chunks")
        attempts_key, job_id = run_key(run_id, "attempts"), _job_id(run_id, joining.id)
        with self._redis.pipeline() as pipe:
            pipe.watch(queue.key, chunks_key, attempts_key)
            is_waiting = queue.get_job_ids(0, 1) == [job_id]
            is_new = is_waiting and not pipe.hexists(attempts_key, joining.id)
            if not (is_new and self.is_held(run_id, held.id, attempt)):
                return False
            pipe.multi()
            pipe.hset(chunks_key, held.id, held.model_dump_json())
            pipe.hdel(chunks_key, joining.id)
            withdraw_job(self._redis, BATCH, job_id, pipe)
            try:
                pipe.execute()
            except WatchError:
                return False
        return True

    def complete_chunk(
        self,
        run: Run,
        chunk_id: str,
        following: Sequence[Chunk] = (),
        *,
        is_at_front: bool = False,
        taken: Sequence[int] = (),
        already: Sequence[int] = (),
        closing: Chunk | None = None,
    ) -> None:
        """Replace a chunk by what follows from it; the last one of all ends the run.

        Safe to repeat: a chunk that is gone already changes nothing.

        Args:
            run: the chunk's.
            chunk_id: the chunk.
            following: chunks that come of it.
            is_at_front: whether they come before the jobs that wait already.
            taken: tasks that a page brought, which are in the chunks that follow.
            already: tasks of a page that had a prediction.
            closing: what is left to do when it is the last one; None ends the run.
        """
        chunks_key = run_key(run.id, "chunks")
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(chunks_key, run_key(run.id))
                    if not pipe.hexists(chunks_key, chunk_id) or not self.is_running(run.id):
                        return
                    is_last = pipe.hlen(chunks_key) == 1 and not following
                    found = int(pipe.hget(run_key(run.id), "found") or 0)
                    pipe.multi()
                    pipe.hdel(chunks_key, chunk_id)
                    pipe.hdel(run_key(run.id, "attempts"), chunk_id)
                    if already:
                        pipe.sadd(run_key(run.id, "already"), *already)
                    if taken:
                        pipe.sadd(run_key(run.id, "tasks"), *taken)
                        pipe.hincrby(run_key(run.id), "found", len(taken))
                    self._add(pipe, run.id, following, is_at_front=is_at_front)
                    if is_last and found:
                        # Tasks move between pages while it lists: look until nothing is new.
                        pipe.hset(run_key(run.id), "found", 0)
                        self._add(pipe, run.id, [make_page(1)])
                    elif is_last and closing is not None:
                        self._add(pipe, run.id, [closing])
                    elif is_last:
                        self._end(pipe, run.id, RunState.FINISHED)
                    pipe.execute()
                    return
                except WatchError:
                    continue

    def save_learning(self, run_id: str, progress: LearningProgress) -> None:
        """Say how far the decoder of a run is."""
        self._redis.hset(run_key(run_id), "learning", progress.model_dump_json())

    def save_report(self, run_id: str, report: LessonReport) -> None:
        """Say what came of learning."""
        self._redis.hset(run_key(run_id), "report", report.model_dump_json())

    def find_selection_run(self, project: str, model_version: str) -> Run | None:
        """The run that takes the tasks selected in a project, if it still goes on."""
        run_id = self._redis.get(selection_key(f"{project}:{model_version}"))
        if run_id is None or not self.is_running(as_text(run_id)):
            return None
        return self.find(as_text(run_id))

    def save_selection_run(self, project: str, run: Run) -> None:
        """From now on this run takes the tasks selected in the project."""
        key = selection_key(f"{project}:{run.model_version}")
        self._redis.set(key, run.id, ex=ENDED_RUN_TTL_S)

    def _add(
        self, pipe: Pipeline, run_id: str, chunks: Sequence[Chunk], is_at_front: bool = False
    ) -> None:
        for chunk in reversed(chunks) if is_at_front else chunks:
            pipe.hset(run_key(run_id, "chunks"), chunk.id, chunk.model_dump_json())
            enqueue_job(
                self._redis,
                BATCH,
                self._chunk_job,
                (run_id, chunk.id),
                timeout_s=_CHUNK_TIMEOUT_S,
                job_id=_job_id(run_id, chunk.id),
                is_at_front=is_at_front,
                pipeline=pipe,
            )

    def _end(self, pipe: Pipeline, run_id: str, state: RunState, reason: str | None = None) -> None:
        fields: dict[Any, Any] = {"state": state.value, "finished_at": self._clock()}
        pipe.hset(run_key(run_id), mapping=fields | ({"reason": reason} if reason else {}))
        for part in ("", *_PARTS):
            pipe.expire(run_key(run_id, part), ENDED_RUN_TTL_S)


def _read(record_type: type[_RecordT], text: str | None) -> _RecordT | None:
    return None if text is None else record_type.model_validate_json(text)


def _job_id(run_id: str, chunk_id: str) -> str:
    return f"{run_id}-{chunk_id}"


def _new_id() -> str:
    return uuid4().hex[:12]
