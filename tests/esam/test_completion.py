"""What a shell asks when Tab is pressed, of a process as it starts one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ESAM = str(Path(sys.executable).with_name("esam"))


def complete(*words: str) -> list[str]:
    environment = {
        **os.environ,
        "_ESAM_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("esam", *words)),
        "COMP_CWORD": str(len(words)),
    }
    result = subprocess.run([ESAM], env=environment, capture_output=True, text=True, check=False)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("pre",), ["predict", "prelabel"]),
        (("runs", "re"), ["resume", "retry-failed"]),
        (("prelabel", "--l"), ["--label", "--limit"]),
        (("prelabel", "--prompts", "e"), ["everything"]),
    ],
)
def test_commands_their_options_and_what_these_take_are_completed(
    words: tuple[str, ...], offered: list[str]
) -> None:
    assert complete(*words) == offered
