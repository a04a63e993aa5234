"""Each prediction is stored in Label Studio once, whatever goes wrong on the way."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from labelstudio_backend import (
    LabelStudioClient,
    PredictionRefused,
    TaskMissing,
)

from ...label_studio_project import Json
from ...label_studio_stand_in import LabelStudioStandIn
from .conftest import Time
from .stored_predictions import PREDICTION, VERSION, store, stored_versions


def test_a_prediction_is_stored_as_it_is(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    client.post_prediction(3, 1, PREDICTION)
    (stored,) = studio.predictions[3]
    assert stored == {**stored, **PREDICTION, "task": 3, "project": 1}
    assert client.has_prediction(3, VERSION)
    assert not client.has_prediction(3, VERSION[:-1])
    assert not client.has_prediction(2, VERSION)
    assert studio.requests[0] == "POST /api/predictions/"  # and no look before


def drop_after_storing(studio: LabelStudioStandIn) -> None:
    studio.drop_next("POST", is_handled_first=True)


def drop_before_storing(studio: LabelStudioStandIn) -> None:
    studio.drop_next("POST")


def fail_three_times(studio: LabelStudioStandIn) -> None:
    studio.answer_next("POST", 502, body=b"<html>", times=2)
    studio.answer_next("POST", 500)


def be_busy(studio: LabelStudioStandIn) -> None:
    studio.answer_next("POST", 429, Retry_After="3", times=2)


def drop_after_storing_and_fail_to_say_so(studio: LabelStudioStandIn) -> None:
    studio.drop_next("POST", is_handled_first=True)
    studio.answer_next("GET /api/predictions", 503, times=2)


@pytest.mark.parametrize(
    "misbehave",
    [
        drop_after_storing,
        drop_before_storing,
        fail_three_times,
        be_busy,
        drop_after_storing_and_fail_to_say_so,
    ],
)
def test_whatever_happens_a_prediction_is_stored_once(
    studio: LabelStudioStandIn,
    client: LabelStudioClient,
    misbehave: Callable[[LabelStudioStandIn], None],
) -> None:
    store(studio, 3, "other")
    misbehave(studio)
    client.post_prediction(3, 1, PREDICTION)
    assert stored_versions(studio, 3) == ["other", VERSION]


def test_a_busy_label_studio_is_not_asked_whether_it_stored_what_it_refused(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    be_busy(studio)
    client.post_prediction(3, 1, PREDICTION)
    assert list(studio.requests) == ["POST /api/predictions/"] * 3


def test_a_post_that_arrives_after_it_was_looked_for_is_not_doubled(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    # The first try hangs behind a proxy; it is stored after the look, before the second try.
    studio.answer_next("POST", 504)
    studio.do_after_next("GET /api/predictions", lambda: store(studio, 3, VERSION))
    client.post_prediction(3, 1, PREDICTION)
    assert stored_versions(studio, 3) == [VERSION]
    assert studio.predictions[3][0]["id"] == 1


def test_of_two_that_store_at_once_the_earlier_stays(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    def store_right_after_the_next_post() -> None:
        studio.do_after_next("POST", lambda: store(studio, 3, VERSION))

    studio.answer_next("POST", 504)
    studio.do_after_next("GET /api/predictions", store_right_after_the_next_post)
    client.post_prediction(3, 1, PREDICTION)
    assert [prediction["id"] for prediction in studio.predictions[3]] == [1, 2]  # 2 goes itself


def test_a_deleted_task_is_told(studio: LabelStudioStandIn, client: LabelStudioClient) -> None:
    studio.delete_task(3)
    with pytest.raises(TaskMissing, match="no task 3"):
        client.post_prediction(3, 1, PREDICTION)
    with pytest.raises(TaskMissing, match="no task 3"):
        client.has_prediction(3, VERSION)


def test_a_task_deleted_while_its_prediction_is_on_the_way_is_told(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    studio.drop_next("POST", is_handled_first=True)
    studio.do_after_next("POST", lambda: studio.delete_task(3))
    with pytest.raises(TaskMissing, match="no task 3"):
        client.post_prediction(3, 1, PREDICTION)


def test_a_prediction_that_label_studio_does_not_take_is_told_in_its_words(
    client: LabelStudioClient, time: Time
) -> None:
    with pytest.raises(PredictionRefused, match=r"score.*A valid number is required"):
        client.post_prediction(3, 1, {**PREDICTION, "score": "high"})
    assert not time.waits_s


def test_a_prediction_that_is_too_large_is_told_with_its_size_and_the_limits_name(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    studio.answer_next("POST", 413, body=b"<html>Request Entity Too Large</html>")
    with pytest.raises(PredictionRefused, match=r"the 2\d\d bytes .* client_max_body_size"):
        client.post_prediction(3, 1, PREDICTION)


def test_long_words_are_shortened(studio: LabelStudioStandIn, client: LabelStudioClient) -> None:
    words: Json = {"detail": "no\n" + "very " * 1000}
    studio.answer_next("POST", 400, body=words)
    with pytest.raises(PredictionRefused) as refused:
        client.post_prediction(3, 1, PREDICTION)
    assert "\n" not in refused.value.detail
    assert len(refused.value.detail) < 500


def test_many_threads_store_all_predictions_over_kept_connections(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    task_ids = studio.add_tasks([{"image": "x"}] * 60)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda task_id: client.post_prediction(task_id, 1, PREDICTION), task_ids))
    assert all(stored_versions(studio, task_id) == [VERSION] for task_id in task_ids)
    assert studio.connection_count <= 8
