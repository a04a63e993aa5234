"""What a line of the log looks like, for people and for programs."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from esam.errors import OptionInvalid
from esam.logs import configure_logging, name_requests

logger = logging.getLogger("esam.test_logs")


class Timed:
    """An argument with fields of its own."""

    def log_fields(self) -> dict[str, object]:
        return {"decode_ms": 8.1}

    def __str__(self) -> str:
        return "decode_ms=8.1"


Configure = Callable[[], io.StringIO]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    """Configures logging in a process where nobody has; returns what is written to stderr."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()

    def start() -> io.StringIO:
        root.handlers = []  # pytest's own came after the fixtures
        monkeypatch.setattr("sys.stderr", stream)
        configure_logging()
        name_requests(lambda: "r1")
        return stream

    yield start
    root.handlers = handlers
    root.setLevel(level)


def test_a_line_for_people_ends_with_its_request(configure: Configure) -> None:
    written = configure()
    logger.warning("saved task=%s", 3)
    assert written.getvalue().endswith("WARNING esam.test_logs: saved task=3 request=r1\n")


def test_a_json_line_has_the_fields_of_its_message_as_they_are(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESAM_LOG_FORMAT", "json")
    written = configure()
    logger.info(
        "saved %s path=%.5r task=%d score=%.2f share=100%% reason=%s",
        Timed(), "long\npath", 3, 0.912345, None,
    )  # fmt: skip
    line = json.loads(written.getvalue())
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "esam.test_logs",
        "message": "saved decode_ms=8.1 path='long task=3 score=0.91 share=100% reason=None",
        "request_id": "r1",
        "decode_ms": 8.1,
        "path": "long\n",
        "task": 3,
        "score": 0.91,
        "reason": None,
    }


def test_a_traceback_is_in_the_same_json_line(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESAM_LOG_FORMAT", "JSON")
    written = configure()
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        logger.exception("failed")
    (line,) = written.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["traceback"]


def test_a_field_cannot_take_the_place_of_what_every_line_has(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESAM_LOG_FORMAT", "json")
    written = configure()
    logger.warning("level=%s", "forged")
    assert json.loads(written.getvalue())["level"] == "WARNING"


def test_the_level_is_that_of_the_environment(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "warning")
    written = configure()
    logger.info("not said")
    logger.warning("said")
    assert "not said" not in written.getvalue()
    assert ": said" in written.getvalue()


@pytest.mark.parametrize(("name", "value"), [("LOG_LEVEL", "LOUD"), ("ESAM_LOG_FORMAT", "xml")])
def test_a_setting_that_is_none_of_its_values_is_refused_with_them(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(OptionInvalid, match=rf"{name} must be one of .*, got '{value}'"):
        configure_logging()
