"""``esam status`` against a backend that says what a test wants."""

import json

import pytest

from .backend_stand_in import MODEL_VERSION, BackendStandIn, make_status
from .command_line import esam


def test_status_shows_what_the_backend_works_with(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("GET /status", make_status(queues={"interactive": 1, "prefetch": 20, "batch": 300}))
    assert esam("status") == 0
    out = capsys.readouterr().out
    for text in (
        backend.url,
        MODEL_VERSION,
        "http://localhost:8080, with a token",
        "7.0.15, 5 MiB of 1,024 MiB used, evicts volatile-lru",
        "1 interactive, 20 prefetch, 300 batch",
        "torch 2.13.0, torchvision 0.28.0",
        "w1      idle   cpu",
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
