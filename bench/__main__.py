"""``python -m bench``: see ``suite``."""

from esam.memory_policy import keep_freed_memory
from esam.thread_policy import let_waiting_threads_sleep


def main() -> None:
    """Measure what the product would do in its own processes: with their threads and memory."""
    let_waiting_threads_sleep()
    keep_freed_memory()
    # Not before: torch looks at the environment when it is imported.
    from .suite import run_suite

    run_suite()


if __name__ == "__main__":
    main()
