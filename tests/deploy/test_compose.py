"""docker-compose.yml and Dockerfile, as Docker's own client and hadolint read them."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

from docs.reference.configuration import find_all_names
from labelstudio_backend import BackendSettings
from worker import WorkerSettings

from ..monitoring_files import ROOT

EXAMPLE = (ROOT / ".env.example").read_text()
COMPOSE_TEXT = (ROOT / "docker-compose.yml").read_text()
OURS = ("backend", "worker", "worker-gpu", "weights")


def run_tool(name: str, *arguments: str) -> str:
    """What a program of our environment prints; it has wheels for Linux on x86-64 alone."""
    program = shutil.which(name, path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{name} is not installed here")
    result = subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """All services as Docker understands them."""
    text = run_tool("docker-compose", "--profile", "*", "config", "--format", "json")
    found: dict[str, dict[str, Any]] = json.loads(text)["services"]
    return found


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    run_tool("hadolint", "Dockerfile")


def test_cpu_and_cuda_differ_in_where_torch_comes_from_and_in_nothing_else() -> None:
    with (ROOT / "Dockerfile").open("rb") as file:
        instructions = DockerfileParser(fileobj=file).structure
    installs = [i["value"] for i in instructions if "--requirement pyproject" in i["value"]]
    cpu, cuda = (" ".join(install.split()) for install in installs)
    assert cpu.replace('${TORCH_BACKEND:+--torch-backend "${TORCH_BACKEND}"} ', "") == cuda
    copied = [i["value"].replace("-cuda", "-cpu") for i in instructions if "--from=" in i["value"]]
    assert copied[:2] == copied[2:]


def test_without_a_profile_there_is_what_a_click_needs() -> None:
    started = run_tool("docker-compose", "config", "--services").split()
    assert sorted(started) == ["backend", "redis", "worker"]


@pytest.mark.parametrize("name", [*OURS, "redis", "prometheus", "grafana"])
def test_a_service_can_write_nowhere_but_into_its_volumes(
    services: dict[str, dict[str, Any]], name: str
) -> None:
    service = services[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_services_that_run_are_restarted_and_looked_after(
    services: dict[str, dict[str, Any]],
) -> None:
    for name in ("redis", "backend", "worker", "worker-gpu"):
        assert services[name]["restart"] == "unless-stopped"
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    for name in ("backend", "worker", "worker-gpu"):
        assert services[name]["depends_on"]["redis"]["condition"] == "service_healthy"


def test_redis_gives_up_embeddings_and_never_queues(services: dict[str, dict[str, Any]]) -> None:
    command = services["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--maxmemory-policy"] == "volatile-lru"
    assert options["--maxmemory"] == "2gb"
    assert options["--appendonly"] == "yes"
    assert "ports" not in services["redis"], "nobody outside needs it"


def test_only_a_worker_gets_the_gpu(services: dict[str, dict[str, Any]]) -> None:
    (device,) = services["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert services["worker-gpu"]["environment"]["ESAM_DEVICE"] == "cuda:0"
    assert services["worker-gpu"]["build"]["target"] == "cuda"
    assert services["backend"]["environment"]["ESAM_DEVICE"] == "cpu"


def test_the_weights_volume_is_written_by_its_download_alone(
    services: dict[str, dict[str, Any]],
) -> None:
    for name in OURS:
        (volume,) = services[name]["volumes"]
        assert volume["target"] == "/weights"
        assert volume.get("read_only", False) is (name != "weights")


def known_names() -> set[str]:
    return find_all_names() | set(re.findall(r"\$\{(\w+)", COMPOSE_TEXT))


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    by_compose = {"ESAM_REDIS_URL", "ESAM_DEVICE", "DEVICE", "PORT"}
    named = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert named == known_names() - by_compose
    last_line = EXAMPLE.splitlines()[-1]
    assert all(name in last_line for name in by_compose)


@pytest.mark.parametrize("settings", [WorkerSettings, BackendSettings])
def test_what_stands_in_the_example_is_taken_without_it_too(
    settings: type[WorkerSettings | BackendSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    suggested = {"LABEL_STUDIO_URL", "ESAM_MODEL", "ESAM_WEIGHTS"}
    values = dict(re.findall(r"^#([A-Z_]+)=(.+)$", EXAMPLE, re.MULTILINE))
    for name in known_names():
        monkeypatch.delenv(name, raising=False)
    plain = settings()
    for name in values.keys() - suggested:
        monkeypatch.setenv(name, values[name])
    assert settings() == plain


def test_the_example_as_it_is_changes_nothing() -> None:
    assert not [x for x in EXAMPLE.splitlines() if x and not x.startswith("#")]


def test_uv_in_the_image_is_the_one_of_the_lock() -> None:
    (in_image,) = re.findall(r"uv==(\S+)", (ROOT / "Dockerfile").read_text())
    (in_lock,) = re.findall(r"^uv==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert in_image == in_lock
