"""``esam predict``: segment one object on one image, no server needed."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from core import MaskPrediction, Predictor, Prompt, draw_overlay, load_predictor, read_image
from labelstudio_backend import encode_brush_rle

from .errors import EsamError
from .model_options import DeviceOption, ModelOption, WeightsOption, say_which_model


def predict(
    image: Annotated[Path, typer.Argument(help="The image file.")],
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
    mask: Annotated[Path | None, typer.Option(help="The mask as a black and white PNG.")] = None,
    json_out: Annotated[
        str | None, typer.Option("--json", help="Scores, area and brush RLE; '-' is stdout.")
    ] = None,
    model: ModelOption = None,
    weights: WeightsOption = None,
    device: DeviceOption = "cpu",
) -> None:
    """Segment the object at a point or in a box.

    Example: esam predict photo.jpg --box 400,200,800,600 --point 580,350 --out overlay.png
    """
    prompt = _prompt(point or [], exclude or [], box)
    rgb = read_image(image)
    prompt.check_inside((rgb.shape[0], rgb.shape[1]))
    predictor = load_predictor(model, weights, device)
    say_which_model(predictor.spec.name, is_default=model is None and weights is None)
    prediction = predictor.decode(predictor.encode(rgb), prompt)
    area_px = int(prediction.mask.sum())
    summary = f"score {prediction.score:.2f}, {area_px:,} pixels ({prediction.mask.mean():.1%})"
    if out:
        _save(draw_overlay(rgb, prediction.mask, prompt, summary), out)
    if mask:
        _save(Image.fromarray(prediction.mask), mask)
    if json_out:
        _write_json(_facts(predictor, prediction), json_out)
    if json_out != "-":
        typer.echo(summary + "".join(f"\nwrote {path}" for path in (out, mask) if path))


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


def _facts(predictor: Predictor, prediction: MaskPrediction) -> dict[str, Any]:
    height_px, width_px = prediction.original_size_hw
    return {
        "model_version": predictor.model_version,
        "width_px": width_px,
        "height_px": height_px,
        "score": round(prediction.score, 4),
        "iou": [round(float(value), 4) for value in prediction.iou],
        "best": prediction.best,
        "area_px": int(prediction.mask.sum()),
        "rle": encode_brush_rle(prediction.mask),
    }


def _write_json(facts: dict[str, Any], target: str) -> None:
    text = json.dumps(facts)
    if target == "-":
        sys.stdout.write(text + "\n")
        return
    try:
        Path(target).write_text(text)
    except OSError as error:
        raise EsamError(f"cannot write {target}: {error.strerror}") from error


def _save(picture: Image.Image, path: Path) -> None:
    try:
        picture.save(path)
    except (OSError, ValueError) as error:
        raise EsamError(f"cannot write the picture {path}: {error}") from error
