"""``esam status`` against a backend that says what a test wants."""

import json

import pytest

from .backend_stand_in import MODEL_VERSION, BackendStandIn, make_queue, make_run, make_status
from .command_line import esam


def test_status_shows_what_the_backend_works_with(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    queues = {"interactive": make_queue(1, oldest_s=7.4), "batch": make_queue(300, failed=2)}
    cache = {
        "process_hits": 1200,
        "redis_hits": 34,
        "misses": 5,
        "process_bytes": 2 * 1024**2,
        "process_max_bytes": 256 * 1024**2,
        "process_evicted": 6,
        "redis_evicted": 7,
    }
    run = make_run(state="stopped", done=4, failed=1)
    status = make_status(queues=queues, cache=cache, encoded_images={"cpu": 40}, runs=[run])
    backend.say("GET /status", status)
    assert esam("status") == 0
    out = capsys.readouterr().out
    for text in (
        backend.url,
        MODEL_VERSION,
        "http://localhost:8080, with a token",
        "7.0.15, 5 MiB of 1,024 MiB used, evicts volatile-lru",
        "1,239 asked for: 1,200 found here, 34 in Redis, 5 waited for; 2 of 256 MiB kept here; "
        "13 given up for room",
        "40 on cpu",
        "interactive        1         0:00:07        0                 0",
        "batch            300                        0                 2",
        "torch 2.13.0, torchvision 0.28.0",
        "box:4711  idle   cpu",
        "3f2a  3 Dogs [old]  regions  stopped",
    ):
        assert text in out


def test_status_says_what_is_missing(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    redis = {"is_reachable": False, "detail": "Redis at localhost:6379 cannot be used"}
    backend.say("GET /status", make_status(redis=redis, workers=[], has_label_studio_token=False))
    assert esam("status") == 0
    out = capsys.readouterr().out
    assert "not reachable: Redis at localhost:6379 cannot be used" in out
    assert "none: start `esam worker`" in out
    assert "no token" in out


def test_the_answer_itself_is_there_for_programs(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = make_status(more="from a later version")
    backend.say("GET /status", answer)
    assert esam("status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == answer


def test_status_lists_what_failed_lately(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    failures = [
        {
            "project": "3",
            "task": 17,
            "code": "image_missing",
            "reason": "[gone.png] is not there; upload it again",
            "count": 1200,
            "last_at": "2026-01-02T03:04:05+00:00",
        },
        {
            "project": None,
            "task": None,
            "code": "bad_label_config",
            "reason": "no tag holds masks",
            "count": 1,
            "last_at": "2026-01-02T03:04:05+00:00",
        },
    ]
    backend.say("GET /status", make_status(failures=failures))
    assert esam("status") == 0
    lines = capsys.readouterr().out.splitlines()
    (first,) = [line for line in lines if "gone.png" in line]
    for text in ("1,200", " 3 ", "17", "[gone.png] is not there; upload it again"):
        assert text in first
    assert any("no tag holds masks" in line for line in lines)
