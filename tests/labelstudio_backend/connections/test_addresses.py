"""Which network addresses are connected to."""

import ipaddress
from collections.abc import Sequence

import pytest

from labelstudio_backend import LabelStudioClient, LabelStudioError
from labelstudio_backend.connections.addresses import IPAddress, Reach, check_addresses
from labelstudio_backend.errors import ImageHostUnreachable, ImageSourceRefused

from ..conftest import TOKEN
from ..fetching import account_on, fetch, make_fetcher
from ..image_host import Host

METADATA = [
    "169.254.169.254",  # Amazon, Azure, Google and most others
    "fd00:ec2::254",  # Amazon
    "fd20:ce::254",  # Google
    "100.100.100.200",  # Alibaba
    "192.0.0.192",  # Oracle
    "fe80::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",  # the same through NAT64
    "2002:a9fe:a9fe::1",  # through 6to4
    "2001:0:7f00:1::5601:5601",  # through Teredo
]
PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "::1", "fc00::1",
    "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1",
]  # fmt: skip
NOWHERE = ["0.0.0.0", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "240.0.0.1"]  # noqa: S104
PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"]


def is_reached(address: str, reach: Reach) -> bool:
    try:
        check_addresses("host", [ipaddress.ip_address(address)], reach)
    except ImageSourceRefused:
        return False
    return True


@pytest.mark.parametrize("address", METADATA + PRIVATE + NOWHERE)
def test_an_address_of_a_task_is_public(address: str) -> None:
    assert not is_reached(address, Reach.PUBLIC)
    assert is_reached(address, Reach.ANYWHERE), "allowed by the operator"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached_by_all(address: str) -> None:
    assert all(is_reached(address, reach) for reach in Reach)


@pytest.mark.parametrize("address", PRIVATE)
def test_label_studio_may_be_private_or_on_this_machine(address: str) -> None:
    assert is_reached(address, Reach.LABEL_STUDIO)


@pytest.mark.parametrize("address", METADATA)
def test_label_studio_is_no_metadata_service(address: str) -> None:
    assert not is_reached(address, Reach.LABEL_STUDIO)


def test_one_address_out_of_reach_among_good_ones_is_enough_to_refuse() -> None:
    addresses = [ipaddress.ip_address(a) for a in ("93.184.216.34", "127.0.0.1")]
    with pytest.raises(ImageSourceRefused, match="ESAM_ALLOW_PRIVATE_ADDRESSES"):
        check_addresses("host", addresses, Reach.PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost/x",
        "http://10.1.2.3/x",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://2130706433/x",
        "http://0x7f.1/x",
        "http://user:pass@127.0.0.1/x",
        "https://127.0.0.1/x",
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
    personal = account_on(url, "eyJhbGciOiJIUzI1NiJ9.eyJ0b2tlbl90eXBlIjoicmVmcmVzaCJ9.c2ln")
    with pytest.raises(ImageSourceRefused):
        fetch("/data/upload/1/dog.png", personal, fetcher)


@pytest.mark.parametrize("token", [TOKEN, "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", None])
def test_label_studios_api_is_not_asked_of_the_metadata_service(token: str | None) -> None:
    client = LabelStudioClient(account_on("http://169.254.169.254", token), patience_s=30)
    with pytest.raises(LabelStudioError, match="not a public address"):
        client.find_version()
    client.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_from_label_studio_to_a_private_address_is_refused(
    host: Host, other_host: Host, status: int
) -> None:
    host.serve("/data/a", b"", status, Location=other_host.serve("/secret", b"secret"))
    fetcher = make_fetcher(is_private_address_allowed=False)
    with pytest.raises(ImageSourceRefused):
        fetch("/data/a", account_on(host.url), fetcher)
    assert other_host.requests == []


class Names:
    """A name server: its answers to one name after another, the last for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int | None]] = []

    def __call__(self, host: str, port: int | None) -> list[IPAddress]:
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [ipaddress.ip_address(address) for address in answer]


def test_a_name_that_points_inside_is_refused(host: Host) -> None:
    host.serve("/secret", b"secret")
    fetcher = make_fetcher(is_private_address_allowed=False, resolve=Names(["127.0.0.1"]))
    with pytest.raises(ImageSourceRefused, match=r"'images\.example' is at 127\.0\.0\.1"):
        fetch(f"http://images.example:{host.port}/secret", fetcher=fetcher)
    assert host.requests == []


def test_a_name_that_changes_its_mind_is_asked_once_and_taken_by_its_word(host: Host) -> None:
    # No address for documentation counts as public, so a public one is named; the port is odd.
    host.serve("/secret", b"secret")
    names = Names(["93.184.216.34"], ["127.0.0.1"])
    fetcher = make_fetcher(is_private_address_allowed=False, resolve=names, timeout_s=0.2)
    with pytest.raises(ImageHostUnreachable):
        fetch(f"http://rebind.example:{host.port}/secret", fetcher=fetcher)
    assert names.asked == [("rebind.example", host.port)]
    assert host.requests == []


def test_a_redirect_is_resolved_and_checked_anew(host: Host) -> None:
    # Label Studio's own name is private at first; the next hop is another origin.
    host.redirect("/data/a", f"http://other.example:{host.port}/secret")
    names = Names(["127.0.0.1"])
    fetcher = make_fetcher(is_private_address_allowed=False, resolve=names)
    with pytest.raises(ImageSourceRefused, match=r"other\.example"):
        fetch("/data/a", account_on(f"http://studio.example:{host.port}"), fetcher)
    assert [name for name, _ in names.asked] == ["studio.example", "other.example"]
    assert [path for path, _ in host.requests] == ["/data/a"]


def test_an_address_that_does_not_answer_is_followed_by_the_next(host: Host) -> None:
    url = host.serve("/dog.png", b"png").replace("127.0.0.1", "images.example")
    # Nothing listens on the port at the first one.
    names = Names(["127.0.0.9", "127.0.0.1"])
    assert fetch(url, fetcher=make_fetcher(resolve=names)) == b"png"
    assert host.requests[0][1]["Host"] == f"images.example:{host.port}"
