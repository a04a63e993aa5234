"""The status as a page for people; the words are in ``templates/status.html``."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import Response
from jinja2 import Environment, PackageLoader

# Reasons hold what callers sent: names of files, labels, URLs.
_PAGES = Environment(
    loader=PackageLoader("labelstudio_backend.operators"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "Vary": "Accept",
}


_Failure = Mapping[str, Any]


def make_status_page(status: Mapping[str, Any]) -> Response:
    """The page for what ``describe_service`` says."""
    projects: dict[str | None, list[_Failure]] = {}
    for failure in status["failures"]:
        projects.setdefault(failure["project"], []).append(failure)
    template = _PAGES.get_template("status.html")
    page = template.render(status, projects=projects, describe_age=_describe_age)
    return Response(page, headers=_HEADERS, media_type="text/html")


def _describe_age(iso_time: str | None) -> str:
    """How long ago a time was, such as ``3 min``."""
    if iso_time is None:
        return "some time"
    age_s = max(0, round(time.time() - datetime.fromisoformat(iso_time).timestamp()))
    for unit, size_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if age_s >= size_s:
            return f"{age_s // size_s} {unit}"
    return f"{age_s} s"
