"""Keeps docs/label_studio.md true."""

import re
from pathlib import Path

from labelstudio_backend import BackendError
from labelstudio_backend.label_config import parse_label_config

from .test_errors import subclasses_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "label_studio.md").read_text()


def test_every_error_is_explained_with_its_status() -> None:
    for cls in subclasses_of(BackendError):
        assert issubclass(cls, BackendError)
        assert f"| {cls.status} | `{cls.code}` |" in PAGE


def test_the_label_config_of_the_page_works() -> None:
    (xml,) = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
    assert parse_label_config(xml).find_problems() == []
