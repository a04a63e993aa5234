"""Images over TLS: the host's certificate is checked, and against its name."""

import ssl
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
import trustme

from labelstudio_backend.connections import guarded_transport
from labelstudio_backend.errors import ImageHostUnreachable

from ..fetching import fetch, make_fetcher
from ..image_host import Host, run_host

NAME = "images.example"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_host(authority: trustme.CA) -> Iterator[Host]:
    """A host with a certificate for ``NAME`` from an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME).configure_cert(context)
    with run_host(context) as host:
        host.serve("/dog.png", b"png")
        yield host


@pytest.fixture
def trust(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """Know the authority. The known ones come with a package, and no setting adds to them."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    monkeypatch.setattr(guarded_transport, "_ssl_context", lambda: context)


def fetch_by_name(host: Host, name: str) -> bytes:
    """The image of a host that has this name."""
    fetcher = make_fetcher(resolve=lambda *_: [ip_address("127.0.0.1")])
    return fetch(f"https://{name}:{host.port}/dog.png", fetcher=fetcher)


@pytest.mark.usefixtures("trust")
def test_an_image_comes_over_tls(secure_host: Host) -> None:
    assert fetch_by_name(secure_host, NAME) == b"png"


@pytest.mark.usefixtures("trust")
def test_a_certificate_for_another_name_is_refused(secure_host: Host) -> None:
    with pytest.raises(ImageHostUnreachable, match=r"CERTIFICATE_VERIFY_FAILED.*other\.example"):
        fetch_by_name(secure_host, "other.example")
    assert secure_host.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(secure_host: Host) -> None:
    with pytest.raises(ImageHostUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        fetch_by_name(secure_host, NAME)
    assert secure_host.requests == []
