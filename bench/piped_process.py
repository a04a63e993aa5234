"""A process at the other end of a pipe: it shares the processor, not the GIL."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


@contextmanager
def piped_process(work: Callable[..., None], *args: Any) -> Iterator[Connection]:
    """Start a process that ends when its pipe does.

    Args:
        work: what it does, called with its end of the pipe and ``args``; returns at ``EOFError``.
        args: can be pickled.

    Yields:
        Our end of the pipe.
    """
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=work, args=(theirs, *args), daemon=True)
    process.start()
    theirs.close()  # so that waiting ends when the process does
    try:
        yield ours
    finally:
        ours.close()
        process.join()
