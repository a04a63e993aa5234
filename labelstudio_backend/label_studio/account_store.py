"""Accounts on their way to workers: Label Studio's URL and token, in Redis under a hash of both.

Jobs name an account by its id, so that no token is in a job, a log line or a list of runs.
"""

import hashlib
import json

import httpx
from pydantic import SecretStr
from redis import Redis

from ..errors import LabelStudioUnknown
from ..redis_keys import ACCOUNT_TTL_S, account_key
from .account import LabelStudioAccount


class AccountStore:
    """Keeps accounts for as long as jobs ask for them. Safe between threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def save(self, account: LabelStudioAccount) -> str:
        """Keep an account; its id, the same for the same account."""
        token = account.token.get_secret_value() if account.token else None
        record = json.dumps([str(account.base_url), token, account.other_origin])
        account_id = hashlib.sha256(record.encode()).hexdigest()[:24]
        self._redis.set(account_key(account_id), record, ex=ACCOUNT_TTL_S)
        return account_id

    def load(self, account_id: str) -> LabelStudioAccount:
        """The account; it lives on for another week.

        Raises:
            LabelStudioUnknown: it expired, or Redis lost it.
        """
        record = self._redis.getex(account_key(account_id), ex=ACCOUNT_TTL_S)
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
