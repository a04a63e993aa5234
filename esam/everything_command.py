"""``esam predict --everything``: all masks of one image."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import Progress

from core import AutomaticMask, AutomaticMaskConfig, Predictor, draw_masks, segment_everything
from labelstudio_backend import encode_brush_rle

from .prediction_files import save_picture, write_json


def predict_everything(
    predictor: Predictor,
    rgb: NDArray[np.uint8],
    points_per_side: int | None,
    out: Path | None,
    json_out: str | None,
) -> None:
    """Find all masks of an image, and draw and list them.

    Args:
        predictor: the model.
        rgb: (H, W, 3) uint8.
        points_per_side: of the grid; None takes what suits the model.
        out: picture of the masks.
        json_out: file for the list; ``-`` is stdout.

    Raises:
        EfficientSAMError: the grid has no point.
        EsamError: a file cannot be written.
    """
    config = predictor.spec.automatic_masks
    if points_per_side is not None:
        config = replace(config, points_per_side=points_per_side)
    masks = _segment(predictor, rgb, config)
    summary = f"{len(masks)} masks"
    if out:
        save_picture(draw_everything(rgb, masks, summary), out)
    if json_out:
        write_json(_facts(predictor, rgb, masks), json_out)
    if json_out != "-":
        typer.echo(summary + (f"\nwrote {out}" if out else ""))


def draw_everything(
    rgb: NDArray[np.uint8], masks: list[AutomaticMask], caption: str = ""
) -> Image.Image:
    """Draw all masks of an image, the small ones on top of what they are part of."""
    drawn = sorted(masks, key=_low_res_area, reverse=True)
    return draw_masks(rgb, (m.mask for m in drawn), caption)


def _segment(
    predictor: Predictor, rgb: NDArray[np.uint8], config: AutomaticMaskConfig
) -> list[AutomaticMask]:
    embedding = predictor.encode(rgb)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        row = progress.add_task("segmenting everything")
        return segment_everything(
            predictor,
            embedding,
            config,
            on_progress=lambda done, total: progress.update(row, completed=done, total=total),
        )


def _low_res_area(mask: AutomaticMask) -> int:
    return int(np.count_nonzero(mask.low_res_logits >= 0))


def _facts(
    predictor: Predictor, rgb: NDArray[np.uint8], masks: list[AutomaticMask]
) -> dict[str, Any]:
    return {
        "model_version": predictor.model_version,
        "width_px": rgb.shape[1],
        "height_px": rgb.shape[0],
        "masks": [_mask_facts(mask) for mask in masks],
    }


def _mask_facts(automatic: AutomaticMask) -> dict[str, Any]:
    mask = automatic.mask  # resized at each access
    return {
        "score": round(automatic.score, 4),
        "stability": round(automatic.stability, 4),
        "area_px": int(np.count_nonzero(mask)),
        "box_xyxy_px": automatic.box_xyxy_px,
        "rle": encode_brush_rle(mask),
    }
