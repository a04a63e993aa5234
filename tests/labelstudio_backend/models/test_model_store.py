"""Learned models in a real Redis, and in the folder beside it."""

import logging
from pathlib import Path

import pytest
from redis import Redis

from core import CheckpointError, Predictor, write_decoder
from esam.redis_server import PrivateRedis
from labelstudio_backend import ModelConflict, ModelMissing
from labelstudio_backend.models import ModelStore
from labelstudio_backend.models.model_folder import ModelFolder
from labelstudio_backend.redis_keys import model_key
from worker import connect_redis

from ..learned_decoders import OTHER_PROJECT, PROJECT, make_decoder_file, make_lesson


@pytest.fixture
def store(redis: Redis) -> ModelStore:
    return ModelStore(redis)


@pytest.fixture
def content(predictor: Predictor) -> bytes:
    return make_decoder_file(predictor)


def test_what_was_added_is_found_by_everybody(
    redis: Redis, store: ModelStore, predictor: Predictor, content: bytes
) -> None:
    model = store.add(content)
    other_process = ModelStore(redis)
    assert other_process.load(model.version) == content
    assert other_process.list_models() == [model]
    assert model.lesson == make_lesson(predictor)
    assert model.version == predictor.with_decoder(content).model_version
    assert model.embedding_identity == predictor.embedding_identity


def test_added_twice_it_is_there_once(store: ModelStore, content: bytes) -> None:
    assert store.add(content) == store.add(content)
    assert len(store.list_models()) == 1


def test_a_full_redis_evicts_embeddings_and_no_model(predictor: Predictor, content: bytes) -> None:
    with PrivateRedis(max_memory="24mb") as server:
        client = connect_redis(server.url)
        store = ModelStore(client)
        model = store.add(content)
        store.use(PROJECT, model.version)
        for number in range(40):
            client.set(f"esam:embedding:{number}", bytes(2**20), ex=600)
        assert client.dbsize() < 40
        assert store.load(model.version) == content
        assert store.find_used(PROJECT) == model.version
        client.close()


def test_a_version_that_nobody_knows_is_named(store: ModelStore) -> None:
    for ask in (store.find, store.load):
        with pytest.raises(ModelMissing, match="'efficientsam-nano-1-2'"):
            ask("efficientsam-nano-1-2")


@pytest.mark.parametrize("value", [b"", b"cut off", None])
def test_a_damaged_file_is_no_model(
    redis: Redis, store: ModelStore, content: bytes, value: bytes | None
) -> None:
    model = store.add(content)
    redis.delete(model_key(model.version))
    if value is not None:
        redis.set(model_key(model.version), value)
    with pytest.raises(ModelMissing, match="rollback"):
        store.load(model.version)


def test_a_decoder_that_does_not_say_where_it_comes_from_is_refused(
    store: ModelStore, predictor: Predictor
) -> None:
    plain = write_decoder(predictor.copy_decoder(), predictor.embedding_identity)
    with pytest.raises(CheckpointError, match="learned from"):
        store.add(plain)


def test_projects_use_what_was_chosen_last_and_roll_back_in_turn(store: ModelStore) -> None:
    assert store.find_used(PROJECT) is None
    for version in ("a", "b", "b"):
        store.use(PROJECT, version)
    store.use(OTHER_PROJECT, "c")
    assert store.list_used() == {PROJECT: ["b", "a"], OTHER_PROJECT: ["c"]}
    assert store.roll_back(PROJECT) == "a"
    assert store.find_used(PROJECT) == "a"
    assert store.roll_back(PROJECT) is None
    assert store.find_used(PROJECT) is None
    with pytest.raises(ModelConflict, match="nothing that was learned"):
        store.roll_back(PROJECT)
    assert store.find_used(OTHER_PROJECT) == "c"


def test_of_each_project_the_oldest_are_forgotten_but_what_is_used(
    predictor: Predictor, redis: Redis, tmp_path: Path
) -> None:
    store = ModelStore(redis, tmp_path)
    versions = []
    for number in range(8):
        model = store.add(make_decoder_file(predictor, run=f"r{number}"))
        versions.append(model.version)
        if number == 0:
            store.use(OTHER_PROJECT, model.version)
    other = store.add(make_decoder_file(predictor, project=OTHER_PROJECT, run="r0"))
    kept = {model.version for model in store.list_models()}
    assert kept == {versions[0], *versions[3:], other.version}
    assert {file.stem for file in tmp_path.glob("*.safetensors")} == kept
    assert not redis.exists(model_key(versions[1]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "learned"


@pytest.fixture
def kept_store(redis: Redis, folder: Path) -> ModelStore:
    return ModelStore(redis, folder)


def test_a_redis_that_forgot_everything_gets_it_back(
    redis: Redis, kept_store: ModelStore, content: bytes, folder: Path
) -> None:
    model = kept_store.add(content)
    kept_store.use(PROJECT, "efficientsam-nano-before")
    kept_store.use(PROJECT, model.version)
    redis.flushall()
    next_day = ModelStore(redis, folder)
    next_day.restore()
    assert next_day.load(model.version) == content
    assert next_day.list_used() == {PROJECT: [model.version, "efficientsam-nano-before"]}


def test_what_redis_knows_is_not_overwritten_by_the_folder(
    redis: Redis, kept_store: ModelStore, content: bytes, folder: Path
) -> None:
    model = kept_store.add(content)
    kept_store.use(PROJECT, model.version)
    elsewhere = ModelStore(redis)
    elsewhere.roll_back(PROJECT)
    kept_store.restore()
    assert kept_store.find_used(PROJECT) is None


def test_damaged_files_in_the_folder_are_left_out_and_named(
    redis: Redis,
    kept_store: ModelStore,
    content: bytes,
    folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = kept_store.add(content)
    (folder / "cut-off.safetensors").write_bytes(content[:1000])
    (folder / "projects.json").write_text("[1, 2")
    redis.flushall()
    with caplog.at_level(logging.WARNING):
        kept_store.restore()
    assert [found.version for found in kept_store.list_models()] == [model.version]
    assert "cut-off.safetensors" in caplog.text
    assert "projects.json" in caplog.text


def test_a_version_in_redis_cannot_lead_out_of_the_folder(folder: Path) -> None:
    folder.mkdir()
    outside, inside = folder.parent / "nano.safetensors", folder / "old.safetensors"
    for path in (outside, inside):
        path.touch()
    for version in ("../nano", str(folder.parent / "nano"), "old"):
        ModelFolder(folder).forget(version)
    assert (outside.exists(), inside.exists()) == (True, False)


def test_a_folder_that_cannot_be_written_is_a_warning(
    redis: Redis, content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    store = ModelStore(redis, tmp_path / "file" / "learned")
    model = store.add(content)
    store.use(PROJECT, model.version)
    assert store.load(model.version) == content
    assert "ESAM_LEARNED_FOLDER" in caplog.text
