"""Label Studio's API: reading tasks, who may, and bearing what goes wrong."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from labelstudio_backend import (
    LabelStudioClient,
    LabelStudioError,
    LabelStudioTokenRefused,
    LabelStudioUnreachable,
    ProjectMissing,
)
from labelstudio_backend.errors import RequestInvalid
from labelstudio_backend.label_studio import session

from ...label_studio_stand_in import EMAIL, LabelStudioStandIn
from .conftest import MakeClient, Time
from .stored_predictions import PREDICTION, REGION, VERSION, store, stored_versions

NO_SUCH_FILTER = {"filter": "filter:tasks:nonsense", "operator": "equal", "value": 1}


# Reading


def test_version_user_and_project_are_read(client: LabelStudioClient) -> None:
    assert client.find_version() == "1.23.2"
    assert client.find_user() == EMAIL
    project = client.find_project(1)
    assert (project.key, project.title, project.task_count) == ("1.1795469646", "Stand-in", 7)
    assert "BrushLabels" in project.label_config


def test_pages_cover_all_tasks_and_one_past_the_end_is_empty(client: LabelStudioClient) -> None:
    pages = [client.list_tasks(1, page=page, page_size=3) for page in (1, 2, 3, 4)]
    assert [[task.id for task in page.tasks] for page in pages] == [[1, 2, 3], [4, 5, 6], [7], []]
    assert {page.total for page in pages} == {7}


def test_a_project_without_tasks_is_an_empty_page(make_client: MakeClient) -> None:
    with LabelStudioStandIn() as empty:
        assert make_client(empty.token, empty.url).list_tasks(1, page=1).tasks == ()


def test_a_page_says_which_model_versions_each_task_has(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    store(studio, 2, VERSION, "other")
    store(studio, 5, "1.0")
    versions = {task.id: task.model_versions for task in client.list_tasks(1, page=1).tasks}
    assert versions == {
        **dict.fromkeys((1, 3, 4, 6, 7), frozenset()),
        2: {VERSION, "other"},
        5: {"1.0"},
    }


def test_a_list_of_model_versions_that_label_studio_cuts_is_looked_up(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    many = [f"detector-{number:040}" for number in range(20)]
    store(studio, 3, *many, VERSION)
    assert client.list_tasks(1, page=1).tasks[2].model_versions == {*many, VERSION}


def test_a_page_without_predictions_costs_one_call(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    client.list_tasks(1, page=1)
    assert list(studio.requests) == ["GET /api/tasks"]


def test_a_view_chooses_and_orders_and_still_tells_model_versions(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    above_3 = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": 3}
    filters = {"conjunction": "and", "items": [above_3]}
    studio.project.views[9] = {"filters": filters, "ordering": ["-tasks:id"]}
    store(studio, 6, VERSION)
    page = client.list_tasks(1, page=1, page_size=3, view_id=9)
    assert [task.id for task in page.tasks] == [7, 6, 5]
    assert page.tasks[1].model_versions == {VERSION}
    assert page.total == 4
    assert client.list_tasks(1, page=1, filters=filters).total == 4


def test_a_view_that_does_not_exist_and_filters_that_make_no_sense_are_told_soon(
    client: LabelStudioClient, time: Time
) -> None:
    with pytest.raises(RequestInvalid, match="no view 9"):
        client.list_tasks(1, page=1, view_id=9)
    with pytest.raises(RequestInvalid, match="not both"):
        client.list_tasks(1, page=1, view_id=9, filters={})
    with pytest.raises(RequestInvalid, match=r"cannot use .* the filters: .*Cannot resolve"):
        client.list_tasks(1, page=1, filters={"conjunction": "and", "items": [NO_SUCH_FILTER]})
    assert time.now_s < 1005


def test_whole_tasks_come_in_the_order_asked_without_deleted_ones(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    studio.project.annotations[3] = [{"id": 1, "result": [REGION], "was_cancelled": False}]
    studio.project.drafts[3] = [{"id": 2, "result": [REGION]}]
    store(studio, 3, "detector")
    studio.delete_task(4)
    tasks = client.find_tasks(1, [5, 4, 3])
    assert [task.id for task in tasks] == [5, 3]
    assert tasks[1].data == {"image": "/data/upload/1/2.jpg"}
    (annotation,), (draft,), (prediction,) = (
        tasks[1].annotations,
        tasks[1].drafts,
        tasks[1].predictions,
    )
    assert annotation.result[0].value.width == draft.result[0].value.width == 3
    assert prediction.model_version == "detector"


def test_no_ids_are_no_tasks_although_label_studio_would_give_all(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    assert client.find_tasks(1, []) == []
    assert not studio.requests


def test_many_tasks_are_found_although_label_studio_gives_few_at_once(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    studio.add_tasks([{"image": "x"}] * 60)
    studio.project.max_page_size = 10
    assert [task.id for task in client.find_tasks(1, range(1, 61))] == list(range(1, 61))


def test_tasks_deleted_between_two_pages_are_left_out(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    studio.project.max_page_size = 3
    for task_id in (4, 5, 6):
        studio.do_after_next("GET /api/tasks", partial(studio.delete_task, task_id))
    assert [task.id for task in client.find_tasks(1, range(1, 7))] == [1, 2, 3]


def test_a_project_that_is_not_there_is_told(client: LabelStudioClient) -> None:
    for ask in (
        lambda: client.find_project(2),
        lambda: client.list_tasks(2, page=1),
        lambda: client.list_tasks(2, page=3),
        lambda: client.find_tasks(2, [1]),
        lambda: client.post_prediction(1, 2, PREDICTION),
    ):
        with pytest.raises(ProjectMissing, match="no project 2"):
            ask()


# Tokens


def test_a_personal_access_token_that_expires_in_the_middle_is_exchanged_anew(
    studio: LabelStudioStandIn, make_client: MakeClient
) -> None:
    client = make_client(studio.personal_access_token)
    client.find_project(1)
    studio.expire_tokens()
    client.post_prediction(1, 1, PREDICTION)
    client.post_prediction(2, 1, PREDICTION)
    assert studio.requests.count("POST /api/token/refresh") == 2
    assert stored_versions(studio, 1) == stored_versions(studio, 2) == [VERSION]


def test_threads_that_find_the_token_expired_at_once_exchange_it_once(
    studio: LabelStudioStandIn, make_client: MakeClient
) -> None:
    client = make_client(studio.personal_access_token)
    client.find_user()
    studio.expire_tokens()
    together = threading.Barrier(4)

    def find() -> str:
        together.wait(10)
        return client.find_user()

    with ThreadPoolExecutor(4) as threads:
        assert {future.result() for future in [threads.submit(find) for _ in range(4)]} == {EMAIL}
    assert studio.requests.count("POST /api/token/refresh") == 2


@pytest.mark.parametrize("token", ["0" * 40, "ey.wrong.token", "two words"])
def test_a_wrong_token_is_told_at_once_and_not_shown(
    make_client: MakeClient, time: Time, token: str
) -> None:
    with pytest.raises(LabelStudioTokenRefused) as refused:
        make_client(token).find_project(1)
    assert "LABEL_STUDIO_API_KEY" in refused.value.detail
    assert token not in refused.value.detail
    assert not time.waits_s


def test_a_missing_token_is_told_as_missing(make_client: MakeClient) -> None:
    with pytest.raises(LabelStudioTokenRefused, match="none is set"):
        make_client(None).find_project(1)


def test_an_exchange_is_tried_again_while_label_studio_restarts(
    studio: LabelStudioStandIn, make_client: MakeClient
) -> None:
    studio.answer_next("refresh", 502, body=b"<html>Bad Gateway</html>", times=2)
    studio.drop_next("refresh")
    assert make_client(studio.personal_access_token).find_user() == EMAIL


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://elsewhere.example/?t=secret", "https://elsewhere.example/;"),
        ("http://host:port/?t=secret", "a malformed URL;"),
    ],
)
def test_a_redirect_is_not_followed_with_the_token(
    studio: LabelStudioStandIn, client: LabelStudioClient, location: str, shown: str
) -> None:
    studio.answer_next("GET", 301, body=b"", Location=location)
    with pytest.raises(LabelStudioError, match=re.escape(f"redirects to {shown}")):
        client.find_project(1)
    assert len(studio.requests) == 1


def test_no_cookie_is_sent_back(studio: LabelStudioStandIn, client: LabelStudioClient) -> None:
    # With its session cookie, Label Studio asks for a CSRF token before it stores anything.
    studio.answer_next("GET", 404, Set_Cookie="sessionid=1; Path=/")
    with pytest.raises(ProjectMissing):
        client.find_project(1)
    client.find_user()
    assert studio.last_cookie is None


def test_a_path_before_label_studio_is_kept(make_client: MakeClient) -> None:
    with LabelStudioStandIn(prefix="/studio") as behind_a_proxy:
        client = make_client(behind_a_proxy.token, behind_a_proxy.url)
        assert client.find_project(1).title == "Stand-in"


# What goes wrong


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_repeated_with_growing_waits_until_label_studio_is_back(
    studio: LabelStudioStandIn, client: LabelStudioClient, time: Time, status: int
) -> None:
    studio.answer_next("GET", status, times=3)
    studio.drop_next("GET")
    assert client.find_project(1).id == 1
    assert len(time.waits_s) == 4
    assert 0.25 <= time.waits_s[0] <= 0.5
    assert 2 <= time.waits_s[3] <= 4


def test_as_long_as_label_studio_asks_for_is_waited(
    studio: LabelStudioStandIn, client: LabelStudioClient, time: Time
) -> None:
    studio.answer_next("GET", 429, Retry_After="17")
    studio.answer_next("GET", 503, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")
    studio.answer_next("GET", 503, Retry_After="Wed, 21 Oct 2015 07:28:00 -0000")
    studio.answer_next("GET", 503, Retry_After="soon")
    client.find_project(1)
    assert time.waits_s[0] == 17
    assert max(time.waits_s[1:]) < 5


def test_patience_ends(studio: LabelStudioStandIn, client: LabelStudioClient, time: Time) -> None:
    studio.answer_next("GET", 502, body=b"<html>", times=1000)
    with pytest.raises(LabelStudioUnreachable, match="answered 502"):
        client.find_project(1)
    assert 1040 < time.now_s <= 1060


def test_a_server_that_is_not_there_is_told_with_its_address(make_client: MakeClient) -> None:
    with pytest.raises(LabelStudioUnreachable, match=r"http://127\.0\.0\.1:1/.* does not answer"):
        make_client(url="http://127.0.0.1:1").find_version()


def test_a_name_that_nobody_knows_is_told_when_patience_ends(
    make_client: MakeClient, time: Time
) -> None:
    with pytest.raises(LabelStudioUnreachable, match=r"'nowhere\.invalid' cannot be resolved"):
        make_client(url="http://nowhere.invalid").find_version()
    assert time.waits_s, "name servers restart too"


def test_what_label_studio_fails_with_each_time_is_told_in_its_words(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    studio.answer_next("GET", 500, body={"detail": "database is locked"}, times=1000)
    with pytest.raises(LabelStudioError, match=r"500 \(database is locked\)") as failed:
        client.find_project(1)
    assert not isinstance(failed.value, LabelStudioUnreachable)


@pytest.mark.parametrize("body", [b"<html>hello</html>", {"detail": "hello"}, [], b""])
def test_something_else_than_label_studio_is_asked_about(
    studio: LabelStudioStandIn, client: LabelStudioClient, body: object
) -> None:
    studio.answer_next("GET", 200, body=body, times=3)
    for ask in (client.find_version, client.find_user, lambda: client.list_tasks(1, page=1)):
        with pytest.raises(LabelStudioError, match="really a Label Studio"):
            ask()


def test_a_404_of_another_server_is_not_a_missing_project(
    studio: LabelStudioStandIn, client: LabelStudioClient
) -> None:
    studio.answer_next("GET", 404, body=b"<html>nginx</html>")
    with pytest.raises(LabelStudioError, match="really a Label Studio"):
        client.find_project(1)


def test_an_answer_without_end_is_not_read_to_its_end(
    studio: LabelStudioStandIn, client: LabelStudioClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real limit is half a GB.
    monkeypatch.setattr(session, "_MAX_ANSWER_BYTES", 1000)
    studio.answer_next("GET", 200, body=b"x" * 1001)
    with pytest.raises(LabelStudioError, match=r"more than 1,000 bytes; .*really a Label Studio"):
        client.find_project(1)
    assert len(studio.requests) == 1
    studio.answer_next("GET", 200, body=b"x" * 1000)
    with pytest.raises(LabelStudioError, match="really a Label Studio") as read:
        client.find_project(1)
    assert "more than" not in read.value.detail
