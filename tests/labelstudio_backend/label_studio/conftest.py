"""A client of a stand-in for Label Studio's API, with a clock that only waiting moves on."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from pydantic import SecretStr

from labelstudio_backend import (
    LabelStudioAccount,
    LabelStudioClient,
)

from ...label_studio_stand_in import LabelStudioStandIn


class Time:
    """A clock that only waiting moves on."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.waits_s: list[float] = []

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)
        self.now_s += seconds


@pytest.fixture
def studio() -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn() as stand_in:
        stand_in.add_tasks([{"image": f"/data/upload/1/{i}.jpg"} for i in range(7)])
        yield stand_in


@pytest.fixture
def time() -> Time:
    return Time()


MakeClient = Callable[..., LabelStudioClient]


@pytest.fixture
def make_client(studio: LabelStudioStandIn, time: Time) -> Iterator[MakeClient]:
    made = []

    def make(token: str | None = studio.token, url: str = studio.url) -> LabelStudioClient:
        account = LabelStudioAccount(httpx.URL(url), SecretStr(token) if token else None)
        client = LabelStudioClient(account, clock=time.clock, sleep=time.sleep)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client: MakeClient) -> LabelStudioClient:
    return make_client()
