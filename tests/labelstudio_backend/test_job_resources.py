"""What jobs of whole projects work with."""

import pytest

from labelstudio_backend import BackendSettings, JobResources, job_resources, set_job_resources


def test_a_process_that_was_given_nothing_says_what_to_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # It belongs to the process, and a test before may have given it something.
    monkeypatch.setattr(job_resources, "_resources", None)
    with pytest.raises(RuntimeError, match="start `esam worker`"):
        job_resources.job_resources()
    set_job_resources(given := JobResources(BackendSettings()))
    assert job_resources.job_resources() is given
