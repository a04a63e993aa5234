"""Learned models in Redis, where every process finds them, and what each project uses.

They are no cache: their keys have no expiry, so that ``volatile-lru`` never evicts them. There are
at most ``_KEPT`` of a project beside those in use.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from redis import Redis

from worker import as_text

from ..errors import ModelConflict, ModelMissing
from ..redis_keys import MODELS_KEY, PROJECT_MODELS_KEY, model_key, project_models_key
from .learned_model import LearnedModel, describe_decoder
from .model_folder import ModelFolder

_KEPT = 5
_REMEMBERED = 20


class ModelStore:
    """Learned models. Safe between threads and processes.

    Args:
        redis: where they are kept.
        folder: where they are kept too, for a Redis that forgets.
    """

    def __init__(self, redis: Redis, folder: Path | None = None) -> None:
        self._redis = redis
        self._folder = ModelFolder(folder) if folder is not None else None

    def add(self, content: bytes) -> LearnedModel:
        """Keep a decoder file, and forget the oldest of its project that nobody uses.

        Safe to repeat.

        Raises:
            CheckpointError: it is damaged, or no file of a project's decoder.
        """
        model = self._put(content)
        if self._folder is not None:
            self._folder.save(model.version, content)
        self._forget_old(model.lesson.project)
        return model

    def list_models(self) -> list[LearnedModel]:
        """All that are kept, newest first."""
        records = self._redis.hvals(MODELS_KEY)
        found = [LearnedModel.model_validate_json(record) for record in records]
        return sorted(found, key=lambda model: model.lesson.created_at, reverse=True)

    def find(self, version: str) -> LearnedModel:
        """What is known of a learned model.

        Raises:
            ModelMissing: there is none of this version.
        """
        record = self._redis.hget(MODELS_KEY, version)
        if record is None:
            raise ModelMissing(
                f"there is no learned model {version!r}; `esam models list` shows those there are"
            )
        return LearnedModel.model_validate_json(record)

    def load(self, version: str) -> bytes:
        """A learned model's decoder file.

        Raises:
            ModelMissing: there is none of this version, or not the whole of it.
        """
        model = self.find(version)
        content = self._redis.get(model_key(version))
        if not isinstance(content, bytes) or hashlib.sha256(content).hexdigest() != model.sha256:
            raise ModelMissing(
                f"the file of the learned model {version!r} is gone from Redis, or damaged; roll "
                "back with `esam models rollback`, and learn again with `esam finetune`"
            )
        return content

    def find_used(self, project: str) -> str | None:
        """The version that a project uses; None where nobody chose one."""
        version = self._redis.lindex(project_models_key(project), 0)
        return None if version is None else as_text(version)

    def list_used(self) -> dict[str, list[str]]:
        """The versions that each project used, the latest first."""
        projects = sorted(as_text(p) for p in self._redis.smembers(PROJECT_MODELS_KEY))
        return {project: self._list_used(project) for project in projects}

    def use(self, project: str, version: str) -> None:
        """From now on a project uses this version; safe to repeat."""
        if self.find_used(project) != version:
            with self._redis.pipeline() as pipe:
                pipe.lpush(project_models_key(project), version)
                pipe.ltrim(project_models_key(project), 0, _REMEMBERED - 1)
                pipe.sadd(PROJECT_MODELS_KEY, project)
                pipe.execute()
        self._save_used()

    def roll_back(self, project: str) -> str | None:
        """Let a project use what it used before.

        Returns:
            That version; None where it was the model without anything learned.

        Raises:
            ModelConflict: the project uses nothing learned.
        """
        if self._redis.lpop(project_models_key(project)) is None:
            raise ModelConflict("this project uses nothing that was learned: no version is before")
        self._save_used()
        return self.find_used(project)

    def restore(self) -> None:
        """Bring back from the folder what Redis lacks; what Redis has stays as it is."""
        if self._folder is None:
            return
        known = {as_text(version) for version in self._redis.hkeys(MODELS_KEY)}
        for content in self._folder.load_all():
            if describe_decoder(content).version not in known:
                self._put(content)
        for project, versions in self._folder.load_used().items():
            if versions and not self._redis.sismember(PROJECT_MODELS_KEY, project):
                with self._redis.pipeline() as pipe:
                    pipe.rpush(project_models_key(project), *versions)
                    pipe.sadd(PROJECT_MODELS_KEY, project)
                    pipe.execute()

    def _put(self, content: bytes) -> LearnedModel:
        model = describe_decoder(content)
        with self._redis.pipeline() as pipe:
            pipe.set(model_key(model.version), content)
            pipe.hset(MODELS_KEY, model.version, model.model_dump_json())
            pipe.execute()
        return model

    def _forget_old(self, project: str) -> None:
        used = {versions[0] for versions in self.list_used().values() if versions}
        mine = [model for model in self.list_models() if model.lesson.project == project]
        for model in mine[_KEPT:]:
            if model.version not in used:
                with self._redis.pipeline() as pipe:
                    pipe.hdel(MODELS_KEY, model.version)
                    pipe.delete(model_key(model.version))
                    pipe.lrem(project_models_key(project), 0, model.version)
                    pipe.execute()
                if self._folder is not None:
                    self._folder.forget(model.version)

    def _list_used(self, project: str) -> list[str]:
        versions: Sequence[object] = self._redis.lrange(project_models_key(project), 0, -1)
        return [as_text(version) for version in versions]

    def _save_used(self) -> None:
        if self._folder is not None:
            self._folder.save_used(self.list_used())
