"""``esam demo`` as ``make demo`` runs it, with the model that ships."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image

from esam.demo_photos import DEMO_PROMPTS


def processes_with(mark: str) -> list[str]:
    """Process ids whose environment holds this mark."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in environment.read_bytes():
                found.append(environment.parent.name)
        except OSError:  # it ended while we looked, or is not ours
            continue
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes through /proc")
def test_the_demo_draws_every_answer_and_leaves_no_process_behind(tmp_path: Path) -> None:
    mark = f"mark-{uuid4()}"
    # Whoever tries the demo where a backend with a login is set up has these set.
    login = {"BASIC_AUTH_USER": "ann", "BASIC_AUTH_PASS": "secret"}
    result = subprocess.run(
        [sys.executable, "-m", "esam", "demo", "--out", str(tmp_path), "--model", "nano"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **login, "ESAM_TEST_MARK": mark, "COLUMNS": "120"},
    )
    assert result.returncode == 0, result.stderr
    assert processes_with(mark) == []
    assert "Traceback" not in result.stderr
    assert "Next: `esam play`" in result.stdout
    pictures = sorted(p.name for p in tmp_path.glob("*.png"))
    assert pictures == sorted(f"{Path(p.photo).stem}-{p.name}.png" for p in DEMO_PROMPTS)
    for asked in DEMO_PROMPTS:
        assert asked.name in result.stdout
    with Image.open(tmp_path / pictures[0]) as picture:
        assert picture.size == (512, 512)
