"""The header for each of Label Studio's two kinds of token."""

import logging

import pytest

from labelstudio_backend.errors import (
    ImageHostError,
    ImageHostUnreachable,
    ImageTokenRefused,
)

from ...label_studio_stand_in import LabelStudioStandIn
from ..conftest import TOKEN
from ..fetching import account_on, fetch, make_fetcher
from ..image_host import Host

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


def test_a_short_lived_token_that_is_refused_early_is_exchanged_anew_once() -> None:
    with LabelStudioStandIn() as studio:
        path = studio.add_image("dog.png", b"png")
        account, fetcher = account_on(studio.url, studio.personal_access_token), make_fetcher()
        assert fetch(path, account, fetcher) == b"png"
        studio.expire_tokens()
        assert fetch(path, account, fetcher) == b"png"
        assert studio.requests.count("POST /api/token/refresh") == 2
        studio.answer_next("GET", 401, times=2)
        with pytest.raises(ImageTokenRefused):
            fetch(path, account, fetcher)


def test_a_refused_legacy_token_is_not_tried_again(host: Host) -> None:
    host.serve("/data/dog.png", b"", 401)
    with pytest.raises(ImageTokenRefused):
        fetch("/data/dog.png", account_on(host.url))
    assert len(host.requests) == 1


def test_an_exchange_that_fails_for_now_is_no_wrong_url(host: Host) -> None:
    host.serve("/api/token/refresh", b"<html>Bad Gateway", 502)
    with pytest.raises(ImageHostUnreachable, match="answers 502"):
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
