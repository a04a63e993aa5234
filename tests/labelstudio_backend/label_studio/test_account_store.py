"""Accounts on their way to workers."""

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.errors import LabelStudioUnknown
from labelstudio_backend.label_studio.account_store import AccountStore
from labelstudio_backend.redis_keys import ACCOUNTS_KEY
from tests.redis_process import RedisProcess
from worker import connect_redis

URL = httpx.URL("http://label-studio:8080/studio")


@pytest.fixture
def accounts(redis: Redis) -> AccountStore:
    return AccountStore(redis)


@pytest.mark.parametrize(
    "account",
    [
        LabelStudioAccount(URL),
        LabelStudioAccount(URL, SecretStr("a-token"), ("http", "localhost", 8080)),
    ],
)
def test_an_account_comes_back_whole(accounts: AccountStore, account: LabelStudioAccount) -> None:
    account_id = accounts.save(account)
    assert accounts.load(account_id) == account
    assert accounts.save(account) == account_id


def test_one_that_is_used_is_kept_and_one_that_nobody_used_for_a_week_is_forgotten(
    redis: Redis,
) -> None:
    day_s, now_s = 24 * 3600.0, [0.0]
    accounts = AccountStore(redis, clock=lambda: now_s[0])
    used = accounts.save(LabelStudioAccount(URL, SecretStr("used")))
    unused = accounts.save(LabelStudioAccount(URL, SecretStr("unused")))
    for day in (4, 8):
        now_s[0] = day * day_s
        assert accounts.load(used)
    with pytest.raises(LabelStudioUnknown, match="no longer kept for this work; give them again"):
        accounts.load(unused)
    assert redis.hlen(ACCOUNTS_KEY) == 1


def test_an_account_is_kept_though_redis_is_full_and_evicts() -> None:
    with RedisProcess(maxmemory="5mb") as server, connect_redis(server.url) as redis:
        accounts = AccountStore(redis)
        account_id = accounts.save(LabelStudioAccount(URL, SecretStr("a-token")))
        for number in range(200):
            redis.set(f"embedding:{number}", bytes(100_000), ex=3600)
        assert redis.info("stats")["evicted_keys"] > 100
        assert accounts.load(account_id).token == SecretStr("a-token")
