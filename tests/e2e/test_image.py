"""The Dockerfile's instructions and the compose file's commands, carried out without an engine."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from esam.processes import stop_process
from esam.redis_server import find_redis_server

from .conftest import need
from .containers import PATH, Container, Root, can_contain, start_network
from .image_build import ImageBuild, Stage
from .label_studio import ROOT

# It downloads gigabytes.
pytestmark = pytest.mark.timeout(1800)

_TIMEOUT_S = 90


@dataclass
class Running:
    """The services of the compose file.

    Attributes:
        services: as the compose file has them.
        containers: by service.
        processes: likewise.
    """

    services: dict[str, dict[str, Any]]
    containers: dict[str, Container]
    processes: dict[str, "subprocess.Popen[bytes]"]

    def is_healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        kind, *command = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        process = self.containers[name].start(command, stderr=subprocess.DEVNULL)
        return process.wait(_TIMEOUT_S) == 0

    def wait_until_healthy(self, name: str) -> None:
        deadline = time.monotonic() + _TIMEOUT_S
        while not self.is_healthy(name):
            assert self.processes[name].poll() is None, f"{name} ended"
            assert time.monotonic() < deadline, f"{name} does not become healthy"
            time.sleep(0.5)


def read_services() -> dict[str, dict[str, Any]]:
    """The services as Docker's client reads them, with no settings of this machine."""
    program = shutil.which("docker-compose", path=str(Path(sys.executable).parent))
    need("Docker's compose client (Linux on x86-64, Python 3.11 or newer)", program is not None)
    command = [str(program), "--profile", "*", "config", "--format", "json"]
    environment = {"PATH": PATH, "HOME": "/nonexistent"}
    text = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(text.stdout)["services"]
    return found


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    need("root on Linux with overlayfs", can_contain())
    folder = tmp_path_factory.mktemp("image")
    (folder / "hosts").write_text("127.0.0.1 localhost redis\n")
    yield folder
    subprocess.run(["rm", "-rf", str(folder)], check=True)  # gigabytes


@pytest.fixture(scope="module")
def image(layers: Path) -> Stage:
    """The CPU's image, with torch from the index of everything else."""
    return ImageBuild(ROOT, layers, {"TORCH_BACKEND": ""}).build("cpu")


def make_container(image: Stage, service: dict[str, Any], network: int, folder: Path) -> Container:
    """A container as the compose file wants it."""
    (volume,) = service["volumes"]
    folder.mkdir()
    # The engine gives a new volume to the owner it has in the image.
    folder.chmod(0o755 if volume.get("read_only") else 0o777)
    environment = service.get("environment") or {}
    return Container(
        image.root,
        image.environment | {name: str(value) for name, value in environment.items()},
        folder=image.folder,
        user=image.user,
        is_read_only=service["read_only"],
        volumes={volume["target"]: folder, "/etc/hosts": folder.parent / "hosts"},
        tmpfs=service["tmpfs"],
        network=network,
    )


@pytest.fixture(scope="module")
def running(image: Stage, layers: Path) -> Iterator[Running]:
    """Redis, backend and worker of the compose file in a network of their own."""
    services = read_services()
    network = start_network()
    containers = {
        name: make_container(image, services[name], network.pid, layers / f"{name}-volume")
        for name in ("backend", "worker")
    }
    containers["redis"] = make_redis(services["redis"], network.pid, layers)
    commands = {name: image.entrypoint + services[name]["command"] for name in containers}
    commands["redis"] = services["redis"]["command"]
    running = Running(services, containers, {})
    try:
        for name in ("redis", "backend", "worker"):
            running.processes[name] = containers[name].start(commands[name])
        yield running
    finally:
        for process in reversed(running.processes.values()):
            stop_process(process)
        stop_process(network)


def make_redis(service: dict[str, Any], network: int, layers: Path) -> Container:
    """This machine's Redis as a user without rights."""
    layer, work, volume = (layers / f"redis-{part}" for part in ("layer", "work", "volume"))
    for folder in (layer / "usr" / "local" / "bin", layer / "data", work, volume):
        folder.mkdir(parents=True)
    volume.chmod(0o777)
    for name in ("redis-server", "redis-cli"):
        shutil.copy(Path(find_redis_server()).with_name(name), layer / "usr" / "local" / "bin")
    return Container(
        Root(layer, work),
        {"PATH": PATH},
        folder="/data",
        user="999:999",
        is_read_only=service["read_only"],
        volumes={"/data": volume},
        tmpfs=service["tmpfs"],
        network=network,
    )


def test_the_image_has_the_product_and_nano_and_no_tools_of_ours(image: Stage) -> None:
    container = Container(
        image.root,
        image.environment,
        user=image.user,
        is_read_only=True,
        tmpfs=["/tmp"],  # noqa: S108  the container's own
    )
    listed = container.run([*image.entrypoint, "weights", "list"])
    assert "nano.safetensors" in listed
    packages = container.run(["uv", "--no-cache", "pip", "list", "--python", "/opt/python"])
    assert "torch" in packages
    for name in ("pytest", "mypy", "label-studio-sdk"):
        assert name not in packages
    script = (
        "import torch, worker; from importlib.util import cache_from_source; "
        "print(*(open(cache_from_source(one.__file__)).name for one in (torch, worker)))"
    )
    assert "worker/__pycache__" in container.run(["python", "-c", script])


def test_its_user_can_write_nowhere(image: Stage) -> None:
    container = Container(image.root, image.environment, user=image.user)
    assert container.run(["id", "-u"]).strip() == "10001"
    places = "/ /opt/esam /opt/python /etc /usr/local"
    script = f"for place in {places}; do touch $place/x 2>/dev/null && echo $place; done; true"
    assert container.run(["sh", "-c", script]) == ""


def test_the_download_of_weights_needs_nothing_but_the_network(image: Stage, layers: Path) -> None:
    service = read_services()["weights"]
    network = start_network()
    try:
        container = make_container(image, service, network.pid, layers / "weights-volume")
        command = image.entrypoint + service["command"]
        process = container.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = process.communicate()[0].decode()
    finally:
        stop_process(network)
    assert process.returncode == 1
    assert "name resolution" in output, "neither a wrong argument nor a folder it may not write"


def test_redis_backend_and_worker_of_the_compose_file_become_healthy_and_answer_a_click(
    running: Running,
) -> None:
    for name in ("redis", "backend", "worker"):
        running.wait_until_healthy(name)
    script = ROOT / "tests" / "e2e" / "click_from_inside.py"
    answer = running.containers["backend"].run(["python", "-c", script.read_text()])
    assert "brushlabels" in answer.splitlines()[-1]
    status = json.loads(running.containers["backend"].run(["esam", "status", "--json"]))
    assert status["redis"]["eviction_policy"] == "volatile-lru"
    (worker,) = status["workers"]
    assert worker["device"] == "cpu"


def test_a_worker_that_redis_does_not_know_is_not_healthy(running: Running) -> None:
    running.wait_until_healthy("worker")
    stop_process(running.processes["worker"])
    assert not running.is_healthy("worker")
