"""Keeps docs/label_studio.md true."""

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from labelstudio_backend import BackendError, BackendSettings
from labelstudio_backend.label_config import parse_label_config

from .test_errors import subclasses_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "label_studio.md").read_text()


@pytest.mark.parametrize("field", BackendSettings.model_fields)
def test_every_setting_is_explained(field: str) -> None:
    alias = BackendSettings.model_fields[field].validation_alias
    names = alias.choices if isinstance(alias, AliasChoices) else [alias]
    for name in names:
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize("field", ["image_max_bytes", "request_max_bytes"])
def test_defaults_are_those_of_the_settings(field: str) -> None:
    info = BackendSettings.model_fields[field]
    assert f"| `{info.validation_alias}` | {info.default} |" in PAGE


def test_every_error_is_explained_with_its_status() -> None:
    for cls in subclasses_of(BackendError):
        assert issubclass(cls, BackendError)
        assert f"| {cls.status} | `{cls.code}` |" in PAGE


def test_the_label_config_of_the_page_works() -> None:
    (xml,) = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
    assert parse_label_config(xml).find_problems() == []
