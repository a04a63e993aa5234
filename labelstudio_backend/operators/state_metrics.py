"""The state of the service as Prometheus metrics, read at the moment somebody asks.

What is in Redis is the same whichever backend is asked: of several backends take the ``max``, not
the ``sum``.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from worker import EmbeddingLookups

from ..runs import RunState
from .redis_state import RedisState
from .service_observer import ServiceObserver

_COUNTERS = {
    "encodes": (
        "Passes through an encoder, by device and images in one pass.",
        ("device", "batch_size"),
    ),
    "encoded_images": ("Images and tiles encoded.", ("device",)),
    "encode_seconds": ("Time spent in encoders.", ("device",)),
    "run_tasks": ("Tasks of runs, by what became of them.", ("outcome",)),
}
"""What workers count: its explanation and labels."""

_FAILURES = "failures"

_Labels = TypeVar("_Labels", bound=tuple[str, ...])


class StateMetrics(Collector):
    """Looks at the service whenever Prometheus does.

    Args:
        observer: looks.
    """

    def __init__(self, observer: ServiceObserver) -> None:
        self._observer = observer

    def collect(self) -> Iterator[Metric]:
        """All metrics of the state."""
        state = self._observer.read()
        this = (state.model_version, version("efficientsam-labelstudio"))
        yield _gauge("info", "This backend.", {this: 1}, "model_version", "version")
        yield _gauge("redis_up", "Whether Redis answers.", {(): state.redis is not None})
        yield from _describe_cache(state.lookups, state.redis)
        yield self._count_failures(state.redis)
        if state.redis is not None:
            yield from _describe_queues(state.redis)
            yield from _describe_workers(state.redis, state.embedding_identity)
            yield from _describe_runs(state.redis)
            yield from _describe_counters(state.redis)

    def _count_failures(self, redis: RedisState | None) -> Metric:
        here = self._observer.failures.count_by_code()
        samples: dict[tuple[str, ...], float] = {("service", code): n for code, n in here.items()}
        for counted in redis.counters if redis else ():
            if counted.name == _FAILURES and counted.labels.keys() == {"work", "reason"}:
                samples[counted.labels["work"], counted.labels["reason"]] = counted.amount
        text = (
            "What failed: work is service (clicks, retrieved predictions, label configs), run or "
            "warm_start; reason is the error's code."
        )
        return _counter(_FAILURES, text, samples, "work", "reason")


def _describe_cache(lookups: EmbeddingLookups, redis: RedisState | None) -> Iterator[Metric]:
    hits = {("process",): lookups.process_hits, ("redis",): lookups.redis_hits}
    sizes_bytes = {("process",): lookups.process_bytes}
    bounds_bytes = {("process",): lookups.process_max_bytes}
    evicted = {("process",): lookups.process_evicted}
    if redis is not None:
        sizes_bytes["redis",] = redis.memory.used_bytes
        bounds_bytes["redis",] = redis.memory.max_bytes
        evicted["redis",] = redis.memory.evicted
    misses = {(): lookups.misses}
    yield _counter("cache_hits", "Embeddings found in this process or in Redis.", hits, "cache")
    yield _counter("cache_misses", "Embeddings that had to be waited for.", misses)
    yield _gauge(
        "cache_bytes", "Embeddings kept in this process; all data in Redis.", sizes_bytes, "cache"
    )
    yield _gauge("cache_max_bytes", "Bound of that; 0 is none.", bounds_bytes, "cache")
    yield _counter("cache_evictions", "Entries given up to make room.", evicted, "cache")


def _describe_queues(redis: RedisState) -> Iterator[Metric]:
    queues = {(name,): queue for name, queue in redis.queues.items()}
    waiting = {name: queue.waiting for name, queue in queues.items()}
    running = {name: queue.running for name, queue in queues.items()}
    failed = {name: queue.failed for name, queue in queues.items()}
    oldest_s = {name: queue.oldest_s or 0 for name, queue in queues.items()}
    yield _gauge("queue_jobs", "Jobs that no worker has taken.", waiting, "queue")
    yield _gauge("queue_running_jobs", "Jobs in workers' hands.", running, "queue")
    yield _gauge("queue_failed_jobs", "Jobs that failed in the last week.", failed, "queue")
    yield _gauge(
        "queue_oldest_seconds", "How long the oldest waiting job has waited.", oldest_s, "queue"
    )


def _describe_workers(redis: RedisState, embedding_identity: str) -> Iterator[Metric]:
    workers = redis.workers
    busy = sum(worker.is_busy for worker in workers)
    strangers = sum(worker.embedding_identity != embedding_identity for worker in workers)
    known = {(worker.process, worker.device, worker.model_version): 1 for worker in workers}
    yield _gauge("workers", "Workers alive.", {(): len(workers)})
    yield _gauge("workers_busy", "Workers with a job in hand.", {(): busy})
    yield _gauge(
        "workers_of_other_model",
        "Workers whose embeddings this backend cannot decode.",
        {(): strangers},
    )
    yield _gauge(
        "worker_info", "A worker that is alive.", known, "worker", "device", "model_version"
    )


def _describe_runs(redis: RedisState) -> Iterator[Metric]:
    states = Counter(progress.state for _, progress in redis.runs)
    yield _gauge(
        "runs",
        "Runs over projects, of the latest that go on or ended within a day.",
        {(state.value,): states[state] for state in RunState},
        "state",
    )
    tasks = {
        (run.id, str(run.project), outcome): amount
        for run, progress in redis.runs
        for outcome, amount in progress.count_by_outcome().items()
    }
    yield _gauge(
        "run_progress_tasks",
        "Tasks of such a run, by what became of them.",
        tasks,
        *("run", "project", "outcome"),
    )


def _describe_counters(redis: RedisState) -> Iterator[Metric]:
    for name, (text, labels) in _COUNTERS.items():
        samples = {
            tuple(counted.labels[label] for label in labels): counted.amount
            for counted in redis.counters
            if counted.name == name and counted.labels.keys() == set(labels)
        }
        yield _counter(name, text, samples, *labels)


def _gauge(name: str, text: str, samples: Mapping[_Labels, float], *labels: str) -> Metric:
    metric = GaugeMetricFamily(f"esam_{name}", text, labels=labels)
    for values, amount in samples.items():
        metric.add_metric(values, amount)
    return metric


def _counter(name: str, text: str, samples: Mapping[_Labels, float], *labels: str) -> Metric:
    metric = CounterMetricFamily(f"esam_{name}", text, labels=labels)
    for values, amount in samples.items():
        metric.add_metric(values, amount)
    return metric
