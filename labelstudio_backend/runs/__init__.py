"""Whole projects: runs that workers carry out, task by task."""

from .lesson_report import ChangePicture, LearningProgress, LessonReport
from .run import Run, RunKind, RunOptions, RunProgress, RunState
from .run_jobs import stop_lost_run, work_on_chunk
from .run_routes import AccountRequest, StartRequest, add_run_routes, describe_run
from .run_service import RunService
from .run_store import RunStore

__all__ = [
    "AccountRequest",
    "ChangePicture",
    "LearningProgress",
    "LessonReport",
    "Run",
    "RunKind",
    "RunOptions",
    "RunProgress",
    "RunService",
    "RunState",
    "RunStore",
    "StartRequest",
    "add_run_routes",
    "describe_run",
    "stop_lost_run",
    "work_on_chunk",
]
