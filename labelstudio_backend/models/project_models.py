"""Which model answers for a project: the one that was loaded, with the decoder that it learned.

A caller is handed a predictor and keeps it until it is done: what a project uses may change
meanwhile, and does not change an answer on its way.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from redis.exceptions import RedisError

from core import CheckpointError, Predictor

from ..errors import ModelConflict, ModelMissing
from .learned_model import LearnedModel
from .model_store import ModelStore

logger = logging.getLogger(__name__)

_LOADED = 8
_REMEMBERED = 1000
_LEAVE_ALONE_S = 5.0
"""How long Redis is not asked again after it did not answer: a click must not wait for it twice."""


class ProjectModels:
    """The predictors of projects. Safe between threads.

    Args:
        base: the model that this process has loaded.
        store: what was learned, and who uses it; with a client that does not wait long.
        clock: monotonic seconds.
    """

    def __init__(
        self, base: Predictor, store: ModelStore, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.base = base
        self.store = store
        self._loaded: OrderedDict[str, Predictor] = OrderedDict()
        self._used: OrderedDict[str, str | None] = OrderedDict()
        self._unusable: set[str] = set()
        self._is_restored = False
        self._clock = clock
        self._ask_again_at = clock()
        self._lock = Lock()

    def find(self, project: str | None) -> Predictor:
        """The predictor that a project uses now.

        While Redis is away, it is the one that the project used last. A version that cannot be
        loaded is answered by the base, which says so in its predictions.

        Args:
            project: ``"<id>.<unix time of creation>"``; None is answered by the base.
        """
        version = self._find_used(project) if project is not None else None
        if version is None:
            return self.base
        try:
            return self.find_version(version)
        except (ModelMissing, ModelConflict, RedisError) as error:
            if version not in self._unusable:
                logger.error("project=%s version=%s not usable, %s answers: %s", project, version,
                             self.base.model_version, error)  # fmt: skip
                self._unusable.add(version)
            return self.base

    def restore(self) -> None:
        """Bring back what Redis lacks, the first time and whenever Redis was away.

        Raises:
            RedisError: it still is.
        """
        if not self._is_restored:
            self.store.restore()
            self._is_restored = True

    def find_version(self, version: str) -> Predictor:
        """The predictor of a version, the base's own among them.

        Raises:
            ModelMissing: there is no such version.
            ModelConflict: it was learned on another model.
        """
        if version == self.base.model_version:
            return self.base
        with self._lock:
            predictor = self._loaded.get(version)
        # Loaded without the lock: nobody else's click waits for it.
        predictor = predictor or self._load(version)
        with self._lock:
            self._loaded[version] = predictor
            self._loaded.move_to_end(version)
            if len(self._loaded) > _LOADED:
                self._loaded.popitem(last=False)
        return predictor

    def is_usable(self, model: LearnedModel) -> bool:
        """Whether a learned model fits the one that is loaded."""
        is_same_encoder = model.embedding_identity == self.base.embedding_identity
        return is_same_encoder and model.lesson.base_version == self.base.model_version

    def use(self, project: str, version: str) -> None:
        """From now on a project uses this version, once it is loaded and found good.

        Raises:
            ModelMissing: there is no such version.
            ModelConflict: it was learned on another model.
        """
        self.restore()
        self.find_version(version)
        self.store.use(project, version)
        self._remember(project, version)
        self._unusable.discard(version)
        logger.info("model chosen project=%s version=%s", project, version)

    def roll_back(self, project: str) -> str:
        """Let a project use what it used before; that version.

        Raises:
            ModelConflict: the project uses nothing learned.
        """
        self.restore()
        version = self.store.roll_back(project) or self.base.model_version
        self._remember(project, version)
        logger.info("model rolled back project=%s version=%s", project, version)
        return version

    def _find_used(self, project: str) -> str | None:
        if self._clock() >= self._ask_again_at:
            try:
                self.restore()
                return self._remember(project, self.store.find_used(project))
            except RedisError:
                self._is_restored = False  # it may come back empty
                self._ask_again_at = self._clock() + _LEAVE_ALONE_S
        with self._lock:
            return self._used.get(project)

    def _remember(self, project: str, version: str | None) -> str | None:
        with self._lock:
            self._used[project] = version
            self._used.move_to_end(project)
            if len(self._used) > _REMEMBERED:
                self._used.popitem(last=False)
        return version

    def _load(self, version: str) -> Predictor:
        model = self.store.find(version)
        if not self.is_usable(model):
            raise ModelConflict(
                f"{version!r} was learned on {model.lesson.base_version!r}, and "
                f"{self.base.model_version!r} is loaded; start with the weights it was learned on, "
                "or choose another version"
            )
        try:
            return self.base.with_decoder(self.store.load(version))
        except CheckpointError as error:
            raise ModelConflict(str(error)) from error
