"""The doctor's findings by subject, and a Label Studio for it to examine."""

from urllib.parse import parse_qs, urlsplit

import numpy as np

from esam.doctor import examine_label_studio
from esam.findings import Examination, Finding

from ..label_studio_project import Answer, Json, ok
from ..label_studio_stand_in import LabelStudioStandIn
from ..labelstudio_backend.image_host import make_png

PNG = make_png(np.full((40, 60, 3), 200, np.uint8))


class ConnectedLabelStudio(LabelStudioStandIn):
    """A stand-in with one uploaded image, local files, and a model connected to its project.

    Attributes:
        backend_url: of our backend.
        models: what ``/api/ml`` lists.
        local_files: content by the ``d`` of their URL.
    """

    def __init__(self, backend_url: str) -> None:
        super().__init__()
        self.backend_url = backend_url
        self.models: list[Json] = [make_model(backend_url)]
        self.local_files: dict[str, bytes] = {}
        self.add_tasks([{"image": self.add_image("dog.png", PNG)}])

    def handle(self, method: str, target: str, authorization: str, body: bytes) -> Answer:
        answer = super().handle(method, target, authorization, body)
        if answer[0] != 404:  # 401 where the token is wrong
            return answer
        url = urlsplit(target)
        name = parse_qs(url.query).get("d", [""])[0]
        if url.path == "/api/ml":
            return ok(self.models)
        if url.path == "/data/local-files/" and name in self.local_files:
            return 200, self.local_files[name], {"Content-Type": "image/png"}
        return answer


def make_model(url: str, **changes: object) -> Json:
    """A connection as Label Studio 1.23.2 lists it."""
    return {
        "id": 1,
        "state": "CO",
        "readable_state": "Connected",
        "is_interactive": True,
        "url": url,
        "error_message": None,
        "title": "EfficientSAM",
        "project": 1,
        **changes,
    }


class Examined:
    """What the doctor found.

    Attributes:
        lines: mark, subject, text and, behind four spaces, the remedy; by subject.
        examination: made with this.
    """

    def __init__(self) -> None:
        self.lines: dict[str, str] = {}
        self.examination = Examination(self._keep)

    def __getitem__(self, subject: str) -> str:
        return self.lines[subject]

    @property
    def failed_count(self) -> int:
        return self.examination.failed_count

    @property
    def warning_count(self) -> int:
        return self.examination.warning_count

    def _keep(self, finding: Finding) -> None:
        assert finding.subject not in self.lines
        line = f"{finding.mark.value} {finding.subject}: {finding.text}"
        self.lines[finding.subject] = line + (f"    {finding.remedy}" if finding.remedy else "")


def examine(
    server: ConnectedLabelStudio,
    *,
    project: int | None = 1,
    url: str | None = None,
    token: str | None = None,
) -> Examined:
    """Examine a Label Studio and a project of it, with its own URL and token by default."""
    found = Examined()
    token = server.token if token is None else token
    examine_label_studio(found.examination, url or server.url, token, project, server.backend_url)
    return found
