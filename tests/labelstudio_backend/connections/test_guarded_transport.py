"""Connections to hosts: what arrives is acknowledged at once, and what breaks is told."""

import socket
import sys
from contextlib import closing

import httpx
import pytest

from labelstudio_backend.connections.addresses import Reach
from labelstudio_backend.connections.guarded_transport import GuardedTransport

from ...label_studio_stand_in import LabelStudioStandIn


@pytest.mark.skipif(sys.platform != "linux", reason="no other system has the option")
def test_a_kept_connection_goes_on_to_acknowledge_at_once() -> None:
    transport = GuardedTransport(Reach.LABEL_STUDIO, kept_connections=1)
    with LabelStudioStandIn() as server, closing(transport):
        for _ in range(30):
            response = transport.handle_request(httpx.Request("GET", f"{server.url}/api/version"))
            response.read()
            connection = response.extensions["network_stream"].get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK) == 1
        assert server.connection_count == 1


def test_a_connection_that_is_closed_meanwhile_is_an_error_of_httpx() -> None:
    transport = GuardedTransport(Reach.LABEL_STUDIO, kept_connections=1)
    with LabelStudioStandIn() as server, closing(transport):
        url = server.url + server.add_image("large.jpg", bytes(1 << 22))
        authorization = {"Authorization": f"Token {server.token}"}
        response = transport.handle_request(httpx.Request("GET", url, headers=authorization))
        response.extensions["network_stream"].get_extra_info("socket").close()
        with pytest.raises(httpx.ReadError):
            response.read()
