"""A check that fails is a line; the next one is made."""

import pytest

from esam.findings import Examination, Finding, Found, Mark


def test_a_fault_in_a_check_is_a_line_and_what_needs_it_is_skipped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Finding] = []
    examination = Examination(told.append)

    def fail() -> Found[int]:
        raise ZeroDivisionError("by zero")

    value = examination.check("one", fail)
    assert value is None
    examination.check_with(value, "one", "two", lambda number: Found(str(number), None))
    assert examination.check("three", lambda: Found("fine", 3)) == 3
    assert [finding.mark for finding in told] == [Mark.FAILED, Mark.SKIPPED, Mark.GOOD]
    assert "ZeroDivisionError: by zero" in told[0].text
    assert examination.failed_count == 1
    assert "Traceback" in caplog.text


def test_a_warning_is_counted_and_does_not_fail() -> None:
    told: list[Finding] = []
    examination = Examination(told.append)
    examination.check("one", lambda: Found("well enough", None, "better do that"))
    assert told == [Finding(Mark.WARNING, "one", "well enough", "better do that")]
    assert (examination.failed_count, examination.warning_count) == (0, 1)
