"""Redis is not trusted: what stands in a job is not imported, called or asked for.

Each job here is written by RQ itself as another program on the same Redis would write it, and is
met by a real worker process.
"""

import http.server
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from rq import Callback, Queue, Repeat, Webhook, Worker
from rq.command import send_shutdown_command
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.results import Result
from rq.serializers import JSONSerializer

from core import Predictor
from worker import INTERACTIVE, EmbeddingClient, EncodeFailed, JobRefused, connect_redis
from worker.job_queue import find_unfinished_job, get_queue
from worker.known_jobs import KnownJob, make_job_class

from ..worker_processes import StartWorker

ENCODE = "worker.jobs.encode_image"


def foreign_queue(redis: Redis) -> Queue:
    """The queue as any other program that uses RQ has it."""
    return Queue(INTERACTIVE, connection=redis, serializer=JSONSerializer)


def wait_for(job: Job) -> Result:
    result = job.latest_result(timeout=30)
    assert result is not None, "the worker did not end the job"
    return result


def assert_clicks_work(redis: Redis, predictor: Predictor, png: bytes) -> None:
    """The worker took no harm: the next image is encoded."""
    assert EmbeddingClient(redis, predictor.embedding_identity).get_or_encode(png, timeout_s=60)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that is there only if somebody ran what a job said."""
    return tmp_path / "canary"


@pytest.mark.parametrize("function", ["os.system", "subprocess.check_call", "builtins.eval"])
def test_a_function_that_is_not_on_the_list_is_refused_by_name(
    served_redis: Redis, predictor: Predictor, png: bytes, canary: Path, function: str
) -> None:
    job = foreign_queue(served_redis).enqueue_call(function, (f"touch {canary}",))
    result = wait_for(job)
    assert result.type is Result.Type.FAILED
    assert f"JobRefused: this worker knows no job '{function}'" in (result.exc_string or "")
    assert not canary.exists()
    assert_clicks_work(served_redis, predictor, png)


def test_a_module_named_by_a_job_is_not_imported(served_redis: Redis, canary: Path) -> None:
    # The worker process has the folder of the tests on its path; importing this touches a file.
    module = Path.cwd() / f"imported_by_{uuid4().hex}.py"
    module.write_text(f"open({str(canary)!r}, 'w')\n")
    try:
        result = wait_for(foreign_queue(served_redis).enqueue_call(f"{module.stem}.run"))
    finally:
        module.unlink()
    assert result.type is Result.Type.FAILED
    assert not canary.exists()


def test_a_method_of_a_value_in_the_job_is_not_called(served_redis: Redis) -> None:
    job = foreign_queue(served_redis).enqueue_call(ENCODE, ("x", "y"))
    hostile = Job.create("format", ["x"], connection=served_redis, serializer=JSONSerializer)
    hostile.id, hostile.instance = job.id + "-method", "{0.__class__}"
    hostile.origin, hostile._status = INTERACTIVE, JobStatus.QUEUED
    hostile.save()
    served_redis.rpush(f"rq:queue:{INTERACTIVE}", hostile.id)
    assert "JobRefused" in (wait_for(hostile).exc_string or "")


def test_callbacks_named_by_a_job_are_not_called(served_redis: Redis, canary: Path) -> None:
    # `print(job, redis, result)` would be harmless; importing a module of the job's choice is not.
    module = Path.cwd() / f"callback_{uuid4().hex}.py"
    module.write_text(f"def run(*_):\n    open({str(canary)!r}, 'w')\n")
    callback = Callback(f"{module.stem}.run")
    try:
        queue = foreign_queue(served_redis)
        failed = queue.enqueue_call(ENCODE, ("x", "other-model"), on_failure=callback)
        assert wait_for(failed).type is Result.Type.FAILED
        # An embedding that is there already: the job succeeds without an image.
        identity = embedding_identity_of(served_redis)
        served_redis.set(f"esam:embedding:{identity}:x", b"", ex=60)
        finished = queue.enqueue_call(ENCODE, ("x", identity), on_success=callback)
        assert wait_for(finished).type is Result.Type.SUCCESSFUL
    finally:
        module.unlink()
    assert not canary.exists()


def test_urls_named_by_a_job_are_not_called(served_redis: Redis) -> None:
    with web_server() as (url, requests):
        job = foreign_queue(served_redis).enqueue_call(
            ENCODE, ("x", "other-model"), webhooks=[Webhook(url, "failed")]
        )
        assert wait_for(job).type is Result.Type.FAILED
        # RQ calls them before it takes the next job.
        wait_for(foreign_queue(served_redis).enqueue_call(ENCODE, ("x", "other-model")))
        assert requests == []


def test_a_job_that_asks_to_be_repeated_runs_once(served_redis: Redis) -> None:
    identity = embedding_identity_of(served_redis)
    served_redis.set(f"esam:embedding:{identity}:x", b"", ex=60)
    queue = foreign_queue(served_redis)
    job = queue.enqueue_call(ENCODE, ("x", identity), repeat=Repeat(times=3))
    wait_for(job)
    wait_for(queue.enqueue_call(ENCODE, ("x", identity)))
    assert len(job.results()) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"data": b"\x80\x04cos\nsystem\n(S'true'\ntR."},
        {"data": b"[", "status": "queued"},
        {"data": b'["worker.jobs.encode_image", null, [], {}]', "status": "no such status"},
        {"data": b'["worker.jobs.encode_image", null, [], {}]', "timeout": "soon"},
        {"data": b"[]", "created_at": b"\xff", "meta": b"\x80\x04."},
    ],
)
def test_what_is_no_job_stops_no_queue(
    served_redis: Redis, predictor: Predictor, png: bytes, fields: Mapping[Any, Any]
) -> None:
    job_id = uuid4().hex
    served_redis.hset(f"rq:job:{job_id}", mapping={"origin": INTERACTIVE, **fields})
    served_redis.rpush(f"rq:queue:{INTERACTIVE}", job_id, "no job at all", "bad:id")
    assert_clicks_work(served_redis, predictor, png)


def test_a_command_on_rqs_channel_does_not_stop_a_worker(
    served_redis: Redis, predictor: Predictor, png: bytes
) -> None:
    (worker,) = Worker.all(connection=served_redis)
    assert served_redis.publish(f"rq:pubsub:{worker.name}", "{}") == 0, "nobody listens"
    send_shutdown_command(served_redis, worker.name)
    assert_clicks_work(served_redis, predictor, png)
    assert [w.name for w in Worker.all(connection=served_redis)] == [worker.name]


def test_looking_after_dead_workers_jobs_calls_nothing_that_they_name(
    redis: Redis, canary: Path
) -> None:
    module = Path.cwd() / f"abandoned_{uuid4().hex}.py"
    module.write_text(f"def run(*_):\n    open({str(canary)!r}, 'w')\n")
    try:
        job = foreign_queue(redis).enqueue_call(ENCODE, on_failure=Callback(f"{module.stem}.run"))
        job.set_status(JobStatus.STARTED)
        redis.zadd(f"rq:wip:{INTERACTIVE}", {f"{job.id}:1": time.time() - 60})
        get_queue(redis, INTERACTIVE).started_job_registry.cleanup()
    finally:
        module.unlink()
    assert job.get_status() is JobStatus.FAILED
    assert not canary.exists()


def test_a_known_function_is_found_by_the_name_it_is_enqueued_under(redis: Redis) -> None:
    known = make_job_class([wait_for])
    job = known.create(wait_for, connection=redis, serializer=JSONSerializer)
    assert job.func is wait_for
    other = known.create(embedding_identity_of, connection=redis, serializer=JSONSerializer)
    with pytest.raises(JobRefused):
        _ = other.func


def test_a_job_that_is_no_json_is_refused(redis: Redis) -> None:
    known = make_job_class([wait_for])
    job = known.create(wait_for, connection=redis, serializer=JSONSerializer)
    job.save()
    redis.hset(job.key, "data", b"[")
    with pytest.raises(JobRefused, match="not JSON that this product wrote"):
        _ = known.fetch(job.id, redis, JSONSerializer).func


def test_what_lies_where_a_job_should_is_no_job_and_a_redis_that_is_away_is_told(
    redis: Redis,
) -> None:
    redis.set("rq:job:text", "not a hash")
    with pytest.raises(NoSuchJobError):
        KnownJob.fetch("text", redis, JSONSerializer)
    assert find_unfinished_job(redis, "text") is None
    with pytest.raises(RedisConnectionError):
        find_unfinished_job(connect_redis("redis://127.0.0.1:1/0", is_patient=False), "text")


def test_a_failure_that_was_foreseen_is_one_line_of_the_workers_log(
    redis: Redis, predictor: Predictor, start_worker: StartWorker, capfd: pytest.CaptureFixture[str]
) -> None:
    start_worker()
    with pytest.raises(EncodeFailed, match="not an image"):
        EmbeddingClient(redis, predictor.embedding_identity).get_or_encode(b"<html>")
    log = capfd.readouterr().err
    assert "job failed id=" in log
    assert "not an image that can be read: 6 bytes, a web page" in log
    assert "Traceback" not in log


def embedding_identity_of(redis: Redis) -> str:
    """Of the one worker there."""
    (worker,) = Worker.all(connection=redis)
    identity = redis.hget(worker.key, "embedding_identity")
    assert isinstance(identity, bytes)
    return identity.decode()


@contextmanager
def web_server() -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback, and the paths it was asked for."""
    requests: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", requests
        server.shutdown()
