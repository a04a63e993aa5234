"""The images that people have on the page: sent once, then named by their SHA-256."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from ..errors import ImageMissing
from ..images.fetcher import ImageSource


class KeptImages:
    """Image files in this process, the least recently used ones given up. Safe between threads.

    Args:
        max_bytes: bound of what is kept; the latest image is kept whatever its size.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._contents: OrderedDict[str, bytes] = OrderedDict()
        self._size_bytes = 0
        self._lock = Lock()

    def keep(self, image: ImageSource) -> None:
        """Keep an image whose SHA-256 is known."""
        content = image.read()
        with self._lock:
            self._size_bytes -= len(self._contents.pop(image.sha256 or "", b""))
            self._contents[image.sha256 or ""] = content
            self._size_bytes += len(content)
            while self._size_bytes > self._max_bytes and len(self._contents) > 1:
                _, oldest = self._contents.popitem(last=False)
                self._size_bytes -= len(oldest)

    @contextmanager
    def open(self, sha256: str) -> Iterator[ImageSource]:
        """Open an image that was kept.

        Raises:
            ImageMissing: it was given up, or never sent to this process.
        """
        with self._lock:
            content = self._contents.get(sha256)
            if content is None:
                raise ImageMissing("this image is not here any more: send it again")
            self._contents.move_to_end(sha256)
        yield ImageSource(None, lambda: content, sha256)


def open_content(content: bytes) -> ImageSource:
    """An image that was just sent."""
    return ImageSource(None, lambda: content, hashlib.sha256(content).hexdigest())
