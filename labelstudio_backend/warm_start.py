"""Warm start: images of tasks that somebody may soon open are encoded before the first click.

Orders are bounded (``MAX_WAITING`` jobs), asked for once an hour an image, and dropped when no
worker came to them in half an hour: an embedding nobody waits for must not cost a click its turn.

Jobs name an image by an id: its URL may be signed, and a job that failed is kept for days.
"""

import hashlib
import logging
from collections.abc import Sequence

from redis import Redis
from redis.exceptions import RedisError

from core import EfficientSAMError
from worker import (
    PREFETCH,
    EmbeddingClient,
    RequestThreads,
    WorkerContext,
    as_text,
    count,
    count_waiting_jobs,
    current_context,
    encode_here,
    enqueue_job,
)

from .errors import BackendError, translate_error
from .images.data_uri import SCHEME
from .job_resources import job_resources
from .label_studio.account import LabelStudioAccount
from .label_studio.account_store import AccountStore
from .redis_keys import WARM_TTL_S, warm_key

logger = logging.getLogger(__name__)

MAX_WAITING = 1000
_STALE_AFTER_S = 1800
_JOB_TIMEOUT_S = 180

Image = tuple[int | str | None, str]
"""A task's id and where it says that its image is."""


class WarmStart:
    """Orders embeddings on the ``prefetch`` queue. Safe between threads.

    Args:
        redis: where queue and cache are.
        model_identity: of the model whose embeddings are wanted.
    """

    def __init__(self, redis: Redis, model_identity: str) -> None:
        self._redis = redis
        self._identity = model_identity
        self._accounts = AccountStore(redis)
        self._thread = RequestThreads(1, "warm")

    def warm(self, account: LabelStudioAccount | None, images: Sequence[Image]) -> None:
        """Order embeddings; returns at once, and never fails the caller."""
        self._thread.submit(self._order_logged, account, list(images))

    def find_room(self) -> int:
        """How many more jobs the queue takes."""
        return max(0, MAX_WAITING - count_waiting_jobs(self._redis)[PREFETCH])

    def order(self, account: LabelStudioAccount | None, images: Sequence[Image]) -> int:
        """Order the embeddings of images that were not asked for lately.

        Returns:
            How many jobs were put on the queue; images beyond ``MAX_WAITING`` get none.
        """
        room = self.find_room()
        account_id = self._accounts.save(account) if account is not None else None
        queued = 0
        for task_id, source in images:
            if queued >= room:
                logger.warning("prefetch queue full waiting=%d dropped=%d", MAX_WAITING,
                               len(images) - queued)  # fmt: skip
                break
            if source[: len(SCHEME)].lower() == SCHEME:
                continue  # it travels with each click; the queue must not hold images
            image_id = hashlib.sha256(f"{self._identity}\n{source}".encode()).hexdigest()[:32]
            if self._redis.set(warm_key(image_id), source, nx=True, ex=WARM_TTL_S):
                enqueue_job(
                    self._redis,
                    PREFETCH,
                    warm_image,
                    (account_id, task_id, image_id),
                    timeout_s=_JOB_TIMEOUT_S,
                    wait_at_most_s=_STALE_AFTER_S,
                )
                queued += 1
        return queued

    def _order_logged(self, account: LabelStudioAccount | None, images: list[Image]) -> None:
        try:
            queued = self.order(account, images)
        except RedisError as error:
            logger.warning("warm start not possible, Redis is away (%s)", type(error).__name__)
        else:
            logger.info("warm start images=%d queued=%d", len(images), queued)


def warm_image(account_id: str | None, task_id: int | str | None, image_id: str) -> None:
    """Fetch and encode an image in this worker process, unless its embedding is there.

    It is allowed to fail: the click that comes later says what is wrong.
    """
    context = current_context()
    source = context.redis.get(warm_key(image_id))
    if not source:  # evicted for room, or done by a worker that died right after
        return
    _warm(context, account_id, task_id, as_text(source))
    context.redis.set(warm_key(image_id), "", xx=True, keepttl=True)


def _warm(
    context: WorkerContext, account_id: str | None, task_id: int | str | None, source: str
) -> None:
    embeddings = EmbeddingClient(context.redis, context.predictor.embedding_identity)
    try:
        account = AccountStore(context.redis).load(account_id) if account_id else None
        with job_resources().images.open(source, account, task_id) as image:
            known = embeddings.find_alias(image.alias) if image.alias else None
            if known is not None and embeddings.has(known):
                return
            content = image.read()
        image_sha256 = encode_here(context, content)
        if image.alias:
            embeddings.save_alias(image.alias, image_sha256)
    except (BackendError, EfficientSAMError) as error:
        logger.warning("warm start failed task=%r reason=%s", task_id, error)
        count(context.redis, "failures", work="warm_start", reason=translate_error(error).code)
