"""Learned models and workers: a run predicts with the version that its project uses."""

from redis import Redis

from core import Predictor
from labelstudio_backend import LabelStudioClient, ModelStore, ProjectModels
from labelstudio_backend.runs import RunOptions, RunService, RunState

from ..label_studio_stand_in import LabelStudioStandIn
from ..labelstudio_backend.learned_decoders import make_decoder_file
from ..worker_processes import StartWorker
from .detected_tasks import add_tasks, make_account, ours, wait_until_over


def test_a_run_predicts_with_the_version_that_its_project_used_when_it_began(
    redis: Redis, predictor: Predictor, start_worker: StartWorker
) -> None:
    models = ProjectModels(predictor, ModelStore(redis))
    version = models.store.add(make_decoder_file(predictor)).version
    runs = RunService(redis, predictor, models=models)
    with LabelStudioStandIn() as label_studio:
        account = make_account(label_studio)
        client = LabelStudioClient(account)
        project = client.find_project(label_studio.project.id).key
        client.close()
        task_ids = add_tasks(label_studio, 3, "Dog")
        models.use(project, version)
        run = runs.start(label_studio.project.id, account, RunOptions())
        models.roll_back(project)
        start_worker()
        progress = wait_until_over(runs, run.id)
        assert (progress.state, progress.done, progress.failed) == (RunState.FINISHED, 3, 0)
        assert [len(ours(label_studio, t, version)) for t in task_ids] == [1, 1, 1]
        again = runs.start(label_studio.project.id, account, RunOptions())
        assert wait_until_over(runs, again.id).done == 3
        for task_id in task_ids:
            (learned,) = ours(label_studio, task_id, version)
            (base,) = ours(label_studio, task_id, predictor.model_version)
            assert learned["result"][0]["value"] != base["result"][0]["value"]
