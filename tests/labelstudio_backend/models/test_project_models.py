"""Which decoder answers for a project: chosen without a restart, and whatever happens to Redis."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from redis import Redis

from core import (
    Predictor,
    Prompt,
    find_checkpoint,
    load_model_file,
    load_predictor,
    save_checkpoint,
    write_decoder,
)
from esam.redis_server import PrivateRedis
from labelstudio_backend import ModelConflict, ModelMissing, ModelStore, ProjectModels
from labelstudio_backend.models import project_models
from labelstudio_backend.redis_keys import model_key
from tests.core.small_models import PLAIN, make_small_predictor
from worker import connect_redis

from ..learned_decoders import OTHER_PROJECT, PROJECT, make_decoder_file, make_lesson


@pytest.fixture
def models(redis: Redis, predictor: Predictor) -> ProjectModels:
    return ProjectModels(predictor, ModelStore(redis))


@pytest.fixture
def version(redis: Redis, predictor: Predictor) -> str:
    """Of a learned model that nobody uses yet."""
    return ModelStore(redis).add(make_decoder_file(predictor)).version


def test_a_project_that_chose_nothing_is_answered_by_the_base(
    models: ProjectModels, predictor: Predictor, version: str
) -> None:
    assert models.find(PROJECT) is predictor
    assert models.find(None) is predictor


def test_a_choice_counts_in_every_process_at_once_and_for_its_project_alone(
    models: ProjectModels, redis: Redis, predictor: Predictor, version: str
) -> None:
    other_process = ProjectModels(predictor, ModelStore(redis))
    assert other_process.find(PROJECT).model_version == predictor.model_version
    models.use(PROJECT, version)
    assert other_process.find(PROJECT).model_version == version
    assert other_process.find(OTHER_PROJECT).model_version == predictor.model_version
    assert models.roll_back(PROJECT) == predictor.model_version
    assert other_process.find(PROJECT) is predictor


def test_the_learned_decoder_answers_from_embeddings_that_were_there_before(
    models: ProjectModels, predictor: Predictor, version: str, photo_like: NDArray[np.uint8]
) -> None:
    embedding = predictor.encode(photo_like)
    models.use(PROJECT, version)
    click = Prompt(points=[[80, 60]])
    ours = models.find(PROJECT).decode(embedding, click).low_res_logits
    assert not np.allclose(ours, predictor.decode(embedding, click).low_res_logits)


def test_a_predictor_that_was_handed_out_stays_as_it_was(
    models: ProjectModels, predictor: Predictor, version: str, photo_like: NDArray[np.uint8]
) -> None:
    models.use(PROJECT, version)
    in_flight = models.find(PROJECT)
    embedding, click = predictor.encode(photo_like), Prompt(points=[[80, 60]])
    before = in_flight.decode(embedding, click).low_res_logits
    models.roll_back(PROJECT)
    after = in_flight.decode(embedding, click).low_res_logits
    np.testing.assert_array_equal(before, after)
    assert in_flight.model_version == version


def test_a_version_is_loaded_once(models: ProjectModels, version: str) -> None:
    models.use(PROJECT, version)
    assert models.find(PROJECT) is models.find(PROJECT) is models.find_version(version)


def test_unknown_versions_are_not_chosen(models: ProjectModels) -> None:
    with pytest.raises(ModelMissing):
        models.use(PROJECT, "efficientsam-nano-00000000-11111111")
    assert models.store.find_used(PROJECT) is None


def test_what_was_learned_on_other_weights_is_not_used(
    models: ProjectModels, predictor: Predictor, redis: Redis, tmp_path: Path, nano_weights: Path
) -> None:
    model, _ = load_model_file(find_checkpoint("nano", nano_weights))
    next(model.image_encoder.parameters()).data += 1
    save_checkpoint(model, tmp_path / "other.safetensors")
    other = load_predictor("nano", tmp_path / "other.safetensors")
    learned = models.store.add(make_decoder_file(other))
    assert not models.is_usable(learned)
    with pytest.raises(ModelConflict, match=other.model_version):
        models.use(PROJECT, learned.version)
    ModelStore(redis).use(PROJECT, learned.version)
    assert models.find(PROJECT) is predictor, "the base answers, and says so"


def test_a_model_whose_file_is_gone_is_answered_by_the_base_and_said_once(
    models: ProjectModels,
    predictor: Predictor,
    redis: Redis,
    version: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ModelStore(redis).use(PROJECT, version)
    redis.delete(model_key(version))
    assert models.find(PROJECT) is predictor
    assert models.find(PROJECT) is predictor
    assert caplog.text.count(version) == 2, "in one line: which, and why"


@pytest.fixture
def other_server() -> Iterator[PrivateRedis]:
    """One that the test may stop."""
    server = PrivateRedis()
    server.start()
    yield server
    server.stop()


def test_while_redis_is_away_projects_keep_what_they_used(
    other_server: PrivateRedis, predictor: Predictor
) -> None:
    client = connect_redis(other_server.url, is_patient=False)
    now = 0.0
    models = ProjectModels(predictor, ModelStore(client), clock=lambda: now)
    version = models.store.add(make_decoder_file(predictor)).version
    models.use(PROJECT, version)
    assert models.find(PROJECT).model_version == version
    other_server.stop()
    assert models.find(PROJECT).model_version == version
    assert models.find(OTHER_PROJECT) is predictor
    now = 100.0
    assert models.find(PROJECT).model_version == version
    client.close()


def test_a_redis_that_came_back_empty_is_filled_from_the_folder(
    other_server: PrivateRedis, predictor: Predictor, tmp_path: Path
) -> None:
    client = connect_redis(other_server.url, is_patient=False)
    now = 0.0
    models = ProjectModels(predictor, ModelStore(client, tmp_path), clock=lambda: now)
    version = models.store.add(make_decoder_file(predictor)).version
    models.use(PROJECT, version)
    os.kill(other_server.pid, signal.SIGKILL)
    os.waitid(os.P_PID, other_server.pid, os.WEXITED | os.WNOWAIT)
    assert not other_server.is_running
    assert models.find(PROJECT).model_version == version
    other_server.revive()
    now = 10.0
    assert models.find(PROJECT).model_version == version
    assert models.store.find_used(PROJECT) == version
    client.close()


def test_only_the_versions_asked_for_last_stay_loaded(
    models: ProjectModels, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As many as really stay would have to be made first.
    monkeypatch.setattr(project_models, "_LOADED", 2)
    files = [make_decoder_file(predictor, run=f"r{number}") for number in range(3)]
    first, second, third = (models.store.add(content).version for content in files)
    kept, dropped = models.find_version(first), models.find_version(second)
    assert models.find_version(first) is kept
    models.find_version(third)
    assert models.find_version(first) is kept
    assert models.find_version(second) is not dropped


def test_what_projects_used_is_remembered_of_the_last_ones_alone(
    other_server: PrivateRedis, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A thousand are; fewer are enough to see it.
    monkeypatch.setattr(project_models, "_REMEMBERED", 2)
    client = connect_redis(other_server.url, is_patient=False)
    models = ProjectModels(predictor, ModelStore(client))
    version = models.store.add(make_decoder_file(predictor)).version
    for project in (PROJECT, OTHER_PROJECT, "4.1"):
        models.use(project, version)
    other_server.stop()
    assert models.find(OTHER_PROJECT).model_version == version
    assert models.find(PROJECT) is predictor
    client.close()


def test_a_decoder_that_does_not_fit_the_model_is_not_used(
    models: ProjectModels, predictor: Predictor
) -> None:
    notes = make_lesson(predictor).to_notes()
    foreign = write_decoder(make_small_predictor(PLAIN).copy_decoder(),
                            predictor.embedding_identity, notes)  # fmt: skip
    version = models.store.add(foreign).version
    with pytest.raises(ModelConflict, match="not a decoder of 'nano'"):
        models.use(PROJECT, version)
    assert models.store.find_used(PROJECT) is None
