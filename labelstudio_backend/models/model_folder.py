"""Learned models on disk, for a Redis that forgets: a file each, and one of what projects use."""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from core import CheckpointError

from .learned_model import describe_decoder

logger = logging.getLogger(__name__)

_SUFFIX = ".safetensors"
_USED = "projects.json"


class ModelFolder:
    """Keeps decoder files. What cannot be written is kept in Redis alone, with a warning.

    Args:
        path: the folder; made when there is something to keep.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def save(self, version: str, content: bytes) -> None:
        """Keep a decoder file."""
        self._write(f"{version}{_SUFFIX}", content)

    def forget(self, version: str) -> None:
        """Delete a decoder file, if it is there.

        Args:
            version: as it stands in Redis, where others may have written it.
        """
        name = f"{version}{_SUFFIX}"
        if Path(name).name == name:  # else it leads out of the folder
            (self._path / name).unlink(missing_ok=True)

    def save_used(self, used: Mapping[str, Sequence[str]]) -> None:
        """Keep which versions each project used, the latest first."""
        self._write(_USED, json.dumps(used, indent=1, sort_keys=True).encode())

    def load_all(self) -> Iterator[bytes]:
        """The decoder files that are whole, the oldest first."""
        found = []
        for file in self._path.glob(f"*{_SUFFIX}"):
            try:
                content = file.read_bytes()
                found.append((describe_decoder(content).lesson.created_at, content))
            except (OSError, CheckpointError) as error:
                logger.warning("learned model left out file=%s reason=%s", file, error)
        yield from (content for _, content in sorted(found))

    def load_used(self) -> dict[str, list[str]]:
        """Which versions each project used; nothing where that is not known."""
        try:
            used = json.loads((self._path / _USED).read_bytes())
            return {str(project): [str(v) for v in versions] for project, versions in used.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            logger.warning("what projects use is not known file=%s reason=%s", _USED, error)
            return {}

    def _write(self, name: str, content: bytes) -> None:
        part = self._path / f".{name}.{os.getpid()}.part"
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            part.write_bytes(content)
            part.replace(self._path / name)
        except OSError as error:
            logger.warning(
                "%s is kept in Redis alone: the folder %s cannot be written (%s); correct "
                "ESAM_LEARNED_FOLDER", name, self._path, error.strerror,
            )  # fmt: skip
