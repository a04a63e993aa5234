"""A Label Studio that can be made to fail, and runs on it."""

from collections.abc import Iterator

import pytest
from redis import Redis

from core import Predictor
from labelstudio_backend import LabelStudioAccount
from labelstudio_backend.runs import RunService

from ..label_studio_stand_in import LabelStudioStandIn
from .detected_tasks import make_account


@pytest.fixture
def label_studio() -> Iterator[LabelStudioStandIn]:
    with LabelStudioStandIn() as server:
        yield server


@pytest.fixture
def account(label_studio: LabelStudioStandIn) -> LabelStudioAccount:
    return make_account(label_studio)


@pytest.fixture
def runs(redis: Redis, predictor: Predictor) -> RunService:
    return RunService(redis, predictor)
