"""What the doctor says of the backend, its Redis and its workers."""

import pytest

from esam.doctor import examine_backend

from .backend_stand_in import IDENTITY, MODEL_VERSION, BackendStandIn, Json, make_status
from .examined import Examined


def examine(url: str) -> Examined:
    found = Examined()
    examine_backend(found.examination, url)
    return found


def make_redis(policy: str, maxmemory_bytes: int, is_safe: bool) -> Json:
    return {
        "redis": {
            "is_reachable": True,
            "version": "7.0",
            "eviction_policy": policy,
            "maxmemory_bytes": maxmemory_bytes,
            "has_queue_safe_eviction": is_safe,
        }
    }


def make_worker(name: str, **changes: object) -> Json:
    model = {"model_version": MODEL_VERSION, "embedding_identity": IDENTITY}
    return {"name": name, "state": "idle", "device": "cuda:0", **model, **changes}


def test_a_backend_that_is_well_has_only_good_lines(backend: BackendStandIn) -> None:
    older = make_worker("w3", embedding_identity=None)  # from before it was said
    workers = [make_worker("w1"), make_worker("w2", device="cpu", dtype="bfloat16"), older]
    backend.say("GET /status", make_status(workers=workers))
    found = examine(backend.url)
    assert all(line.startswith("✓ ") for line in found.lines.values()), found.lines
    assert "3 alive: w1 on cuda:0, w2 on cpu in bfloat16, w3 on cuda:0" in found["workers"]
    assert "volatile-lru, 1,024 MiB at most" in found["Redis memory"]


@pytest.mark.parametrize(
    ("changes", "subject", "mark", "message"),
    [
        (
            {"redis": {"is_reachable": False, "detail": "Redis at r:6379 cannot be used"}},
            "Redis",
            "✗",
            "Redis at r:6379 cannot be used    start Redis, or correct ESAM_REDIS_URL",
        ),
        (
            make_redis("allkeys-lru", 1024, False),
            "Redis memory",
            "✗",
            "throws waiting jobs away when the memory is full    maxmemory-policy volatile-lru",
        ),
        (make_redis("volatile-lru", 0, True), "Redis memory", "!", "set maxmemory"),
        (make_redis("noeviction", 1024, True), "Redis memory", "!", "every job is refused"),
        ({"workers": []}, "workers", "✗", "none is alive    start one with `esam worker`"),
        (
            {
                "workers": [
                    make_worker("w1"),
                    make_worker("w9", model_version="vitt-1", embedding_identity="vitt-1-p1"),
                ]
            },
            "workers",
            "✗",
            f"w9 has vitt-1, the backend has {MODEL_VERSION}    start workers and backend with",
        ),
        (
            {"workers": [make_worker("w9", embedding_identity="nano-0badcafe-p0")]},
            "workers",
            "✗",
            "w9 has",
        ),
        (
            {"workers": [make_worker("w9", model_version="vitt-1", embedding_identity=None)]},
            "workers",
            "✗",
            "w9 has vitt-1",
        ),
        ({"label_studio_url": None}, "the backend's Label Studio", "!", "LABEL_STUDIO_URL"),
        ({"has_label_studio_token": False}, "the backend's Label Studio", "!", "but no token"),
    ],
)
def test_what_is_wrong_behind_the_backend_is_told(
    backend: BackendStandIn,
    changes: dict[str, object],
    subject: str,
    mark: str,
    message: str,
) -> None:
    backend.say("GET /status", make_status(**changes))
    found = examine(backend.url)
    assert found[subject].startswith(f"{mark} ")
    assert message in found[subject]
    assert (found.failed_count, found.warning_count) == ((1, 0) if mark == "✗" else (0, 1))


def test_without_a_backend_what_is_behind_it_is_skipped(backend: BackendStandIn) -> None:
    found = examine("http://127.0.0.1:1")
    assert "start the backend with `esam run`" in found["backend"]
    assert found["Redis"].endswith("skipped (needs: backend)")
    assert found["workers"].endswith("skipped (needs: Redis)")
    assert found.failed_count == 1


@pytest.mark.parametrize("url", ["localhost:9090", "http://me:secret@here"])
def test_a_url_that_is_none_is_a_failed_check(backend: BackendStandIn, url: str) -> None:
    found = examine(url)
    assert found["backend"].startswith("✗ ")
    assert "secret" not in found["backend"]
