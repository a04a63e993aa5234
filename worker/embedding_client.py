"""The way to an embedding: this process, else Redis, else one job however many ask."""

import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import astuple
from uuid import uuid4

from redis import Redis, WatchError
from redis.exceptions import RedisError
from rq import Worker
from rq.job import Job, JobStatus
from rq.results import Result

from core import ImageEmbedding, Tile

from . import jobs
from .embedding_cache import EmbeddingCache, ProcessEmbeddingCache, RedisEmbeddingCache
from .embedding_lookups import EmbeddingLookups, Place
from .errors import EncodeFailed, EncodeTimeout, NoWorker, QueueFull
from .job_queue import (
    count_waiting_jobs,
    enqueue_job,
    find_unfinished_job,
    is_more_urgent,
)
from .keys import (
    ALIAS_TTL_S,
    IMAGE_TTL_S,
    INTERACTIVE,
    alias_key,
    embedding_key,
    flight_key,
    image_key,
    view_of,
    waiting_key,
)
from .redis_connection import as_bytes, is_passing, redis_errors_translated

logger = logging.getLogger(__name__)

_JOB_TIMEOUT_S = 120
_WAIT_SLICE_S = 5
_NO_WORKER_GRACE_S = 30.0
_REDIS_AWAY_S = 10.0
_REDIS_PAUSE_S = 0.2
_DEFAULT_PROCESS_CACHE_BYTES = 256 * 2**20


class EmbeddingClient:
    """Finds embeddings, and has workers make those that are missing. Safe between threads.

    Args:
        redis: the connection that cache and queues live on.
        model_identity: ``Predictor.embedding_identity`` of the decoder that will read them.
        process_cache_bytes: bound of the embeddings kept in this process.
        no_worker_grace_s: how long a caller waits where there is no worker: one that is started
            anew takes that long on a busy machine.
        max_waiting_jobs: how many jobs may wait on a queue before further ones are refused: each
            holds an image in Redis, and whoever comes last would wait in vain.
    """

    def __init__(
        self,
        redis: Redis,
        model_identity: str,
        process_cache_bytes: int = _DEFAULT_PROCESS_CACHE_BYTES,
        no_worker_grace_s: float = _NO_WORKER_GRACE_S,
        max_waiting_jobs: int = 200,
    ) -> None:
        self._redis = redis
        self._identity = model_identity
        self._near = ProcessEmbeddingCache(process_cache_bytes)
        self._shared: EmbeddingCache = RedisEmbeddingCache(redis)
        self._lookups = Counter[Place]()
        self._lookups_lock = threading.Lock()
        self._no_worker_grace_s = no_worker_grace_s
        self._max_waiting_jobs = max_waiting_jobs

    def find(self, image_sha256: str, tile: Tile | None = None) -> ImageEmbedding | None:
        """The embedding of an image, or of a tile of it, if it is in this process or in Redis.

        Raises:
            RedisUnavailable: Redis cannot be reached.
        """
        embedding, place = self._look_up(image_sha256, tile)
        if embedding is not None:
            self._count(place)
        return embedding

    def find_near(self, image_sha256: str, tile: Tile | None = None) -> ImageEmbedding | None:
        """The embedding of an image, or of a tile of it, if it is in this process."""
        return self._near.get(embedding_key(self._identity, view_of(image_sha256, tile)))

    def get_or_encode(
        self,
        image: bytes,
        *,
        tile: Tile | None = None,
        priority: str = INTERACTIVE,
        timeout_s: float = 90.0,
        on_encoded: Callable[[Mapping[str, float]], None] | None = None,
    ) -> ImageEmbedding:
        """The embedding of an image, made by a worker when nobody has it yet.

        Args:
            image: the image file's content.
            tile: the part of it to encode; None for all of it.
            priority: the queue of a job that has to be made.
            timeout_s: how long to wait for a worker.
            on_encoded: told of the milliseconds by stage, when a worker was waited for: its own,
                and ``wait``, in which none was at work on it.

        Raises:
            EncodeFailed: the worker could not encode it; the message is its reason.
            EncodeTimeout: no embedding before the deadline.
            NoWorker: nobody is there to take the job.
            QueueFull: too many images wait for a worker already.
            RedisUnavailable: Redis cannot be reached.
        """
        image_sha256 = hashlib.sha256(image).hexdigest()
        deadline = time.monotonic() + timeout_s
        embedding, place = self._look_up(image_sha256, tile)
        self._count(place)
        while embedding is None:
            with redis_errors_translated(self._redis):
                job = self._join_or_enqueue(image, image_sha256, tile, priority)
                asked = time.monotonic()
                times_ms = self._wait(job, deadline)
            if on_encoded and times_ms:
                waited_ms = 1000 * (time.monotonic() - asked) - sum(times_ms.values())
                on_encoded({"wait": max(0.0, waited_ms), **times_ms})
            embedding, _ = self._look_up(image_sha256, tile)
        return embedding

    def has(self, image_sha256: str) -> bool:
        """Whether the embedding of an image is in Redis; it is not loaded.

        Raises:
            RedisUnavailable: Redis cannot be reached.
        """
        with redis_errors_translated(self._redis):
            return bool(self._redis.exists(embedding_key(self._identity, image_sha256)))

    def find_alias(self, alias: str) -> str | None:
        """SHA-256 of the image that this URL with these validators served, if known."""
        with redis_errors_translated(self._redis):
            value = as_bytes(self._redis.get(alias_key(alias)))
        return value.decode() if value else None

    def save_alias(self, alias: str, image_sha256: str) -> None:
        """Remember which image a URL with these validators served."""
        with redis_errors_translated(self._redis):
            self._redis.set(alias_key(alias), image_sha256, ex=ALIAS_TTL_S)

    def read_lookups(self) -> EmbeddingLookups:
        """What this client was asked for so far, and what it keeps."""
        with self._lookups_lock:
            found = self._lookups.copy()
        return EmbeddingLookups(
            process_hits=found["process"],
            redis_hits=found["redis"],
            misses=found["nowhere"],
            process_bytes=self._near.size_bytes,
            process_max_bytes=self._near.max_bytes,
            process_evicted=self._near.evicted,
        )

    def _look_up(self, image_sha256: str, tile: Tile | None) -> tuple[ImageEmbedding | None, Place]:
        key = embedding_key(self._identity, view_of(image_sha256, tile))
        embedding = self._near.get(key)
        if embedding is not None:
            return embedding, "process"
        with redis_errors_translated(self._redis):
            embedding = self._shared.get(key)
        if embedding is None:
            return None, "nowhere"
        self._near.put(key, embedding)
        return embedding, "redis"

    def _count(self, place: Place) -> None:
        with self._lookups_lock:
            self._lookups[place] += 1

    def worker_count(self) -> int:
        """Worker processes alive now."""
        with redis_errors_translated(self._redis):
            return len(Worker.all(connection=self._redis))

    def _join_or_enqueue(
        self, image: bytes, image_sha256: str, tile: Tile | None, priority: str
    ) -> Job:
        """The job that is encoding this; made, with all it needs, in one transaction."""
        view = view_of(image_sha256, tile)
        flight = flight_key(self._identity, view)
        with self._redis.pipeline() as pipe:
            while True:
                try:
                    pipe.watch(flight)
                    running = as_bytes(pipe.get(flight))
                    job = running and find_unfinished_job(self._redis, running.decode())
                    if job and not _waits_behind(job, priority):
                        return job
                    self._check_room(priority)
                    pipe.multi()
                    pipe.set(image_key(view), image, ex=IMAGE_TTL_S)
                    job_id = str(uuid4())
                    pipe.set(flight, job_id, ex=IMAGE_TTL_S)
                    if priority == INTERACTIVE:
                        pipe.rpush(waiting_key(self._identity), view)
                        pipe.expire(waiting_key(self._identity), IMAGE_TTL_S)
                    job = enqueue_job(
                        self._redis,
                        priority,
                        jobs.encode_image,
                        (image_sha256, self._identity, tile and astuple(tile)),
                        timeout_s=_JOB_TIMEOUT_S,
                        job_id=job_id,
                        pipeline=pipe,
                    )
                    pipe.execute()
                    return job
                except WatchError:
                    continue

    def _check_room(self, priority: str) -> None:
        waiting = count_waiting_jobs(self._redis)[priority]
        if waiting >= self._max_waiting_jobs:
            raise QueueFull(
                f"{waiting} images wait for a worker already; ask again later, and start more "
                "workers if this repeats (ESAM_MAX_WAITING is the bound)"
            )

    def _wait(self, job: Job, deadline: float) -> Mapping[str, float]:
        """Block until the job has a result or is lost; wakes on a result, does not poll for it.

        Returns:
            The worker's milliseconds by stage.

        Raises:
            EncodeFailed, EncodeTimeout, NoWorker: as ``get_or_encode``.
        """
        started = time.monotonic()
        while (remaining_s := deadline - time.monotonic()) > 0:
            result = self._await_result(job, min(remaining_s, _WAIT_SLICE_S))
            if result is not None:
                if result.type is not Result.Type.SUCCESSFUL:
                    raise EncodeFailed(_reason(result))
                return result.return_value or {}
            if not self._redis.exists(job.key):
                logger.warning("job gone from Redis job=%s; it is made anew", job.id)
                return {}
            waited_s = time.monotonic() - started
            if waited_s > self._no_worker_grace_s and not self.worker_count():
                raise NoWorker(
                    "no worker is running, so the image cannot be encoded; "
                    "start one with `esam worker`"
                )
        raise EncodeTimeout(
            f"no embedding after {time.monotonic() - started:.0f} s with {self.worker_count()} "
            "worker(s); they are busy or too slow: start more, or use a GPU"
        )

    def _await_result(self, job: Job, timeout_s: float) -> Result | None:
        """The job's result as soon as it is there, through a restart of Redis.

        Raises:
            RedisError: Redis is not back after ``_REDIS_AWAY_S``.
        """
        away_since: float | None = None
        while True:
            try:
                return job.latest_result(timeout=max(1, round(timeout_s)))
            except RedisError as error:
                now = time.monotonic()
                away_since = now if away_since is None else away_since
                if not is_passing(error) or now - away_since > _REDIS_AWAY_S:
                    raise
                time.sleep(_REDIS_PAUSE_S)


def _waits_behind(job: Job, priority: str) -> bool:
    """Whether a job waits on a queue that comes after this one: then a new one is sooner."""
    return is_more_urgent(priority, than=job.origin) and job.get_status() is JobStatus.QUEUED


def _reason(result: Result) -> str:
    """The message of the exception that ended the job, without its traceback."""
    lines = (result.exc_string or "").strip().splitlines()
    if not lines:
        return "the encode job failed and left no reason; look at the worker's log"
    _, separator, message = lines[-1].partition(": ")
    return message if separator else lines[-1]
