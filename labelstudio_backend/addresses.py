"""Which network addresses images may come from.

A task's URL is written by whoever made the task, so it must not reach what only this machine can
reach: the cloud's metadata service, a database on the same network. The name is resolved here, all
its addresses are checked, and the connection goes to a checked address, so that the name cannot
answer differently a moment later.
"""

import ipaddress
import socket

from .errors import ImageHostUnreachable, ImageSourceRefused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def resolve_host(host: str, port: int | None) -> list[IPAddress]:
    """All addresses of a host, in the order they should be tried.

    Raises:
        ImageHostUnreachable: the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ImageHostUnreachable(
            f"the image's host {host!r} cannot be resolved from here ({error}); inside Docker, "
            "Label Studio on the same machine is host.docker.internal, not localhost"
        ) from error
    unique = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found)
    return [ipaddress.ip_address(address) for address in unique]


def check_addresses(host: str, addresses: list[IPAddress], *, is_label_studio: bool) -> None:
    """Refuse a host when any of its addresses may not be read from.

    Args:
        host: the name, for the message.
        addresses: all of them.
        is_label_studio: Label Studio may be private or on this machine. It is not link-local:
            there the cloud's metadata service is, and anyone can name it in ``/setup``.

    Raises:
        ImageSourceRefused: an address is private, loopback, link-local, multicast or reserved.
    """
    for address in addresses:
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        actual = mapped or address
        is_public = actual.is_global and not actual.is_multicast
        if not (is_public or (is_label_studio and not actual.is_link_local)):
            raise ImageSourceRefused(
                f"the image's host {host!r} is at {address}, which is not a public address; if it "
                "is yours and tasks may read from it, set ESAM_ALLOW_PRIVATE_ADDRESSES=true; if it "
                "is Label Studio, set LABEL_STUDIO_URL to exactly this scheme, host and port"
            )
