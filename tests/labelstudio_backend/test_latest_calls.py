"""Overlapping clicks: of one page the latest is decoded, of two annotators both."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from core import ImageEmbedding, Predictor
from labelstudio_backend.errors import Superseded
from labelstudio_backend.latest_calls import CallSubject, LatestCalls
from labelstudio_backend.protocol import ContextRegion, Task

from .answers import DOG, the_error, the_prediction
from .conftest import InProcessEmbeddings, RunBackend
from .image_host import Host
from .label_studio_requests import Json, make_keypoint, make_predict

SUBJECT = CallSubject("1.1", 7, "image", "/dog.png")


def click(region_id: str | None, x: float = 50) -> Json:
    return make_keypoint(x, 50, id=region_id)


def regions(*ids: str | None) -> list[ContextRegion]:
    return [ContextRegion.model_validate(click(region_id)) for region_id in ids]


def task(*stored_ids: str) -> Task:
    stored = [{"id": 1, "result": [click(region_id) for region_id in stored_ids]}]
    return Task.model_validate({"id": 7, "data": {}, "drafts": stored})


def is_superseded(
    first: list[ContextRegion],
    second: list[ContextRegion],
    stored: Task | None = None,
    subject: CallSubject = SUBJECT,
) -> bool:
    calls, seen = LatestCalls(), stored or task()
    with calls.open(SUBJECT, first, seen) as older, calls.open(subject, second, seen) as newer:
        newer.check_wanted()
        try:
            older.check_wanted()
        except Superseded:
            return True
        return False


def test_a_call_that_repeats_all_of_an_older_one_supersedes_it() -> None:
    assert is_superseded(regions("a"), regions("a", "b"))
    assert is_superseded(regions("a"), regions("a")), "a point that is dragged"


def test_a_call_of_other_regions_supersedes_nothing() -> None:
    assert not is_superseded(regions("a"), regions("b")), "another annotator, or auto-accept"
    assert not is_superseded(regions("a", "b"), regions("a")), "less than was asked"


def test_regions_without_an_id_tell_nothing() -> None:
    assert not is_superseded(regions(None), regions(None))
    assert not is_superseded(regions("a", None), regions("a", "b"))


def test_regions_that_are_stored_are_in_everybodys_context() -> None:
    assert not is_superseded(regions("a"), regions("a", "b"), task("a"))
    assert is_superseded(regions("a", "b"), regions("a", "b", "c"), task("a"))


@pytest.mark.parametrize(
    "other",
    [
        CallSubject("2.1", 7, "image", "/dog.png"),
        CallSubject("1.1", 8, "image", "/dog.png"),
        CallSubject("1.1", 7, "second", "/dog.png"),
        CallSubject("1.1", 7, "image", "/cat.png"),
    ],
)
def test_calls_about_something_else_supersede_nothing(other: CallSubject) -> None:
    assert not is_superseded(regions("a"), regions("a", "b"), subject=other)


def test_a_call_that_was_answered_is_forgotten() -> None:
    calls = LatestCalls()
    with calls.open(SUBJECT, regions("a"), task()):
        pass
    with calls.open(SUBJECT, regions("a"), task()) as newer:
        newer.check_wanted()
    assert not calls._open


class Gated(InProcessEmbeddings):
    """Lets no call go on until as many are waiting for their embedding."""

    def __init__(self, predictor: Predictor, calls: int) -> None:
        super().__init__(predictor)
        self._all_there = threading.Barrier(calls, timeout=20)

    def get_or_encode(self, image: bytes, /, **more: Any) -> ImageEmbedding:
        self._all_there.wait()
        return super().get_or_encode(image, **more)


def ask_both(
    run_backend: RunBackend, predictor: Predictor, host: Host, png: bytes, *bodies: Json
) -> list[Any]:
    host.serve(DOG, png)
    backend = run_backend(
        embeddings=Gated(predictor, len(bodies)), label_studio_url=host.url, has_tiles=False
    )
    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = [pool.submit(backend.predict, body) for body in bodies]
        return [answer.result() for answer in answers]


def test_two_annotators_on_one_task_both_get_their_answer(
    run_backend: RunBackend, predictor: Predictor, host: Host, png: bytes
) -> None:
    answers = ask_both(
        run_backend,
        predictor,
        host,
        png,
        make_predict(DOG, click("a")),
        make_predict(DOG, click("b", 30)),
    )
    for answer in answers:
        the_prediction(answer)


def test_of_one_pages_overlapping_clicks_one_is_answered_and_the_other_told(
    run_backend: RunBackend,
    predictor: Predictor,
    host: Host,
    png: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    same = make_predict(DOG, click("a"))
    first, second = ask_both(run_backend, predictor, host, png, same, same)
    if first.status_code == 200:
        first, second = second, first
    the_error(first, 409, "superseded")
    the_prediction(second)
    told = [r for r in caplog.records if "code=superseded" in r.getMessage()]
    assert [r.levelname for r in told] in ([], ["INFO"]), "no failure"
