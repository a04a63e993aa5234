"""The header for each of Label Studio's two kinds of token."""

import logging

import pytest

from labelstudio_backend.errors import (
    ImageHostError,
    ImageTokenRefused,
)

from .conftest import TOKEN
from .fetching import account_on, fetch, make_fetcher
from .image_host import Host

PERSONAL_ACCESS_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2ln"  # noqa: S105


def test_a_personal_access_token_is_exchanged_once_for_a_short_lived_one(host: Host) -> None:
    host.serve("/api/token/refresh", b'{"access": "short-lived"}')
    host.serve("/data/dog.png", b"png")
    fetcher, account = make_fetcher(), account_on(host.url, PERSONAL_ACCESS_TOKEN)
    assert fetch("/data/dog.png", account, fetcher) == b"png"
    assert fetch("/data/dog.png", account, fetcher) == b"png"
    assert [path for path, _ in host.requests] == [
        "/api/token/refresh",
        "/data/dog.png",
        "/data/dog.png",
    ]
    assert host.authorizations[1:] == ["Bearer short-lived"] * 2


def test_a_revoked_personal_access_token_is_told(host: Host) -> None:
    host.serve("/api/token/refresh", b"{}", 401)
    with pytest.raises(ImageTokenRefused, match="personal access token"):
        fetch("/data/dog.png", account_on(host.url, PERSONAL_ACCESS_TOKEN))


@pytest.mark.parametrize("content", [b"<html>", b"{}", b"[]", b'{"access": 1}'])
def test_an_exchange_that_brings_no_token_is_told(host: Host, content: bytes) -> None:
    host.serve("/api/token/refresh", content)
    with pytest.raises(ImageHostError, match="really a Label Studio"):
        fetch("/data/dog.png", account_on(host.url, PERSONAL_ACCESS_TOKEN))


@pytest.mark.parametrize("token", ["two words", "tökén", "line\nbreak"])
def test_a_token_that_cannot_be_sent_is_told_without_showing_it(host: Host, token: str) -> None:
    with pytest.raises(ImageTokenRefused, match="copy it again") as refused:
        fetch("/data/dog.png", account_on(host.url, token))
    assert token not in refused.value.detail


def test_nothing_that_is_logged_holds_a_token_or_a_query(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host.redirect("/data/a", host.serve("/data/b?X-Amz-Signature=secret-signature", b"png"))
    fetch("/data/a", account_on(host.url))
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert TOKEN not in text
    assert "secret-signature" not in text
