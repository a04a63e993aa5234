"""``esam predict FOLDER``: the masks of many images on contact sheets."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import typer
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from core import (
    EfficientSAMError,
    Predictor,
    Prompt,
    draw_grid,
    draw_masks,
    predict_objects,
    read_image,
    segment_everything,
    shrink_to_cell,
)
from labelstudio_backend import clip_box

from .box_file import TaskBox, read_box_file
from .errors import BoxFileInvalid, EsamError
from .everything_command import draw_everything
from .exit_codes import NOT_DONE
from .prediction_files import save_picture

_COLUMNS = 6
_SHEET_PICTURES = 48
_SHOWN_NAMES = 5
_SHOWN_SCORES = 3


@dataclass(frozen=True)
class FolderPrompts:
    """What is asked of the images of a folder.

    Attributes:
        boxes: file of boxes by image; None asks for everything.
        points_per_side: of everything's grid; None takes what suits the model.
    """

    boxes: Path | None = None
    points_per_side: int | None = None


def predict_folder(
    folder: Path, prompts: FolderPrompts, out: Path, load: Callable[[], Predictor]
) -> None:
    """Segment the images of a folder, and draw them on contact sheets of 48.

    Args:
        folder: its images, by name; folders in it are left alone.
        prompts: what is asked.
        out: the first sheet; those that follow are ``<name>-2``, ``<name>-3`` and so on.
        load: gives the model, once the folder and the boxes are known to be of use.

    Raises:
        EsamError: there is no image, or a sheet cannot be written.
        BoxFileInvalid: the boxes cannot be read, or are of none of the images.
        typer.Exit: 1, when an image failed; the others are drawn all the same.
    """
    paths = _list_images(folder)
    draw: Callable[[Path], tuple[Image.Image, str]]
    if prompts.boxes:
        boxes = _group_boxes(prompts.boxes, paths)
        paths = [path for path in paths if path.name in boxes]
        draw = partial(_draw_boxed, load(), boxes)
    else:
        draw = partial(_draw_everything, load(), prompts.points_per_side)
    sheets = _Sheets(out)
    failed = 0
    console = Console(stderr=True)
    with Progress(console=console, transient=True) as progress:
        for path in progress.track(paths, description=f"segmenting {folder}"):
            try:
                picture, summary = draw(path)
            except EfficientSAMError as error:
                failed += 1
                progress.console.print(f"{path.name}: {error}", markup=False, highlight=False)
                continue
            sheets.add(picture, f"{path.name}: {summary}")
    sheets.finish()
    typer.echo(f"{len(paths) - failed} of {len(paths)} images")
    for sheet in sheets.written:
        typer.echo(f"wrote {sheet}")
    if failed:
        raise typer.Exit(NOT_DONE)


class _Sheets:
    """Contact sheets, written one after the other so that few pictures are kept at a time."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._pictures: list[Image.Image] = []
        self._captions: list[str] = []
        self.written: list[Path] = []

    def add(self, picture: Image.Image, caption: str) -> None:
        self._pictures.append(shrink_to_cell(picture))
        self._captions.append(caption)
        if len(self._pictures) == _SHEET_PICTURES:
            self.finish()

    def finish(self) -> None:
        """Write what was added since the last sheet."""
        if not self._pictures:
            return
        number = len(self.written) + 1
        name = self._out.name if number == 1 else f"{self._out.stem}-{number}{self._out.suffix}"
        path = self._out.with_name(name)
        save_picture(draw_grid(self._pictures, self._captions, _COLUMNS), path)
        self.written.append(path)
        self._pictures, self._captions = [], []


def _draw_everything(
    predictor: Predictor, points_per_side: int | None, path: Path
) -> tuple[Image.Image, str]:
    config = predictor.spec.automatic_masks
    if points_per_side is not None:
        config = replace(config, points_per_side=points_per_side)
    rgb = read_image(path)
    masks = segment_everything(predictor, predictor.encode(rgb), config)
    return draw_everything(rgb, masks), f"{len(masks)} masks"


def _draw_boxed(
    predictor: Predictor, boxes_by_name: Mapping[str, Sequence[TaskBox]], path: Path
) -> tuple[Image.Image, str]:
    rgb, boxes = read_image(path), boxes_by_name[path.name]
    size_hw = rgb.shape[0], rgb.shape[1]
    clipped = [clip_box(box.box_xyxy_px, size_hw) for box in boxes]
    answers = predict_objects(predictor, rgb, [Prompt(box=box) for box in clipped])
    picture = draw_masks(rgb, (a.draw() for a in answers), boxes=clipped)
    scores = [answer.score for answer in answers]
    if len(scores) > _SHOWN_SCORES:
        return picture, f"{len(scores)} masks, scores {min(scores):.2f} to {max(scores):.2f}"
    named = zip(boxes, scores, strict=True)
    return picture, ", ".join(f"{box.label or ''} {score:.2f}".strip() for box, score in named)


def _list_images(folder: Path) -> list[Path]:
    known = Image.registered_extensions()
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in known]
    if not paths:
        raise EsamError(f"{folder} holds no image; its files must be named as .jpg, .png and so on")
    return paths


def _group_boxes(path: Path, images: Sequence[Path]) -> dict[str, list[TaskBox]]:
    """The boxes by the file name of their image; says which find none."""
    found: defaultdict[str, list[TaskBox]] = defaultdict(list)
    for box in read_box_file(path).boxes:
        if box.image is not None:
            found[Path(box.image).name].append(box)
    names = {image.name for image in images}
    if not names & set(found):
        raise BoxFileInvalid(
            f"{path} holds no box of an image of the folder; name images as {images[0].name}"
        )
    if missing := [name for name in found if name not in names]:
        shown = ", ".join(missing[:_SHOWN_NAMES]) + (", …" if len(missing) > _SHOWN_NAMES else "")
        typer.echo(f"{path}: boxes of images that the folder does not have: {shown}", err=True)
    return {name: boxes for name, boxes in found.items() if name in names}
