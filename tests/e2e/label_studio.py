"""A real Label Studio of one's own, and the few calls of its API that the tests need."""

import os
import secrets
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from esam.processes import stop_process

ROOT = Path(__file__).resolve().parents[2]
EXECUTABLE = ROOT / ".e2e" / "label-studio" / "bin" / "label-studio"

EMAIL = "annotator@example.com"
_START_TIMEOUT_S = 300.0

LABEL_CONFIG = """<View>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="tag" toName="image" smart="false">
    <Label value="Dog" background="#FF0000"/>
  </BrushLabels>
  <KeyPointLabels name="tag2" toName="image" smart="true" smartOnly="true">
    <Label value="Dog" background="#FF0000"/>
  </KeyPointLabels>
  <RectangleLabels name="tag3" toName="image" smart="true" smartOnly="true">
    <Label value="Dog" background="#FF0000"/>
  </RectangleLabels>
</View>"""


@dataclass
class LabelStudio:
    """A server with an empty database of its own."""

    folder: Path
    token: str = field(default_factory=lambda: secrets.token_hex(20))
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.api = httpx.Client(
            base_url=self.url, headers={"Authorization": f"Token {self.token}"}, timeout=100
        )
        self.files = self.folder / "files"
        self.files.mkdir(parents=True)
        self._log = (self.folder / "label-studio.log").open("wb")
        command = [str(EXECUTABLE), "start", "--no-browser", "--internal-host", "127.0.0.1"]
        self._process = subprocess.Popen(
            [*command, "--port", str(port)],
            env={**os.environ, **self._environment()},
            stdout=self._log,
            stderr=self._log,
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            assert self._process.poll() is None, self.log_tail()
            assert time.monotonic() < deadline, self.log_tail()
            time.sleep(0.2)

    def stop(self) -> None:
        self.api.close()
        stop_process(self._process)
        self._log.close()

    def log_tail(self) -> str:
        return (self.folder / "label-studio.log").read_text(errors="replace")[-2000:]

    def create_project(
        self, backend_url: str, image: Path, label_config: str = LABEL_CONFIG
    ) -> tuple[int, int]:
        """A project with one uploaded image and the backend connected; (project, task) ids."""
        project = self._created("/api/projects", title="First light", label_config=label_config)
        self.api.patch(f"/api/projects/{project}", json={"show_collab_predictions": False})
        with image.open("rb") as file:
            self.api.post(
                f"/api/projects/{project}/import", files={"file": (image.name, file)}
            ).raise_for_status()
        self.connect(project, backend_url)
        return project, self.task_ids(project)[0]

    def connect(self, project: int, backend_url: str) -> int:
        """Connect a backend, as Settings → Model does; the connection's id."""
        return self._created(
            "/api/ml", url=backend_url, project=project, title="EfficientSAM", is_interactive=True
        )

    def task_ids(self, project: int) -> list[int]:
        tasks = self.api.get("/api/tasks", params={"project": project}).json()["tasks"]
        return [task["id"] for task in tasks]

    def all_task_ids(self, project: int) -> list[int]:
        """Of a project of up to a thousand tasks."""
        params = {"project": project, "page_size": 1000}
        return [t["id"] for t in self.api.get("/api/tasks", params=params).json()["tasks"]]

    def ask(self, project: int, task: int, item: dict[str, Any]) -> dict[str, Any]:
        """What the page gets for one smart region."""
        backend = self.api.get("/api/ml", params={"project": project}).json()[0]["id"]
        answer: dict[str, Any] = self.api.post(
            f"/api/ml/{backend}/interactive-annotating",
            json={"task": task, "context": {"result": [item]}},
        ).json()
        return answer

    def annotations(self, task: int) -> list[dict[str, Any]]:
        annotations: list[dict[str, Any]] = self.api.get(f"/api/tasks/{task}/annotations").json()
        return annotations

    def _created(self, path: str, **body: object) -> int:
        reply = self.api.post(path, json=body)
        assert reply.is_success, reply.text
        number: int = reply.json()["id"]
        return number

    def _answers(self) -> bool:
        try:
            return self.api.get("/api/version").is_success
        except httpx.TransportError:
            return False

    def _environment(self) -> dict[str, str]:
        return {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.folder / "data"),
            "LABEL_STUDIO_HOST": self.url,
            "LABEL_STUDIO_USERNAME": EMAIL,
            "LABEL_STUDIO_PASSWORD": self.password,
            "LABEL_STUDIO_USER_TOKEN": self.token,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "1",
            # Both, or a backend on this machine is refused.
            "ML_BLOCK_LOCAL_IP": "0",
            "SSRF_PROTECTION_ENABLED": "0",
            # No calls to the internet.
            "COLLECT_ANALYTICS": "0",
            "LATEST_VERSION_CHECK": "0",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "LOCAL_FILES_SERVING_ENABLED": "1",
            "LOCAL_FILES_DOCUMENT_ROOT": str(self.files),
            "NO_PROXY": "*",
        }
