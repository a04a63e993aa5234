"""Secrets that can be recognised wherever they turn up, and where to look for them."""

import base64
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from redis import Redis


def mark(name: str) -> str:
    """A secret such as is found nowhere by chance; ``:`` and ``/`` are what URLs must escape."""
    return f"5ECRET-{name}-q:7/x"


def find_forms(secret: str) -> list[bytes]:
    """A secret as it is, as a URL has it, and as base64 has it at any offset."""
    found = [secret, quote(secret), quote(secret, safe="")]
    raw = secret.encode()
    for offset in range(3):
        encoded = base64.b64encode(b"x" * offset + raw).decode()
        found.append(encoded[4 if offset else 0 : len(encoded) - 4])
    return [form.encode() for form in dict.fromkeys(found)]


def find_leaks(outputs: Mapping[str, bytes], secrets: Mapping[str, str]) -> list[str]:
    """Which secret is where, with what stands around it."""
    leaks = []
    for name, secret in secrets.items():
        for place, content in outputs.items():
            for form in find_forms(secret):
                if (at := content.find(form)) >= 0:
                    around = content[max(0, at - 80) : at + len(form) + 20]
                    leaks.append(f"{name} in {place}: {around!r}")
    return leaks


def dump_redis(redis: Redis) -> dict[str, bytes]:
    """Everything that a Redis holds, by key; what is packed is unpacked."""
    dumped: dict[str, bytes] = {}
    for key in redis.scan_iter(count=1000):
        name = key.decode(errors="replace")
        values = [key, *_read(redis, key)]
        dumped[name] = b"\n".join(x for value in values for x in (value, *_unpack(value)))
    return dumped


def _read(client: Redis, key: bytes) -> Iterable[bytes]:
    redis: Any = client  # its types allow text, which nothing here is
    kind = redis.type(key)
    if kind == b"string":
        return [redis.get(key) or b""]
    if kind == b"hash":
        return _flatten(redis.hgetall(key))
    if kind == b"list":
        return redis.lrange(key, 0, -1)
    if kind == b"set":
        return redis.smembers(key)
    if kind == b"zset":
        return redis.zrange(key, 0, -1)
    if kind == b"stream":
        return [x for _, fields in redis.xrange(key) for x in _flatten(fields)]
    assert kind == b"none", f"{key!r} is a {kind!r}, which is not looked into"
    return []


def _flatten(fields: Mapping[bytes, bytes]) -> list[bytes]:
    return [x for pair in fields.items() for x in pair]


def _unpack(value: bytes) -> Iterator[bytes]:
    try:
        yield zlib.decompress(value)
    except zlib.error:
        return
