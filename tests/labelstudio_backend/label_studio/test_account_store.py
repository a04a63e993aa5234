"""Accounts on their way to workers."""

import httpx
import pytest
from pydantic import SecretStr
from redis import Redis

from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.errors import LabelStudioUnknown
from labelstudio_backend.label_studio.account_store import AccountStore
from labelstudio_backend.redis_keys import ACCOUNT_TTL_S, account_key

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


def test_an_account_that_is_asked_for_lives_on(accounts: AccountStore, redis: Redis) -> None:
    account_id = accounts.save(LabelStudioAccount(URL))
    redis.expire(account_key(account_id), 60)
    accounts.load(account_id)
    assert redis.ttl(account_key(account_id)) > ACCOUNT_TTL_S - 60


def test_one_that_expired_is_asked_for_again(accounts: AccountStore, redis: Redis) -> None:
    account_id = accounts.save(LabelStudioAccount(URL))
    redis.delete(account_key(account_id))
    with pytest.raises(LabelStudioUnknown, match="no longer kept for this work; give them again"):
        accounts.load(account_id)
