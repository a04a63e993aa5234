"""Numbers that all processes add up in Redis, so that a look at one of them sees all workers.

They only grow, until Redis is started empty. They have no expiry: what is evicted would look like a
restart.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError
from redis import Redis

from .keys import COUNTERS_KEY

_FIELD: TypeAdapter[tuple[str, dict[str, str]]] = TypeAdapter(tuple[str, dict[str, str]])


@dataclass(frozen=True)
class Counted:
    """One number.

    Attributes:
        name: what was counted.
        labels: of what kind it was.
        amount: how much of it there was.
    """

    name: str
    labels: dict[str, str]
    amount: float


def count(redis: Redis, name: str, amount: float = 1, **labels: str) -> None:
    """Add to a number; labels are few and known words, since each combination is kept.

    Args:
        redis: where it is kept, or a pipeline that the command is added to.
        name: what is counted.
        amount: how much of it.
        labels: of what kind.
    """
    field = json.dumps([name, labels], sort_keys=True)
    redis.hincrbyfloat(COUNTERS_KEY, field, amount)


def read_counters(redis: Redis) -> Sequence[Counted]:
    """All numbers; what somebody else put among them is left out."""
    found = []
    for field, amount in sorted(redis.hgetall(COUNTERS_KEY).items()):
        try:
            name, labels = _FIELD.validate_json(field)
            found.append(Counted(name, labels, float(amount)))
        except (ValidationError, ValueError):
            continue
    return found
