"""Accounts on their way to workers: Label Studio's URL and token, in Redis under a hash of both.

Jobs name an account by its id, so that no token is in a job, a log line or a list of runs.

What expires in Redis may be evicted when its memory is full, and a run that lost its account would
stop. So accounts do not expire there: whoever uses one forgets those that nobody used for a week.
"""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress

import httpx
from pydantic import SecretStr
from redis import Redis, WatchError

from ..errors import LabelStudioUnknown
from ..redis_keys import ACCOUNTS_KEY, ACCOUNTS_USED_KEY
from .account import LabelStudioAccount

_KEPT_FOR_S = 7 * 24 * 3600


class AccountStore:
    """Keeps accounts for as long as jobs ask for them. Safe between threads.

    Args:
        redis: where they are kept.
        clock: unix time, seconds.
    """

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._clock = clock

    def save(self, account: LabelStudioAccount) -> str:
        """Keep an account; its id, the same for the same account."""
        token = account.token.get_secret_value() if account.token else None
        record = json.dumps([str(account.base_url), token, account.other_origin])
        account_id = hashlib.sha256(record.encode()).hexdigest()[:24]
        with self._redis.pipeline() as pipe:
            pipe.hset(ACCOUNTS_KEY, account_id, record)
            pipe.zadd(ACCOUNTS_USED_KEY, {account_id: self._clock()})
            pipe.execute()
        self._forget_unused()
        return account_id

    def load(self, account_id: str) -> LabelStudioAccount:
        """The account; it is kept for another week.

        Raises:
            LabelStudioUnknown: nobody used it for a week, or Redis lost it.
        """
        self._redis.zadd(ACCOUNTS_USED_KEY, {account_id: self._clock()}, xx=True)
        self._forget_unused()
        record = self._redis.hget(ACCOUNTS_KEY, account_id)
        if record is None:
            raise LabelStudioUnknown(
                "Label Studio's address and token are no longer kept for this work; "
                "give them again, for example with `esam runs resume`"
            )
        url, token, other_origin = json.loads(record)
        return LabelStudioAccount(
            httpx.URL(url),
            SecretStr(token) if token else None,
            tuple(other_origin) if other_origin else None,
        )

    def _forget_unused(self) -> None:
        with self._redis.pipeline() as pipe:
            pipe.watch(ACCOUNTS_USED_KEY)
            unused = pipe.zrangebyscore(ACCOUNTS_USED_KEY, "-inf", self._clock() - _KEPT_FOR_S)
            if not unused:
                return
            pipe.multi()
            pipe.hdel(ACCOUNTS_KEY, *unused)
            pipe.zrem(ACCOUNTS_USED_KEY, *unused)
            with suppress(WatchError):  # somebody uses one of them just now; next time
                pipe.execute()
