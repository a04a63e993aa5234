"""Which network addresses this service connects to.

A task's URL is written by whoever made the task, so it must not reach what only this machine can
reach: the cloud's metadata service, a database on the same network.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from enum import Enum

from ..errors import ImageHostUnreachable, ImageSourceRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int | None], Sequence[IPAddress]]
"""(host, port) → all its addresses."""

# Where clouds answer every program of the machine with its credentials. Beside link-local:
_METADATA: frozenset[IPAddress] = frozenset(
    {
        ipaddress.IPv4Address("100.100.100.200"),  # Alibaba
        ipaddress.IPv4Address("192.0.0.192"),  # Oracle
        ipaddress.IPv6Address("fd00:ec2::254"),  # Amazon
        ipaddress.IPv6Address("fd20:ce::254"),  # Google
    }
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")


class Reach(Enum):
    """How far a connection may go."""

    PUBLIC = "public addresses"
    LABEL_STUDIO = "private ones and this machine too, no cloud's metadata service"
    ANYWHERE = "any address"


def resolve_host(host: str, port: int | None) -> list[IPAddress]:
    """All addresses of a host, in the order they should be tried.

    Raises:
        ImageHostUnreachable: the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageHostUnreachable(
            f"the host {host!r} cannot be resolved from here ({error}); inside Docker, "
            "Label Studio on the same machine is host.docker.internal, not localhost"
        ) from error
    unique = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found)
    return [ipaddress.ip_address(address) for address in unique]


def check_addresses(host: str, addresses: Sequence[IPAddress], reach: Reach) -> None:
    """Refuse a host when any of its addresses is out of reach.

    Args:
        host: the name, for the message.
        addresses: all of them.
        reach: how far the connection may go. Label Studio may be private or on this machine, but
            it is no metadata service: anyone who can call ``/setup`` names it.

    Raises:
        ImageSourceRefused: an address is out of reach.
    """
    if reach is Reach.ANYWHERE:
        return
    for address in addresses:
        actual = _find_destination(address)
        if reach is Reach.LABEL_STUDIO and not (actual.is_link_local or actual in _METADATA):
            continue
        if not actual.is_global or actual.is_multicast or actual in _METADATA:
            raise ImageSourceRefused(
                f"the host {host!r} is at {address}, which is not a public address; if it "
                "is yours and tasks may read from it, set ESAM_ALLOW_PRIVATE_ADDRESSES=true; if it "
                "is Label Studio, set LABEL_STUDIO_URL to exactly this scheme, host and port"
            )


def _find_destination(address: IPAddress) -> IPAddress:
    """Where packets to an address end: IPv6 has several ways to write an IPv4 address."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    tunnelled = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or tunnelled or address
