"""Runs as stores keep them."""

from typing import Any

from labelstudio_backend.runs import Run, RunOptions


def make_run(run_id: str = "r1", created_at: float = 1.0, **more: Any) -> Run:
    """One that labels project 1, or what more is said of it."""
    return Run(
        id=run_id,
        project=1,
        project_title="Cells",
        label_config="<View/>",
        account="a",
        label_studio_url="http://localhost:8080",
        model_version="efficientsam-nano-1",
        options=RunOptions(),
        created_at=created_at,
        **more,
    )
