"""Chunks of runs in the hands of this process, and a Label Studio that stands in."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from redis import Redis

from core import Predictor
from labelstudio_backend import (
    BackendSettings,
    ImageFetcher,
    JobResources,
    LabelStudioClient,
    set_job_resources,
)
from labelstudio_backend.redis_keys import run_key
from labelstudio_backend.runs import RunKind, RunOptions, RunService, work_on_chunk
from labelstudio_backend.runs.chunk_hold import ChunkHold
from labelstudio_backend.runs.chunk_work import ChunkWork
from labelstudio_backend.runs.run import Chunk
from labelstudio_backend.runs.run_store import RunStore, make_chunks
from labelstudio_backend.runs.task_outcomes import TaskOutcomes
from tests.integration.detected_tasks import make_account
from tests.label_studio_stand_in import LabelStudioStandIn
from worker import LongJob, WorkerContext, as_text

BeginChunk = Callable[..., ChunkWork]
STEPS = RunOptions(steps=1)


@pytest.fixture
def studio() -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn() as server:
        yield server


@pytest.fixture
def begin_chunk(
    redis: Redis, predictor: Predictor, studio: LabelStudioStandIn
) -> Iterator[BeginChunk]:
    """Starts a run of which one chunk is left, and begins it as a worker would."""
    set_job_resources(JobResources(BackendSettings()))
    account = make_account(studio)
    clients = []

    def begin(
        task_ids: Sequence[int],
        kind: RunKind = RunKind.PRELABEL,
        redis: Redis = redis,
        options: RunOptions = RunOptions(),  # noqa: B008  it is frozen
        **context: Any,
    ) -> ChunkWork:
        service = RunService(redis, predictor)
        is_learning = kind is RunKind.LEARNING
        start = service.start_learning if is_learning else service.start
        run = start(1, account, STEPS if is_learning else options)
        store = RunStore(redis, work_on_chunk)
        (page_id,) = redis.hkeys(run_key(run.id, "chunks"))
        (chunk,) = make_chunks(task_ids)
        store.add_chunks(run.id, [chunk], taken=task_ids)
        store.complete_chunk(run, as_text(page_id))
        clients.append(client := LabelStudioClient(account, patience_s=0))
        return ChunkWork(
            run,
            ChunkHold(store, run.id, chunk, store.begin_chunk(run.id, chunk.id)),
            WorkerContext(predictor, redis, **context),
            client,
            ImageFetcher.from_settings(BackendSettings()),
            TaskOutcomes(redis),
            LongJob(),
        )

    yield begin
    for client in clients:
        client.close()


def replace_chunk(work: ChunkWork, chunk: Chunk) -> None:
    """End the chunk that is held, so that this one is left of the run."""
    work.hold.store.complete_chunk(work.run, work.hold.chunk.id, [chunk])
