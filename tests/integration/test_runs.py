"""Whole projects: real workers, a real Redis, and a Label Studio that can be made to fail."""

import itertools
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from redis import Redis

from core import Predictor
from labelstudio_backend import LabelStudioAccount, ProjectMissing, RunConflict, RunMissing
from labelstudio_backend.errors import LabelConfigInvalid, UnknownLabel
from labelstudio_backend.redis_keys import run_key
from labelstudio_backend.runs import RunOptions, RunService, RunState
from labelstudio_backend.runs.box_keys import box_key
from labelstudio_backend.runs.run import StoredBox
from labelstudio_backend.runs.run_store import CHUNK_TASKS
from labelstudio_backend.task_prompts import PromptSource
from worker import (
    BATCH,
    EmbeddingClient,
    as_text,
    connect_redis,
    count_waiting_jobs,
    read_counters,
)

from ..label_studio_stand_in import LabelStudioStandIn
from ..redis_process import RedisProcess
from ..worker_processes import StartWorker, WorkerProcesses
from .detected_tasks import (
    HEIGHT_PX,
    WIDTH_PX,
    add_tasks,
    assert_one_each,
    detect,
    make_account,
    make_jpeg,
    ours,
    wait_for_done,
    wait_until_over,
)


def test_boxes_of_a_detector_become_masks_that_keep_their_labels(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 3, "Dog", "Cat")
    start_worker()
    run = runs.start(1, account, RunOptions())
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.total, progress.done) == (RunState.FINISHED, 3, 3)
    for task_id in task_ids:
        (prediction,) = ours(label_studio, task_id, predictor.model_version)
        labels = [region["value"]["brushlabels"] for region in prediction["result"]]
        assert labels == [["Dog"], ["Cat"]]
        for region in prediction["result"]:
            rgba = np.reshape(decode_rle(region["value"]["rle"]), (HEIGHT_PX, WIDTH_PX, 4))
            assert rgba.any()


def test_a_task_that_was_predicted_and_one_without_prompts_are_left_alone(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 3, "Dog")
    (bare,) = add_tasks(label_studio, 1)
    done_before = {"id": 1, "result": [], "model_version": predictor.model_version, "score": 1}
    label_studio.predictions[task_ids[0]].append(done_before)
    start_worker()
    progress = wait_until_over(runs, runs.start(1, account, RunOptions()).id)
    assert (progress.already_predicted, progress.skipped, progress.done) == (1, 1, 2)
    assert bare not in label_studio.predictions, "an empty prediction would mark it as done"
    again = wait_until_over(runs, runs.start(1, account, RunOptions()).id)
    assert (again.already_predicted, again.skipped, again.done) == (3, 1, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_after_workers_were_killed_each_task_has_exactly_one_prediction(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 90, "Dog")
    first = start_worker()
    run = runs.start(1, account, RunOptions())
    wait_for_done(runs, run.id, 60)  # by now the second chunk is in the same hands
    first.kill()
    first.wait()
    assert runs.find(run.id)[1].state is RunState.RUNNING
    start_worker()
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 90, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_a_worker_that_is_stopped_hands_back_what_it_has_not_begun(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 90, "Dog")
    worker = start_worker()
    run = runs.start(1, account, RunOptions())
    wait_for_done(runs, run.id, 3)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    before = runs.find(run.id)[1]
    assert before.done < 90
    start_worker()
    assert wait_until_over(runs, run.id).done == 90
    assert_one_each(label_studio, task_ids, predictor)


def test_a_run_goes_on_when_redis_was_killed_and_comes_back_with_its_data(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    predictor: Predictor,
    nano_weights: Path,
) -> None:
    task_ids = add_tasks(label_studio, 60, "Dog")
    with RedisProcess(keeps_data=True) as server:
        client = connect_redis(server.url)
        workers = WorkerProcesses(client, server.url, nano_weights)
        workers.start()
        runs = RunService(client, predictor)
        run = runs.start(1, account, RunOptions())
        wait_for_done(runs, run.id, 40)  # by now the second chunk is in the same hands
        server.kill()
        time.sleep(1)  # long enough for the worker to notice
        server.start()
        try:
            progress = wait_until_over(runs, run.id)
        finally:
            workers.stop()
            client.close()
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 60, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_a_cancelled_run_stops_and_a_resumed_one_goes_on(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 60, "Dog")
    start_worker()
    run = runs.start(1, account, RunOptions())
    wait_for_done(runs, run.id, 2)
    runs.cancel(run.id)
    assert runs.find(run.id)[1].state is RunState.CANCELLED
    with pytest.raises(RunConflict, match="cancelled already"):
        runs.cancel(run.id)
    runs.resume(run.id)
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done) == (RunState.FINISHED, 60)
    assert_one_each(label_studio, task_ids, predictor)


def test_a_token_that_is_refused_in_the_middle_stops_the_run_and_a_new_one_resumes_it(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 60, "Dog")
    start_worker()
    run = runs.start(1, account, RunOptions())
    wait_for_done(runs, run.id, 2)
    label_studio.token = "f" * 40
    progress = wait_until_over(runs, run.id)
    assert progress.state is RunState.STOPPED
    assert progress.failed == 0
    assert "token" in (progress.reason or "")
    runs.resume(run.id, make_account(label_studio))
    assert wait_until_over(runs, run.id).done == 60
    assert_one_each(label_studio, task_ids, predictor)


def test_failures_have_reasons_and_can_be_tried_again(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    good = add_tasks(label_studio, 4, "Dog")
    gone, broken = label_studio.add_tasks(
        [
            {"image": "/data/upload/1/00000000-gone.jpg"},
            {"image": label_studio.add_image("b.jpg", b"no image")},
        ]
    )
    for task_id in (gone, broken):
        detect(label_studio, task_id, "Dog")
    label_studio.answer_next("POST /api/predictions", 413, body="too large")
    start_worker()
    run = runs.start(1, account, RunOptions())
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 3, 3)
    failures = runs.find_failures(run.id)
    assert "is gone (404)" in failures[gone]
    assert "not an image" in failures[broken]
    (refused,) = set(failures) & set(good)
    assert "413" in failures[refused]
    runs.retry_failed(run.id)
    progress = wait_until_over(runs, run.id)
    assert (progress.done, progress.failed) == (4, 2)
    assert_one_each(label_studio, good, predictor)
    assert not {gone, broken} & {
        t for t in label_studio.predictions if ours(label_studio, t, predictor.model_version)
    }


def test_a_project_without_a_place_for_masks_and_an_unknown_project_are_refused_at_once(
    runs: RunService,
) -> None:
    config = """<View><Image name="image" value="$image"/>
    <KeyPointLabels name="k" toName="image"><Label value="Dog"/></KeyPointLabels></View>"""
    with LabelStudioStandIn(label_config=config) as label_studio:
        account = make_account(label_studio)
        with pytest.raises(LabelConfigInvalid, match="no BrushLabels tag"):
            runs.start(1, account, RunOptions())
        with pytest.raises(ProjectMissing, match="77"):
            runs.start(77, account, RunOptions())
    assert runs.list_runs() == []


def test_a_label_that_the_project_lacks_is_refused_at_once(
    account: LabelStudioAccount, runs: RunService
) -> None:
    options = RunOptions(prompts=PromptSource.EVERYTHING, label="Zebra")
    with pytest.raises(UnknownLabel, match="'Zebra' does not exist"):
        runs.start(1, account, options)


def test_a_label_studio_that_restarts_in_the_middle_is_waited_for(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 40, "Dog")
    (bare,) = label_studio.add_tasks([{"text": "no image"}])
    detect(label_studio, bare, "Dog")
    start_worker()
    run = runs.start(1, account, RunOptions())
    wait_for_done(runs, run.id, 3)
    label_studio.drop_next(".*", times=12)  # nobody answers for some seconds
    progress = wait_until_over(runs, run.id)
    assert (progress.state, progress.done) == (RunState.FINISHED, 40), progress
    assert list(runs.find_failures(run.id)) == [bare]
    assert "field 'image'" in runs.find_failures(run.id)[bare]
    assert_one_each(label_studio, task_ids, predictor)


def test_a_task_deleted_in_the_middle_is_named_and_the_rest_goes_on(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 20, "Dog")
    label_studio.do_after_next(
        "POST /api/predictions", lambda: label_studio.delete_task(task_ids[-1])
    )
    start_worker()
    run = runs.start(1, account, RunOptions())
    progress = wait_until_over(runs, run.id)
    assert (progress.done, progress.failed) == (19, 1)
    assert "deleted" in runs.find_failures(run.id)[task_ids[-1]]


def test_a_label_studio_that_stumbles_loses_and_doubles_nothing(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 12, "Dog")
    label_studio.answer_next("POST /api/predictions", 429, Retry_After="0")
    label_studio.drop_next("POST /api/predictions", is_handled_first=True)
    label_studio.answer_next("GET /api/tasks", 502, body=b"<html>Bad Gateway</html>")
    label_studio.answer_next("GET /data/upload", 500)
    start_worker()
    progress = wait_until_over(runs, runs.start(1, account, RunOptions()).id)
    assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 12, 0)
    assert_one_each(label_studio, task_ids, predictor)


def test_everything_labels_a_task_without_prompts(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    start_worker: StartWorker,
) -> None:
    add_tasks(label_studio, 2)
    start_worker()
    options = RunOptions(prompts=PromptSource.EVERYTHING, label="Cat")
    progress = wait_until_over(runs, runs.start(1, account, options).id)
    assert progress.done + progress.failed == 2
    for stored in itertools.chain.from_iterable(label_studio.predictions.values()):
        assert {tuple(r["value"]["brushlabels"]) for r in stored["result"]} == {("Cat",)}


def test_boxes_of_a_file_find_their_task_by_id_or_by_image(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    first, second, third = add_tasks(label_studio, 3)
    box = StoredBox(label="Cat", box=(5, 5, 40, 40))
    boxes = {
        box_key(first, None): [box],
        box_key(None, "1.jpg"): [box, box.model_copy(update={"label": "Dog"})],
    }
    start_worker()
    options = RunOptions(prompts=PromptSource.FILE)
    progress = wait_until_over(runs, runs.start(1, account, options, boxes).id)
    assert (progress.done, progress.skipped) == (2, 1)
    version = predictor.model_version
    counts = [len(x["result"]) for t in (first, second) for x in ours(label_studio, t, version)]
    assert counts == [1, 2]
    assert not ours(label_studio, third, version)


def test_a_limit_is_kept_and_embeddings_stay_when_asked(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    start_worker: StartWorker,
) -> None:
    add_tasks(label_studio, 9, "Dog")
    start_worker()
    progress = wait_until_over(runs, runs.start(1, account, RunOptions(limit=2)).id)
    assert (progress.total, progress.done) == (2, 2)
    assert redis.keys("esam:embedding:*") == []
    options = RunOptions(limit=3, keep_embeddings=True)
    assert wait_until_over(runs, runs.start(1, account, options).id).done == 3
    assert len(redis.keys("esam:embedding:*")) == 3


def test_selecting_the_same_tasks_again_takes_none_twice(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    start_worker: StartWorker,
) -> None:
    task_ids = add_tasks(label_studio, 40, "Dog")
    first = runs.label_tasks("1.5", task_ids[:30], account, PromptSource.REGIONS)
    again = runs.label_tasks("1.5", task_ids, account, PromptSource.REGIONS)
    assert again.id == first.id
    assert runs.find(first.id)[1].total == 40
    assert count_waiting_jobs(redis)[BATCH] == 2
    start_worker()
    assert wait_until_over(runs, first.id).done == 40
    assert_one_each(label_studio, task_ids, predictor)


@pytest.mark.parametrize("prompts", [PromptSource.REGIONS, PromptSource.EVERYTHING])
def test_a_click_comes_in_the_midst_of_a_run_that_goes_on(
    label_studio: LabelStudioStandIn,
    account: LabelStudioAccount,
    runs: RunService,
    redis: Redis,
    predictor: Predictor,
    start_worker: StartWorker,
    prompts: PromptSource,
) -> None:
    add_tasks(label_studio, CHUNK_TASKS, "Dog")
    start_worker()
    run = runs.start(1, account, RunOptions(prompts=prompts))
    while not any(one.name == "encoded_images" for one in read_counters(redis)):
        assert runs.find(run.id)[1].state is RunState.RUNNING
        time.sleep(0.01)
    chunks = redis.hkeys(run_key(run.id, "chunks"))
    EmbeddingClient(redis, predictor.embedding_identity).get_or_encode(make_jpeg(12345))
    assert runs.find(run.id)[1].state is RunState.RUNNING
    assert redis.hkeys(run_key(run.id, "chunks")) == chunks, "nothing was handed back"
    runs.cancel(run.id)


def test_a_run_that_does_not_exist_is_said(runs: RunService) -> None:
    with pytest.raises(RunMissing, match="no run 'nope'"):
        runs.find("nope")


def test_tokens_are_in_no_job_and_no_run(
    label_studio: LabelStudioStandIn, account: LabelStudioAccount, runs: RunService, redis: Redis
) -> None:
    add_tasks(label_studio, 1)
    runs.start(1, account, RunOptions())
    token = (label_studio.token or "").encode()
    for key in redis.keys("*"):
        if not as_text(key).startswith("esam:accounts"):
            assert token not in (redis.dump(key) or b""), key
