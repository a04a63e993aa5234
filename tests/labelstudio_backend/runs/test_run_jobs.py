"""What a worker does for a run that is gone, or that it cannot work on."""

import pytest
from redis import Redis

from core import Predictor
from labelstudio_backend import job_resources
from labelstudio_backend.runs import RunService, RunState, work_on_chunk
from tests.integration.detected_tasks import add_tasks
from tests.label_studio_stand_in import LabelStudioStandIn
from worker import WorkerContext, set_context

from .conftest import BeginChunk


def test_a_chunk_of_a_run_that_is_gone_is_no_work(redis: Redis, predictor: Predictor) -> None:
    set_context(WorkerContext(predictor, redis))
    work_on_chunk("gone", "c1")
    assert redis.keys("*") == []


def test_a_worker_with_another_model_stops_the_run_and_says_so(
    redis: Redis,
    predictor: Predictor,
    lively: Predictor,
    studio: LabelStudioStandIn,
    begin_chunk: BeginChunk,
) -> None:
    work = begin_chunk(add_tasks(studio, 1, "Dog"))
    set_context(WorkerContext(lively, redis))
    work_on_chunk(work.run.id, work.hold.chunk.id)
    progress = RunService(redis, predictor).find(work.run.id)[1]
    assert progress.state is RunState.STOPPED
    for part in (lively.model_version, predictor.model_version, "then resume"):
        assert part in (progress.reason or "")


def test_a_fault_stops_the_run_and_is_in_the_log(
    redis: Redis,
    predictor: Predictor,
    studio: LabelStudioStandIn,
    begin_chunk: BeginChunk,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = begin_chunk(add_tasks(studio, 1, "Dog"))
    # A worker that was started wrongly is the one fault that is easily had.
    monkeypatch.setattr(job_resources, "_resources", None)
    set_context(WorkerContext(predictor, redis))
    work_on_chunk(work.run.id, work.hold.chunk.id)
    progress = RunService(redis, predictor).find(work.run.id)[1]
    assert progress.state is RunState.STOPPED
    assert "a fault of this service (RuntimeError); the worker's log" in (progress.reason or "")
    assert "Traceback" in caplog.text
