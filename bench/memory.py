"""Resident memory of processes over time. Reads /proc: Linux only."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_SAMPLE_EVERY_S = 1.0


@contextmanager
def sampling_memory(processes: Sequence[int]) -> Iterator[list[list[int]]]:
    """Resident bytes of each process, once a second and at the end."""
    samples: list[list[int]] = [[] for _ in processes]
    is_over = threading.Event()

    def sample() -> None:
        while True:
            for process, found in zip(processes, samples, strict=True):
                pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
                found.append(pages * os.sysconf("SC_PAGE_SIZE"))
            if is_over.wait(_SAMPLE_EVERY_S):
                return

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        is_over.set()
        thread.join()
