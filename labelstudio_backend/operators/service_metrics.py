"""What this process counts, in Prometheus' text format."""

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.registry import Collector

from .stage_times import StageTimes

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)


class ServiceMetrics:
    """Requests, predictions by outcome, and the time of their stages. Safe between threads."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "esam_requests",
            "Requests by route, status, and outcome: ok, or the code of the error.",
            ["method", "route", "status", "outcome"],
            registry=self._registry,
        )
        self._request_times = Histogram(
            "esam_request_seconds",
            "Time from a request's arrival to the end of its answer.",
            ["route"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self._predictions = Counter(
            "esam_predictions",
            "Tasks asked for, by outcome: mask, empty, or the code of the error.",
            ["outcome"],
            registry=self._registry,
        )
        self._stages = Histogram(
            "esam_stage_seconds",
            "Time of each stage of a prediction; worker_* lie within embedding.",
            ["stage"],
            buckets=_BUCKETS_S,
            registry=self._registry,
        )

    def count_request(
        self, method: str, route: str, status: int, outcome: str, spent_s: float
    ) -> None:
        """Count a request that was answered, or whose caller is gone (status 0)."""
        self._requests.labels(method, route, status, outcome).inc()
        self._request_times.labels(route).observe(spent_s)

    def count(self, outcome: str, times: StageTimes) -> None:
        """Count a prediction, and the time of each stage that it came to."""
        self._predictions.labels(outcome).inc()
        for stage, spent_ms in times.read().items():
            self._stages.labels(stage).observe(spent_ms / 1000)

    def add_collector(self, collector: Collector) -> None:
        """Ask this too whenever somebody looks."""
        self._registry.register(collector)

    def render(self) -> bytes:
        """The answer of ``GET /metrics``."""
        return generate_latest(self._registry)
