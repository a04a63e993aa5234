"""``esam doctor``: what is wrong, and what to do about it."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from labelstudio_backend import LabelStudioAccount

from .backend_answers import BackendStatus
from .backend_checks import (
    check_backend,
    check_backends_label_studio,
    check_eviction,
    check_redis,
    check_workers,
)
from .backend_client import DEFAULT_URL
from .backend_options import BackendOption, TokenOption, UrlOption, connect_backend
from .exit_codes import NOT_DONE
from .findings import Examination, Finding, Found, Mark
from .image_checks import check_image, find_samples
from .installation_checks import check_versions, check_weights
from .json_output import JsonOption, say_json
from .label_studio_checks import (
    check_connection,
    check_label_config,
    check_label_studio,
    check_project,
    check_token,
    connect_label_studio,
)
from .model_options import ModelOption, WeightsOption

_STYLES = {
    Mark.GOOD: "green",
    Mark.WARNING: "yellow",
    Mark.FAILED: "bold red",
    Mark.SKIPPED: "dim",
}


def doctor(
    project: Annotated[
        int | None, typer.Option("--project", help="A project of Label Studio, checked too.", min=1)
    ] = None,
    url: UrlOption = None,
    token: TokenOption = None,
    backend: BackendOption = DEFAULT_URL,
    model: ModelOption = None,
    weights: WeightsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check libraries, weights, backend, Redis, workers, Label Studio and a project of it.

    One line a check, and what to do where it failed. Exit code 1 when any failed.

    ```sh
    esam doctor
    esam doctor --project 1
    ```
    """
    findings: list[Finding] = []
    examination = Examination(findings.append if as_json else partial(_print_finding, Console()))
    examine_installation(examination, model, weights)
    examine_backend(examination, backend)
    if url or token or project is not None:
        examine_label_studio(examination, url, token, project, backend)
    else:
        examination.skip("Label Studio", "set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
    if as_json:
        say_json(_describe(examination, findings))
    else:
        typer.echo(_sum_up(examination))
    if examination.failed_count:
        raise typer.Exit(NOT_DONE)


def examine_installation(
    examination: Examination, model: str | None = None, weights: Path | None = None
) -> None:
    """Check what is installed on this machine."""
    examination.check("torch and torchvision", check_versions)
    examination.check("weights", partial(check_weights, model, weights))


def examine_backend(examination: Examination, url: str) -> None:
    """Check a backend and what it works with."""

    def check() -> Found[BackendStatus]:
        with connect_backend(url) as client:
            return check_backend(client)

    status = examination.check("backend", check)
    redis = examination.check_with(status, "backend", "Redis", check_redis)
    examination.check_with(redis, "Redis", "Redis memory", check_eviction)
    examination.check_with(redis, "Redis", "workers", check_workers)
    examination.check_with(
        status, "backend", "the backend's Label Studio", check_backends_label_studio
    )


def examine_label_studio(
    examination: Examination,
    url: str | None,
    token: str | None,
    project: int | None,
    backend_url: str,
) -> None:
    """Check a Label Studio, and a project of it that should ask our backend."""
    anonymous = examination.check("Label Studio", partial(check_label_studio, url, token))
    account = examination.check_with(
        anonymous, "Label Studio", "token", lambda found: check_token(found, token)
    )
    if project is None:
        examination.skip("project", "give --project N")
    elif account is None:
        examination.skip("project", "needs: token")
    else:
        _examine_project(examination, account, project, backend_url)


def _examine_project(
    examination: Examination, account: LabelStudioAccount, project_id: int, backend_url: str
) -> None:
    client = connect_label_studio(account)
    try:
        project = examination.check("project", partial(check_project, client, project_id))
        config = examination.check_with(project, "project", "label config", check_label_config)
        examination.check_with(
            project, "project", "connection", lambda p: check_connection(account, p, backend_url)
        )
        samples = examination.check_with(
            config, "label config", "images", lambda c: find_samples(client, c, project_id)
        )
        for storage, sample in (samples or {}).items():
            examination.check(f"image, {storage}", partial(check_image, account, sample))
    finally:
        client.close()


def _print_finding(console: Console, finding: Finding) -> None:
    line = Text.assemble(
        (finding.mark.value, _STYLES[finding.mark]),
        " ",
        (finding.subject, "bold"),
        f": {finding.text}",
    )
    console.print(line, soft_wrap=True, highlight=False)
    if finding.remedy:
        console.print(f"    {finding.remedy}", soft_wrap=True, highlight=False, markup=False)


def _describe(examination: Examination, findings: list[Finding]) -> dict[str, object]:
    return {
        "failed": examination.failed_count,
        "warnings": examination.warning_count,
        "findings": [
            {
                "state": finding.mark.name.lower(),
                "subject": finding.subject,
                "text": finding.text,
                "remedy": finding.remedy or None,
            }
            for finding in findings
        ],
    }


def _sum_up(examination: Examination) -> str:
    failed, warnings = examination.failed_count, examination.warning_count
    if not failed and not warnings:
        return "all well"
    counts = [f"{failed} failed"] if failed else []
    counts += [f"{warnings} {'warning' if warnings == 1 else 'warnings'}"] if warnings else []
    return ", ".join(counts)
