"""Entry point of the ``esam`` command."""

import sys

from .errors import ShadowedPackage
from .memory_policy import keep_freed_memory
from .shadowing import refuse_shadowed_packages
from .thread_policy import let_waiting_threads_sleep


def main() -> None:
    """Run the command line; leaves the process with its exit code."""
    try:
        refuse_shadowed_packages()
    except ShadowedPackage as error:
        sys.exit(f"esam: {error}")
    let_waiting_threads_sleep()
    keep_freed_memory()
    # Not before the check: a stranger's `core` would fail on import with a riddle.
    from .cli import run_cli

    sys.exit(run_cli())


if __name__ == "__main__":
    main()
