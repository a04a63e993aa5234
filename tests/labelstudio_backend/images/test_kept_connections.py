"""Images of one host come through the same connection, and nothing else changes by that."""

import socket
import threading

import pytest

from labelstudio_backend.errors import ImageHostUnreachable, ImageSourceRefused

from ...label_studio_stand_in import LabelStudioStandIn
from ..fetching import account_on, fetch, make_fetcher

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\npng"


def test_images_of_a_host_come_through_one_connection() -> None:
    with LabelStudioStandIn() as studio:
        paths = [studio.add_image(f"{n}.png", bytes([n])) for n in range(5)]
        account = account_on(studio.url, studio.token)
        fetcher = make_fetcher()
        assert [fetch(path, account, fetcher) for path in paths] == [bytes([n]) for n in range(5)]
        assert studio.connection_count == 1


def test_a_redirect_costs_no_connection() -> None:
    with LabelStudioStandIn() as studio:
        path = studio.add_image("dog.png", b"png")
        fetcher = make_fetcher()
        for _ in range(3):
            studio.answer_next("GET /old", 302, Location=path)
            assert fetch("/old.png", account_on(studio.url, studio.token), fetcher) == b"png"
        assert studio.connection_count == 1


def test_each_image_has_a_time_of_its_own() -> None:
    now_s = 0.0
    with LabelStudioStandIn() as studio:
        path = studio.add_image("dog.png", b"png")
        account = account_on(studio.url, studio.token)
        fetcher = make_fetcher(timeout_s=5, clock=lambda: now_s)
        assert fetch(path, account, fetcher) == b"png"
        now_s = 60.0
        assert fetch(path, account, fetcher) == b"png"
        assert studio.connection_count == 1


def test_a_host_that_has_closed_a_connection_is_connected_to_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for is_last in (False, False, True):
                connection, _ = server.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(_ANSWER)
                    if not is_last:
                        connection.recv(1000)  # the next request, which gets no answer

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/dog.png"
        fetcher = make_fetcher()
        assert [fetch(url, fetcher=fetcher) for _ in range(3)] == [b"png"] * 3
        thread.join(timeout=10)


def test_a_host_that_says_nothing_on_a_kept_connection_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(_ANSWER)
                connection.recv(1000)
                connection.recv(1000)  # until the client hangs up

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/dog.png"
        fetcher = make_fetcher(timeout_s=0.3)
        assert fetch(url, fetcher=fetcher) == b"png"
        with pytest.raises(ImageHostUnreachable, match=r"within 0\.3 s"):
            fetch(url, fetcher=fetcher)
        thread.join(timeout=10)


def test_a_connection_to_label_studio_is_none_for_what_a_task_names() -> None:
    fetcher = make_fetcher(is_private_address_allowed=False)
    with LabelStudioStandIn() as studio:
        path = studio.add_image("dog.png", b"png")
        assert fetch(path, account_on(studio.url, studio.token), fetcher) == b"png"
        with pytest.raises(ImageSourceRefused):
            fetch(studio.url + path, None, fetcher)
        assert studio.connection_count == 1
