"""Images that workers die over: tried a few times, then left alone for a while.

RQ counts the deaths over one job. But each click and each warm start on such an image is a job of
its own, and would cost as many workers again.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis

from .errors import EncodeFailed
from .keys import DEATHS_TTL_S, deaths_key

_LIVES = 3


@contextmanager
def risking_a_life(redis: Redis, model_identity: str, view: str) -> Iterator[None]:
    """Note that this process dies over a view if the body does not come to its end.

    Raises:
        EncodeFailed: the last workers that encoded it died.
    """
    key = deaths_key(model_identity, view)
    with redis.pipeline() as pipe:
        pipe.incr(key)
        pipe.expire(key, DEATHS_TTL_S)
        begun, _ = pipe.execute()
    if begun > _LIVES:
        redis.decr(key)
        raise EncodeFailed(
            f"the last {_LIVES} workers that encoded this image died over it, so it is left alone "
            f"for {DEATHS_TTL_S // 60} minutes; is it too large for their memory? Look at the "
            "workers' logs"
        )
    try:
        yield
    finally:
        redis.delete(key)
