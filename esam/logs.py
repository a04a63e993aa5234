"""How our processes write their logs: one line a record, for people or as JSON for programs.

The fields of a JSON line are those of the message: where a call says ``"saved task=%s", 3``, the
line has ``"task": 3`` beside the whole message. An argument that knows its own fields
(``log_fields()``) brings them all.
"""

import json
import logging
import os
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Final, Literal, get_args

from .errors import OptionInvalid

LogFormat = Literal["text", "json"]

LEVEL_VARIABLE: Final = "LOG_LEVEL"
FORMAT_VARIABLE: Final = "ESAM_LOG_FORMAT"

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_PLACEHOLDER = re.compile(r"(?:(?P<name>\w+)=)?%(?:\.(?P<precision>\d+))?(?P<kind>[a-z%])")


def configure_logging() -> None:
    """Write to stderr as ``LOG_LEVEL`` and ``ESAM_LOG_FORMAT`` say.

    They are read here and not by a settings class, which takes half a second to import: a server
    logs before it has loaded anything.

    Raises:
        OptionInvalid: one of them is not among its values.
    """
    level = _choose(LEVEL_VARIABLE, _LEVELS, "INFO")
    is_json = _choose(FORMAT_VARIABLE, get_args(LogFormat), "text") == "json"
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if is_json else TextFormatter(_TEXT))
    logging.basicConfig(level=level, handlers=[handler])
    # One line a request of a client library would drown our own, and hold whole URLs.
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def name_requests(find_request_id: Callable[[], str | None]) -> None:
    """From now on, each line says which request it belongs to.

    Args:
        find_request_id: asked in the thread that writes the line.
    """

    def add_request_id(record: logging.LogRecord) -> bool:
        record.request_id = find_request_id()
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(add_request_id)


class TextFormatter(logging.Formatter):
    """A line for people, which ends with its request."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without a traceback."""
        request_id = getattr(record, "request_id", None)
        line = super().formatMessage(record)
        return f"{line} request={request_id}" if request_id else line


class JsonFormatter(logging.Formatter):
    """A JSON object a line: ``time``, ``level``, ``logger``, ``message``, and fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created, tz=timezone.utc)
        line = read_fields(record) | {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", None):
            line["request_id"] = request_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def read_fields(record: logging.LogRecord) -> dict[str, object]:
    """The fields of a message, as the call that logged it names them."""
    args = record.args if isinstance(record.args, tuple) else ()
    found = [match for match in _PLACEHOLDER.finditer(str(record.msg)) if match["kind"] != "%"]
    fields: dict[str, object] = {}
    for placeholder, value in zip(found, args, strict=False):
        if hasattr(value, "log_fields"):
            fields |= value.log_fields()
        elif placeholder["name"]:
            fields[placeholder["name"]] = _shorten(value, placeholder["precision"])
    return fields


def _shorten(value: object, precision: str | None) -> object:
    """A value as its placeholder bounds it, numbers as numbers."""
    digits = int(precision) if precision else None
    if isinstance(value, float):
        return round(value, digits) if digits is not None else value
    if isinstance(value, int) or value is None:
        return value
    return str(value)[:digits]


def _choose(variable: str, values: tuple[str, ...], default: str) -> str:
    given = os.environ.get(variable, "").strip() or default
    for value in values:
        if given.lower() == value.lower():
            return value
    raise OptionInvalid(f"{variable} must be one of {', '.join(values)}, got {given!r}")
