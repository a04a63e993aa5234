"""``esam doctor`` as a person types it."""

import subprocess
import sys

import pytest

from ..label_studio_stand_in import EMAIL
from .backend_stand_in import MODEL_VERSION, BackendStandIn, make_status
from .command_line import esam
from .examined import PNG, ConnectedLabelStudio


def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "esam", "doctor", "--model", "nano", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_good_set_up_is_one_line_a_check(
    label_studio: ConnectedLabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = label_studio.token or ""
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    result = doctor("--project", "1")
    assert result.returncode == 0, result.stdout + result.stderr
    *lines, summary = result.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "✓ torch and torchvision",
        "✓ weights",
        "✓ backend",
        "✓ Redis",
        "✓ Redis memory",
        "✓ workers",
        "✓ the backend's Label Studio",
        "✓ Label Studio",
        "✓ token",
        "✓ project",
        "✓ label config",
        "✓ connection",
        "✓ images",
        "✓ image, upload",
    ]
    assert summary == "all well"
    for text in (
        f"{label_studio.backend_url} answers with {MODEL_VERSION}",
        f"{label_studio.url} is Label Studio 1.23.2",
        f"a legacy token of {EMAIL}",
        "1 'Stand-in' with 1 task\n",
        "masks in 'tag', smart tools 'tag2', 'tag3', labels Dog, Cat",
        f"connected and interactive: {label_studio.backend_url}",
        f"task 1: 60 × 40 pixels, {len(PNG)} bytes",
    ):
        assert text in result.stdout
    assert token not in result.stdout + result.stderr


def test_what_is_wrong_makes_the_exit_code_1_and_its_remedy_is_indented(
    label_studio: ConnectedLabelStudio, capsys: pytest.CaptureFixture[str]
) -> None:
    label_studio.models = []
    code = esam(
        "doctor", "--model", "nano", "--project", 1, "--url", label_studio.url,
        "--token", label_studio.token or "",
    )  # fmt: skip
    assert code == 1
    out = capsys.readouterr().out
    assert (
        "✗ connection: no model is connected\n"
        f"    Settings → Model → Connect Model: {label_studio.backend_url}, "
        "Interactive preannotations on; if Label Studio refuses it (403), start Label Studio with "
        "ML_BLOCK_LOCAL_IP=0 SSRF_PROTECTION_ENABLED=0\n"
    ) in out
    assert out.endswith("1 failed\n")


def test_without_label_studio_the_rest_is_checked(
    backend: BackendStandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    backend.say("GET /status", make_status())
    assert esam("doctor", "--model", "nano") == 0
    out = capsys.readouterr().out
    assert "✓ workers" in out
    assert "- Label Studio: skipped (set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY)\n" in out
