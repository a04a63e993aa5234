"""What decoding needs of an image whatever the prompt, kept for the images decoded last."""

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

_Embedding = TypeVar("_Embedding")
_Prepared = TypeVar("_Prepared")


class PreparedImages(Generic[_Embedding, _Prepared]):
    """Prepared images by the object that is their embedding. Safe between threads.

    Args:
        prepare: makes one.
        limit: how many are kept; one of vitt takes 14 MiB.
    """

    def __init__(self, prepare: Callable[[_Embedding], _Prepared], limit: int) -> None:
        self._prepare = prepare
        self._limit = limit
        # Each entry holds its embedding, so that no other object can take over its id.
        self._kept: OrderedDict[int, tuple[_Embedding, _Prepared]] = OrderedDict()
        self._lock = Lock()

    def get(self, embedding: _Embedding) -> _Prepared:
        """The prepared image, made now unless this object was asked for lately."""
        with self._lock:
            kept = self._kept.get(id(embedding))
            if kept is not None:
                self._kept.move_to_end(id(embedding))
                return kept[1]
        prepared = self._prepare(embedding)
        with self._lock:
            self._kept[id(embedding)] = (embedding, prepared)
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return prepared
