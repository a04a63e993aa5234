"""What it looks like when there is not enough memory, on a machine or on its accelerator."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .errors import OutOfMemory

_WORDS = ("not enough memory", "can't allocate memory", "out of memory")
"""What torch says of it in a plain RuntimeError, on a CPU among others."""


@contextmanager
def memory_errors_translated(work: str) -> Iterator[None]:
    """Turn every form of "not enough memory" into ours, and free what the device keeps in store.

    Args:
        work: what needs the memory, for people.

    Raises:
        OutOfMemory: there was not enough memory for the body.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        torch.cuda.empty_cache()  # nothing, where there is no GPU
        words = (str(error).splitlines() or ["MemoryError"])[0]
        raise OutOfMemory(
            f"not enough memory to {work} ({words:.200}); use a smaller image, fewer processes, or "
            "a machine or device with more memory"
        ) from error


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _WORDS)
