"""Fetching, against real hosts on loopback ports."""

import httpx
import pytest

from labelstudio_backend.errors import (
    ImageHostError,
)

from ..conftest import TOKEN
from ..fetching import account_on, fetch, make_fetcher
from ..image_host import Host, run_host


def test_a_path_in_label_studio_is_fetched_with_its_token(host: Host) -> None:
    host.serve("/data/upload/1/dog.png", b"png")
    assert fetch("/data/upload/1/dog.png", account_on(host.url)) == b"png"
    assert host.authorizations == [f"Token {TOKEN}"]


def test_an_absolute_url_on_label_studio_is_fetched_with_its_token(host: Host) -> None:
    url = host.serve("/data/local-files/?d=imgs/dog.jpg", b"jpg")
    assert fetch(url, account_on(host.url)) == b"jpg"
    assert host.authorizations == [f"Token {TOKEN}"]


def test_another_host_never_sees_the_token(host: Host, other_host: Host) -> None:
    url = other_host.serve("/dog.png", b"png")
    assert fetch(url, account_on(host.url)) == b"png"
    assert other_host.authorizations == [None]


def test_another_port_of_the_same_machine_is_another_origin(host: Host) -> None:
    with run_host() as neighbour:
        fetch(neighbour.serve("/dog.png", b"png"), account_on(host.url))
        assert neighbour.authorizations == [None]


def test_a_redirect_to_another_origin_drops_the_token(host: Host, other_host: Host) -> None:
    host.redirect("/data/upload/1/dog.png", other_host.serve("/signed?sig=abc", b"png"))
    assert fetch("/data/upload/1/dog.png", account_on(host.url)) == b"png"
    assert host.authorizations == [f"Token {TOKEN}"]
    assert other_host.authorizations == [None]


def test_a_redirect_back_to_label_studio_gets_the_token_again(host: Host, other_host: Host) -> None:
    url = other_host.redirect("/moved", host.serve("/data/upload/1/dog.png", b"png"))
    assert fetch(url, account_on(host.url)) == b"png"
    assert other_host.authorizations == [None]
    assert host.authorizations == [f"Token {TOKEN}"]


def test_a_relative_redirect_stays_on_the_host_with_the_token(host: Host) -> None:
    host.redirect("/data/a", "b")
    host.serve("/data/b", b"png")
    assert fetch("/data/a", account_on(host.url)) == b"png"
    assert host.authorizations == [f"Token {TOKEN}"] * 2


def test_a_server_that_negotiates_content_types_is_not_put_off(host: Host) -> None:
    # Django REST framework answers 406 to a caller that takes images only.
    fetch(host.serve("/dog.png", b"png"))
    assert "*/*" in host.requests[0][1]["Accept"]


def test_redirects_without_end_are_given_up(host: Host) -> None:
    url = host.redirect("/round", "/round")
    with pytest.raises(ImageHostError, match="redirects more than 5 times"):
        fetch(url)
    assert len(host.requests) == 6


def test_cookies_of_one_image_are_not_shown_for_the_next(host: Host) -> None:
    url = host.serve("/dog.png", b"png", Set_Cookie="session=1")
    fetcher = make_fetcher()
    fetch(url, fetcher=fetcher)
    fetch(url, fetcher=fetcher)
    assert all("Cookie" not in headers for _, headers in host.requests)


def test_a_base_url_with_a_path_is_put_before_paths_once(host: Host) -> None:
    host.serve("/studio/data/upload/1/dog.png", b"png")
    account = account_on(host.url + "/studio")
    assert fetch("/data/upload/1/dog.png", account) == b"png"
    assert fetch("/studio/data/upload/1/dog.png", account) == b"png"


def test_the_host_header_is_the_name_although_the_connection_goes_to_an_address(host: Host) -> None:
    host.serve("/dog.png", b"png")
    port = httpx.URL(host.url).port
    fetch(f"http://localhost:{port}/dog.png")
    assert host.requests[0][1]["Host"] == f"localhost:{port}"
