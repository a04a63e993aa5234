"""Work on several things at once, of which one may spoil it for all."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from redis.exceptions import RedisError
from rq.timeouts import BaseTimeoutException

logger = logging.getLogger(__name__)

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def work_in_halves(
    work: Callable[[Sequence[_Item]], Sequence[_Result]], items: Sequence[_Item]
) -> list[_Result | Exception]:
    """Work on things in one batch; one that spoils it costs no other its result.

    What fails is tried in halves, down to single things: so a batch that does not fit into memory
    becomes smaller, and the thing that cannot be borne is found.

    Args:
        work: gives a result for each, in order.
        items: what is worked on; with none, no work is done.

    Returns:
        In order: its result, or why there is none.

    Raises:
        RedisError: it is no fault of the things.
        BaseTimeoutException: nor is this.
    """
    if not items:
        return []
    try:
        return list(work(items))
    except (RedisError, BaseTimeoutException):
        raise
    except Exception as error:  # whatever it raises, it is about these things
        if len(items) == 1:
            return [error]
        logger.warning("a batch of %d failed (%s); halved", len(items), error)
    middle = len(items) // 2
    return work_in_halves(work, items[:middle]) + work_in_halves(work, items[middle:])
