"""``esam import-coco``: a detector's COCO file becomes boxes to prelabel with."""

from pathlib import Path
from typing import Annotated

import typer

from .coco_boxes import read_coco_boxes, write_boxes
from .errors import BoxFileInvalid
from .json_output import JsonOption, say_json
from .prediction_files import write_text


def import_coco(
    source: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="COCO file of instances.", exists=True, dir_okay=False),
    ],
    out: Annotated[Path, typer.Option(help="The file of boxes: .csv or .json.")],
    as_json: JsonOption = False,
) -> None:
    """Make a file of boxes for `esam prelabel` from COCO annotations.

    Images are known by their file name, boxes keep their category as label.

    ```sh
    esam import-coco instances.json --out boxes.csv
    esam prelabel --project 1 --prompts file --boxes boxes.csv
    ```
    """
    found = read_coco_boxes(source)
    if not found.boxes:
        raise BoxFileInvalid(f"{source} holds no boxes")
    write_text(write_boxes(found.boxes, out), out)
    images = len({box.image for box in found.boxes})
    if as_json:
        facts = {"boxes": len(found.boxes), "images": images, "crowds": found.crowds,
                 "without_box": found.without_box, "file": str(out)}  # fmt: skip
        say_json(facts)
        return
    typer.echo(
        f"{len(found.boxes):,} boxes on {images:,} images; left out: {found.crowds:,} crowds, "
        f"{found.without_box:,} without a box\nwrote {out}"
    )
