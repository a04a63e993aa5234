from pathlib import Path

import pytest
import torch

from worker import RedisUnavailable, WorkerSettings, connect_redis


def test_the_redis_password_is_not_in_the_settings_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESAM_REDIS_URL", "redis://:hunter2@redis:6379/1")
    settings = WorkerSettings()
    assert "hunter2" not in repr(settings)
    assert settings.redis_url.get_secret_value() == "redis://:hunter2@redis:6379/1"


def test_a_malformed_redis_url_says_how_to_write_one() -> None:
    with pytest.raises(RedisUnavailable, match="redis://localhost:6379/0"):
        connect_redis("localhost:6379")


def test_a_password_that_breaks_the_redis_url_is_not_shown() -> None:
    with pytest.raises(RedisUnavailable, match="%2F") as refused:
        connect_redis("redis://:hunter2/more@redis:6379/0")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "encoder", "decoder"),
    [(None, torch.bfloat16, torch.float32), ("float32", torch.float32, torch.float32)],
)
def test_an_encoder_is_in_bfloat16_where_that_is_faster_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
    nano_weights: Path,
    asked: str | None,
    encoder: torch.dtype,
    decoder: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    if asked:
        monkeypatch.setenv("ESAM_DTYPE", asked)
    precision = WorkerSettings(model="nano", weights=nano_weights).load().precision
    assert (precision.encoder, precision.decoder) == (encoder, decoder)
