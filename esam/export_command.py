"""``esam export``: what was drawn in a project, as a dataset that trainers read."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from .backend_options import ProjectOption, TokenOption, UrlOption, need_label_studio
from .errors import EsamError, OptionInvalid
from .exit_codes import NOT_DONE
from .json_output import JsonOption, say_json
from .progress_display import Work, open_display

if TYPE_CHECKING:
    from labelstudio_backend import DrawnTask

    from .dataset_export import ExportSummary

Choose = Callable[["DrawnTask"], Sequence[Mapping[str, Any]]]
FormatName = Literal["coco", "yolo-seg", "png", "voc"]


def export(
    project: ProjectOption,
    out: Annotated[Path, typer.Option(help="Folder for the dataset; must be new or empty.")],
    format_name: Annotated[
        FormatName, typer.Option("--format", help="Of the dataset; all hold masks.")
    ] = "coco",
    has_images: Annotated[
        bool, typer.Option("--images", help="Fetch the images, too, upright as they are seen.")
    ] = False,
    is_predicted: Annotated[
        bool, typer.Option("--predictions", help="What models said instead of what people drew.")
    ] = False,
    model_version: Annotated[
        str | None, typer.Option(help="Of --predictions: of this model version alone.")
    ] = None,
    as_json: JsonOption = False,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """Write a project's masks as a dataset: COCO, YOLO segmentation, PNG or Pascal VOC.

    Of each task the newest annotation counts that was not skipped. Label Studio is asked directly,
    with your token. What cannot be written is listed, and the exit code is 1.

    ```sh
    esam export --project 1 --out dogs/
    esam export --project 1 --out dogs/ --format yolo-seg --images
    esam export --project 1 --out dogs/ --predictions
    ```
    """
    if model_version and not is_predicted:
        raise OptionInvalid("--model-version goes with --predictions alone")
    account = need_label_studio(url, token)
    _make_folder(out)
    choose = _choose_prediction(model_version) if is_predicted else _choose_annotation
    try:
        summary = _export(project, out, format_name, has_images, choose, account)
    except OSError as error:
        raise EsamError(f"cannot write the dataset: {error}") from error
    _say(summary, out, as_json)
    if summary.failures:
        raise typer.Exit(NOT_DONE)


def _export(
    project: int,
    out: Path,
    format_name: FormatName,
    has_images: bool,
    choose: Choose,
    account: tuple[str, str],
) -> "ExportSummary":
    import httpx
    from pydantic import SecretStr

    from labelstudio_backend import (
        BackendSettings,
        ImageFetcher,
        LabelStudioAccount,
        LabelStudioClient,
        parse_label_config,
    )

    from .dataset_export import ImageExport, export_project, make_writer

    base_url, key = account
    client = LabelStudioClient(LabelStudioAccount(httpx.URL(base_url), SecretStr(key)))
    try:
        config = parse_label_config(client.find_project(project).label_config)
        labels = tuple(label for tag in config.output_tags for label in tag.labels)
        writer = make_writer(format_name, out, labels)
        images = ImageExport(
            ImageFetcher.from_settings(BackendSettings()), out / writer.image_folder
        )
        with open_display(f"project {project}") as display:

            def show(done: "ExportSummary", total: int) -> None:
                display.show(Work(done.tasks, total, failed=len(done.failures)))

            chosen_images = images if has_images else None
            return export_project(client, project, config, writer, choose, chosen_images, show)
    finally:
        client.close()


def _make_folder(out: Path) -> None:
    """Old files among new ones would be taken for a part of the dataset."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        is_empty = next(out.iterdir(), None) is None
    except OSError as error:
        raise OptionInvalid(f"--out {out} cannot be a folder: {error.strerror}") from error
    if not is_empty:
        raise OptionInvalid(f"--out {out} is not empty; name a new folder")


def _choose_annotation(task: "DrawnTask") -> Sequence[Mapping[str, Any]]:
    accepted = task.find_accepted()
    return accepted.result if accepted else ()


def _choose_prediction(model_version: str | None) -> Choose:
    def choose(task: "DrawnTask") -> Sequence[Mapping[str, Any]]:
        said = [p for p in task.predictions if model_version in (None, p.model_version)]
        return max(said, key=lambda one: one.id).result if said else ()

    return choose


def _say(summary: "ExportSummary", out: Path, as_json: bool) -> None:
    if as_json:
        failures = [{"task": task, "reason": reason} for task, reason in summary.failures]
        facts = {"tasks": summary.tasks, "images": summary.images, "objects": summary.objects,
                 "empty": summary.empty, "failures": failures, "folder": str(out)}  # fmt: skip
        say_json(facts)
        return
    for task, reason in summary.failures:
        typer.echo(f"task {task}: {reason}", err=True)
    typer.echo(
        f"{summary.objects:,} objects on {summary.images:,} images; of {summary.tasks:,} tasks "
        f"{summary.empty:,} have nothing drawn, {len(summary.failures):,} failed\nwrote {out}"
    )
