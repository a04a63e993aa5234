"""``esam predict``: segment an object, everything, or a folder of images; no server needed."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from core import (
    PlacedPrediction,
    Predictor,
    Prompt,
    draw_candidates,
    draw_overlay,
    load_predictor,
    predict_objects,
    read_image,
)
from labelstudio_backend import encode_brush_rle

from .everything_command import predict_everything
from .folder_command import FolderPrompts, predict_folder
from .model_options import DeviceOption, DtypeOption, ModelOption, WeightsOption, say_which_model
from .prediction_files import save_picture, write_json


def predict(
    image: Annotated[
        Path,
        typer.Argument(
            help="The image file, or a folder of images for a contact sheet.", exists=True
        ),
    ],
    point: Annotated[
        list[str] | None, typer.Option(help="X,Y in pixels, inside the object; may repeat.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="X,Y in pixels, outside the object; may repeat.")
    ] = None,
    box: Annotated[str | None, typer.Option(help="X0,Y0,X1,Y1 in pixels, around it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Picture of image, points, box and mask.")
    ] = None,
    candidates: Annotated[
        Path | None, typer.Option(help="Picture of the prompt and the three candidate masks.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="The mask as a black and white PNG.")] = None,
    json_out: Annotated[
        str | None, typer.Option("--json", help="Scores, area and brush RLE; '-' is stdout.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--everything", help="All objects of the image, without a prompt.")
    ] = False,
    boxes: Annotated[
        Path | None,
        typer.Option(
            help="Of a folder: CSV or JSON of boxes by image, in pixels.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    points_per_side: Annotated[
        int | None,
        typer.Option(
            help="Of --everything's grid, default 32; 16 takes a quarter of the time.", min=1
        ),
    ] = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
    dtype: DtypeOption = "auto",
) -> None:
    """Segment the object at a point or in a box, or everything.

    No server is needed.

    ```sh
    esam predict photo.jpg --box 400,200,800,600 --point 580,350 --out overlay.png
    esam predict photo.jpg --point 580,350 --exclude 600,90 --mask mask.png --json -
    esam predict photo.jpg --everything --out everything.png
    esam predict photos/ --everything --out sheet.jpg
    ```
    """
    if image.is_dir():
        _refuse_options(
            "a folder", point=point, exclude=exclude, box=box, mask=mask, candidates=candidates,
            json=json_out,
        )  # fmt: skip
        if everything:
            _refuse_options("--everything", boxes=boxes)
        elif boxes is None:
            raise typer.BadParameter(
                f"{image} is a folder: add --everything, or --boxes FILE with boxes by image"
            )
        else:
            _refuse_options("--boxes", points_per_side=points_per_side)
        if out is None:
            raise typer.BadParameter("a folder needs --out SHEET.jpg, the contact sheet")
        prompts = FolderPrompts(boxes, points_per_side)
        predict_folder(image, prompts, out, lambda: _load(model, weights, device, dtype))
        return
    _refuse_options("one image", boxes=boxes)
    if everything:
        _refuse_options(
            "--everything", point=point, exclude=exclude, box=box, mask=mask, candidates=candidates
        )
    else:
        _refuse_options("a prompt", points_per_side=points_per_side)
    prompt = None if everything else _prompt(point or [], exclude or [], box)
    rgb = read_image(image)
    if prompt:
        prompt.check_inside((rgb.shape[0], rgb.shape[1]))
    predictor = _load(model, weights, device, dtype)
    if prompt:
        _predict_object(predictor, rgb, prompt, _Files(out, candidates, mask, json_out))
    else:
        predict_everything(predictor, rgb, points_per_side, out, json_out)


def _load(model: str | None, weights: Path | None, device: str, dtype: str) -> Predictor:
    predictor = load_predictor(model, weights, device, dtype)
    say_which_model(predictor.spec.name, is_default=model is None and weights is None)
    return predictor


def _refuse_options(beside: str, **options: object) -> None:
    given = [f"--{n.replace('_', '-')}" for n, value in options.items() if value not in (None, [])]
    if given:
        raise typer.BadParameter(f"{beside} does not go with {', '.join(given)}")


@dataclass(frozen=True)
class _Files:
    """What is written about one object."""

    out: Path | None
    candidates: Path | None
    mask: Path | None
    json_out: str | None

    def find_pictures(self) -> list[Path]:
        return [path for path in (self.out, self.candidates, self.mask) if path]


def _predict_object(
    predictor: Predictor, rgb: NDArray[np.uint8], prompt: Prompt, files: _Files
) -> None:
    (answer,) = predict_objects(predictor, rgb, [prompt])
    mask = answer.draw()
    summary = f"score {answer.score:.2f}, {int(mask.sum()):,} pixels ({mask.mean():.1%})"
    if files.out:
        save_picture(draw_overlay(rgb, mask, prompt, summary), files.out)
    if files.candidates:
        scores = answer.prediction.iou
        masks = [answer.draw_candidate(index) for index in range(len(scores))]
        strip = draw_candidates(rgb, masks, scores.tolist(), answer.prediction.best, prompt)
        save_picture(strip, files.candidates)
    if files.mask:
        save_picture(Image.fromarray(mask), files.mask)
    if files.json_out:
        write_json(_facts(predictor, answer, mask), files.json_out)
    if files.json_out != "-":
        typer.echo(summary + "".join(f"\nwrote {path}" for path in files.find_pictures()))


def _prompt(points: list[str], excluded: list[str], box: str | None) -> Prompt:
    return Prompt(
        points=[_numbers(p, 2, "--point") for p in points]
        + [_numbers(p, 2, "--exclude") for p in excluded],
        labels=[1] * len(points) + [0] * len(excluded),
        box=_numbers(box, 4, "--box") if box else None,
    )


def _numbers(text: str, count: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.strip("[]() ").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise typer.BadParameter(f"{option} takes {count} numbers like 400,200; got {text!r}")
    return numbers


def _facts(
    predictor: Predictor, answer: PlacedPrediction, mask: NDArray[np.bool_]
) -> dict[str, Any]:
    prediction, tile = answer.prediction, answer.tile
    height_px, width_px = answer.size_hw
    return {
        "model_version": predictor.model_version,
        "width_px": width_px,
        "height_px": height_px,
        "score": round(prediction.score, 4),
        "iou": [round(float(value), 4) for value in prediction.iou],
        "best": prediction.best,
        "area_px": int(mask.sum()),
        "tile": asdict(tile) if tile else None,
        "rle": encode_brush_rle(mask),
    }
