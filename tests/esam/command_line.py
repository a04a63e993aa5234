"""The command line without the seconds that a new process takes."""

from pathlib import Path

from esam.cli import run_cli


def esam(*arguments: str | Path | int) -> int:
    """The exit code of a command, run in this process."""
    try:
        return run_cli([str(a) for a in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
