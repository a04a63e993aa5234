"""The workers that are alive, as other processes see them."""

from collections.abc import Sequence
from dataclasses import dataclass

from redis import Redis
from rq import Worker
from rq.worker import BaseWorker


@dataclass(frozen=True)
class WorkerStatus:
    """A worker that is alive.

    Attributes:
        name: RQ's name of it.
        state: RQ's word for what it does, such as ``busy``.
        device: where its model is.
        dtype: what its encoder computes in.
        model_version: the model it has.
        embedding_identity: whose embeddings it makes.
        process: its machine and process id, ``gpu-box:4711``.
        last_heartbeat_at: when it last said that it is alive, unix time in seconds.
    """

    name: str
    state: str
    device: str
    dtype: str
    model_version: str
    embedding_identity: str
    process: str
    last_heartbeat_at: float | None

    @property
    def is_busy(self) -> bool:
        """Whether it has a job in hand."""
        return self.state == "busy"


def list_workers(redis: Redis) -> Sequence[WorkerStatus]:
    """The workers that are alive now."""
    return [_describe(redis, worker) for worker in Worker.all(connection=redis)]


def _describe(redis: Redis, worker: BaseWorker) -> WorkerStatus:
    fields = redis.hmget(worker.key, "device", "dtype", "model_version", "embedding_identity")
    device, dtype, model_version, identity = (
        x.decode() if isinstance(x, bytes) else x or "" for x in fields
    )
    beat = worker.last_heartbeat
    return WorkerStatus(
        name=worker.name,
        state=worker.get_state(),
        device=device,
        dtype=dtype,
        model_version=model_version,
        embedding_identity=identity,
        process=f"{worker.hostname or '?'}:{worker.pid or '?'}",
        last_heartbeat_at=beat.timestamp() if beat else None,
    )
