"""The API client asks a real Label Studio and its stand-in the same, so that they stay alike."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from pydantic import SecretStr

from labelstudio_backend import (
    ImageFetcher,
    LabelStudioAccount,
    LabelStudioClient,
    LabelStudioTokenRefused,
    PredictionRefused,
    ProjectMissing,
    TaskMissing,
)
from labelstudio_backend.errors import ImageMissing, RequestInvalid

from ..label_studio_stand_in import LabelStudioStandIn
from ..labelstudio_backend.image_host import run_host
from .bucket import Bucket
from .label_studio import EMAIL, LABEL_CONFIG, LabelStudio
from .studios import IMAGES, RECTANGLE, RealStudio, StandInStudio, Studio

VERSION = "efficientsam-nano-01234567"
MASK = {
    **RECTANGLE,
    "from_name": "tag",
    "type": "brushlabels",
    "value": {"format": "rle", "rle": [0, 1, 2, 3], "brushlabels": ["Dog"]},
}
PREDICTION = {"result": [MASK], "score": 0.5, "model_version": VERSION}
UNKNOWN = 987654
"""An id that nothing has."""


@pytest.fixture
def real(label_studio: LabelStudio) -> RealStudio:
    return RealStudio(label_studio)


@pytest.fixture(params=["real", "stand-in"])
def studio(request: pytest.FixtureRequest) -> Iterator[Studio]:
    if request.param == "real":
        yield request.getfixturevalue("real")
        return
    with LabelStudioStandIn(label_config=LABEL_CONFIG) as stand_in:
        yield StandInStudio(stand_in)


@contextmanager
def connect(studio: Studio, token: str | None = None) -> Iterator[LabelStudioClient]:
    account = LabelStudioAccount(httpx.URL(studio.url), SecretStr(token or studio.token))
    client = LabelStudioClient(account)
    yield client
    client.close()


@pytest.fixture
def client(studio: Studio) -> Iterator[LabelStudioClient]:
    with connect(studio) as client:
        yield client


def test_what_label_studio_says_of_itself_and_the_project(
    studio: Studio, client: LabelStudioClient
) -> None:
    assert client.find_version() == "1.23.2"
    assert client.find_user() == EMAIL
    project = client.find_project(studio.project_id)
    assert (project.title, project.task_count) == ("Stand-in", 7)
    assert project.label_config == LABEL_CONFIG
    assert project.key.startswith(f"{studio.project_id}.1")


def test_pages_end_with_an_empty_one(studio: Studio, client: LabelStudioClient) -> None:
    pages = [client.list_tasks(studio.project_id, page=n, page_size=4) for n in (1, 2, 3)]
    ids = [[task.id for task in page.tasks] for page in pages]
    assert ids == [studio.task_ids[:4], studio.task_ids[4:], []]
    assert {page.total for page in pages} == {7}


def test_model_versions_are_listed_even_where_the_list_is_cut(
    studio: Studio, client: LabelStudioClient
) -> None:
    many = [f"detector-{number:040}" for number in range(12)]
    for version in ("1.0", VERSION):
        client.post_prediction(
            studio.task_ids[2], studio.project_id, {**PREDICTION, "model_version": version}
        )
    for version in many:
        client.post_prediction(
            studio.task_ids[4], studio.project_id, {**PREDICTION, "model_version": version}
        )
    tasks = client.list_tasks(studio.project_id, page=1).tasks
    versions = [task.model_versions for task in tasks]
    assert versions == [set(), set(), {"1.0", VERSION}, set(), set(many), set(), set()]


def test_a_view_chooses_orders_and_tells_model_versions(
    studio: Studio, client: LabelStudioClient
) -> None:
    later = {
        "filter": "filter:tasks:id",
        "operator": "greater",
        "type": "Number",
        "value": studio.task_ids[2],
    }
    filters = {"conjunction": "and", "items": [later]}
    client.post_prediction(studio.task_ids[5], studio.project_id, PREDICTION)
    view_id = studio.add_view(filters, ["-tasks:id"])
    page = client.list_tasks(studio.project_id, page=1, page_size=3, view_id=view_id)
    assert [task.id for task in page.tasks] == studio.task_ids[:3:-1]
    assert page.tasks[1].model_versions == {VERSION}
    assert page.total == 4
    assert client.list_tasks(studio.project_id, page=1, filters=filters).total == 4
    without = {
        "filter": "filter:tasks:predictions_model_versions",
        "operator": "not_contains",
        "type": "List",
        "value": [VERSION],
    }
    filters = {"conjunction": "and", "items": [without]}
    assert client.list_tasks(studio.project_id, page=1, filters=filters).total == 6


def test_a_view_or_filters_that_make_no_sense_are_told(
    studio: Studio, client: LabelStudioClient
) -> None:
    with pytest.raises(RequestInvalid, match=f"no view {UNKNOWN}"):
        client.list_tasks(studio.project_id, page=1, view_id=UNKNOWN)
    nonsense = {"filter": "filter:tasks:no", "operator": "equal", "type": "Number", "value": 1}
    with pytest.raises(RequestInvalid, match="Cannot resolve keyword"):
        client.list_tasks(
            studio.project_id, page=1, filters={"conjunction": "and", "items": [nonsense]}
        )


def test_whole_tasks_with_all_that_prompts_may_come_from(
    studio: Studio, client: LabelStudioClient
) -> None:
    first, second, third, *_ = studio.task_ids
    studio.annotate(second)
    studio.draft(second)
    client.post_prediction(second, studio.project_id, PREDICTION)
    studio.delete_task(first)
    tasks = client.find_tasks(studio.project_id, [third, first, second])
    assert [task.id for task in tasks] == [third, second]
    assert tasks[1].data == {"image": IMAGES[1]}
    (annotation,) = tasks[1].annotations
    (draft,) = tasks[1].drafts
    (prediction,) = tasks[1].predictions
    assert annotation.result[0].value.rectanglelabels == ("Dog",)
    assert not annotation.was_cancelled
    assert draft.result[0].value.width == 3
    assert prediction.model_version == VERSION
    assert prediction.result[0].type == "brushlabels"


def test_a_prediction_is_stored_and_found(studio: Studio, client: LabelStudioClient) -> None:
    task_id = studio.task_ids[0]
    assert not client.has_prediction(task_id, VERSION)
    client.post_prediction(task_id, studio.project_id, PREDICTION)
    assert client.has_prediction(task_id, VERSION)
    assert not client.has_prediction(task_id, VERSION[:-1])


def test_a_deleted_task_is_told(studio: Studio, client: LabelStudioClient) -> None:
    task_id = studio.task_ids[0]
    studio.delete_task(task_id)
    for ask in (
        lambda: client.has_prediction(task_id, VERSION),
        lambda: client.post_prediction(task_id, studio.project_id, PREDICTION),
    ):
        with pytest.raises(TaskMissing, match=f"no task {task_id}"):
            ask()


def test_a_project_that_is_not_there_is_told(studio: Studio, client: LabelStudioClient) -> None:
    asks: list[Callable[[], object]] = [
        lambda: client.find_project(UNKNOWN),
        lambda: client.list_tasks(UNKNOWN, page=1),
        lambda: client.list_tasks(UNKNOWN, page=2),
        lambda: client.find_tasks(UNKNOWN, [1]),
        lambda: client.post_prediction(studio.task_ids[0], UNKNOWN, PREDICTION),
    ]
    for ask in asks:
        with pytest.raises(ProjectMissing, match=f"no project {UNKNOWN}"):
            ask()


def test_a_prediction_that_is_not_taken_is_told(studio: Studio, client: LabelStudioClient) -> None:
    with pytest.raises(PredictionRefused, match=r"score.*A valid number is required"):
        client.post_prediction(
            studio.task_ids[0], studio.project_id, {**PREDICTION, "score": "high"}
        )


def test_a_prediction_that_was_stored_already_when_the_answer_got_lost_is_not_doubled(
    studio: Studio, client: LabelStudioClient
) -> None:
    # What the client does after a late arrival, on the real API: the later of the two goes.
    task_id = studio.task_ids[0]
    for _ in range(2):
        client.post_prediction(task_id, studio.project_id, PREDICTION)
    headers = {"Authorization": f"Token {studio.token}"}
    path, query = f"{studio.url}/api/predictions/", {"task": task_id}
    first, second = (one["id"] for one in httpx.get(path, params=query, headers=headers).json())
    client._predictions._remove_double(task_id, VERSION, second)
    (kept,) = httpx.get(path, params=query, headers=headers).json()
    assert kept["id"] == first


def test_a_personal_access_token_serves_and_a_short_lived_one_that_is_refused_is_a_401(
    studio: Studio,
) -> None:
    with connect(studio, studio.personal_access_token) as client:
        assert client.find_user() == EMAIL
    headers = {"Authorization": "Bearer ey.expired.token"}
    assert httpx.get(f"{studio.url}/api/tasks?project=1", headers=headers).status_code == 401


@pytest.mark.parametrize("token", ["0" * 40, "ey.wrong.token"])
def test_a_wrong_token_is_told(studio: Studio, token: str) -> None:
    with connect(studio, token) as client, pytest.raises(LabelStudioTokenRefused):
        client.find_project(studio.project_id)


def test_a_project_that_asks_models_when_tasks_are_listed_does_not_ask_for_the_client(
    real: RealStudio,
) -> None:
    # This service is such a model: listing tasks for a run must not start the next one.
    with run_host() as model, connect(real) as client:
        model.serve("/health", b'{"status": "UP"}')
        model.serve("/setup", b'{"model_version": "x"}')
        model.serve("/predict", b'{"results": []}')
        real.connect_model(model.url)
        model.requests.clear()
        client.list_tasks(real.project_id, page=1)
        client.find_tasks(real.project_id, real.task_ids)
        client.post_prediction(real.task_ids[0], real.project_id, PREDICTION)
        assert len(client.list_tasks(real.project_id, page=1).tasks[0].model_versions) == 1
        assert not [path for path, _ in model.requests if path == "/predict"]


@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "passed on"])
def test_an_image_in_a_bucket_is_opened_by_label_studio(real: RealStudio, is_signed: bool) -> None:
    account = LabelStudioAccount(httpx.URL(real.url), SecretStr(real.token))
    fetcher = ImageFetcher(max_bytes=1000, timeout_s=20, is_private_address_allowed=True)
    uri = "s3://photos/dogs/1 ä.jpg"
    with Bucket() as bucket:
        task_id = real.add_cloud_task(uri, bucket.url, is_signed=is_signed)
        with connect(real) as client:
            (task,) = client.find_tasks(real.project_id, [task_id])
        assert task.data == {"image": uri}
        with fetcher.open(uri, account, task_id) as image:
            assert image.read() == b"jpg"
            assert image.alias is not None
            assert "c0ffee" in image.alias
    path, authorization = bucket.requests[-1]
    assert path.startswith("/photos/dogs/1%20%C3%A4.jpg")
    assert ("X-Amz-Signature=" in path) is is_signed
    assert real.token not in f"{authorization}"
    with (
        pytest.raises(ImageMissing, match="Cloud Storage"),
        fetcher.open("s3://another-bucket/1.jpg", account, task_id),
    ):
        pass
