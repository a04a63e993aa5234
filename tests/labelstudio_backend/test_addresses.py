"""Which addresses images may come from."""

import pytest

from labelstudio_backend.errors import (
    ImageSourceRefused,
)

from .fetching import account_on, fetch, make_fetcher
from .image_host import Host


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://10.1.2.3/x",
        "http://192.168.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/x",
        "http://[::1]/x",
        "http://[fe80::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://2130706433/x",
    ],
)
def test_addresses_that_only_this_machine_can_reach_are_refused(url: str) -> None:
    fetcher = make_fetcher(is_private_address_allowed=False)
    with pytest.raises(ImageSourceRefused, match="ESAM_ALLOW_PRIVATE_ADDRESSES"):
        fetch(url, fetcher=fetcher)


def test_label_studio_itself_may_be_at_a_private_address(host: Host) -> None:
    host.serve("/data/upload/1/dog.png", b"png")
    fetcher = make_fetcher(is_private_address_allowed=False)
    assert fetch("/data/upload/1/dog.png", account_on(host.url), fetcher) == b"png"


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254", "http://[fe80::1]", "http://[::ffff:169.254.169.254]"]
)
def test_the_metadata_service_cannot_be_named_as_label_studio(url: str) -> None:
    fetcher = make_fetcher(is_private_address_allowed=False)
    with pytest.raises(ImageSourceRefused):
        fetch("/latest/meta-data", account_on(url), fetcher)


def test_a_redirect_from_label_studio_to_a_private_address_is_refused(
    host: Host, other_host: Host
) -> None:
    host.redirect("/data/a", other_host.serve("/secret", b"secret"))
    fetcher = make_fetcher(is_private_address_allowed=False)
    with pytest.raises(ImageSourceRefused):
        fetch("/data/a", account_on(host.url), fetcher)
    assert other_host.requests == []
