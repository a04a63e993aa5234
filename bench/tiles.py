"""What a closer look at small things is worth, and what it costs.

``python -m bench.tiles [--photos FOLDER]`` prints mean IoU by the object's size, for a box and for
one click, from the whole image alone and with tiles; and the encodes and milliseconds that tiles
add to a prompt. Without photographs the pictures are large synthetic ones: held-out scenes side by
side.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from core import ImageEmbedding, Predictor, Prompt, Tile, decode_closely, load_predictor
from training.evaluation import mask_iou
from training.examples import Example, held_out_scenes, photos
from training.interactive import next_click
from training.prompts import bounding_box

BoolArray = NDArray[np.bool_]
_SCENES_A_SIDE = 5
_OBJECTS_A_SCENE = 2
_SIZES = (0.0, 0.03, 0.06, 0.1, 0.2, 0.4, 1.0)
"""Bounds of the object's longer side as a share of the image's, by which results are told apart."""


@dataclass
class Result:
    """One object, asked for in one way.

    Attributes:
        kind: ``box`` or ``one click``.
        size: longer side of the object's box as a share of the image's.
        whole_iou: from the whole image.
        close_iou: with tiles.
        added_encodes: tiles that were encoded for it.
        added_s: what tiles took, with their decoding.
        whole_s: encoding and decoding the whole image.
    """

    kind: str
    size: float
    whole_iou: float
    close_iou: float
    added_encodes: int
    added_s: float
    whole_s: float


@dataclass
class TileCache:
    """Encodes tiles of one image, each once, as the service does."""

    predictor: Predictor
    rgb: NDArray[np.uint8]
    embeddings: dict[Tile, ImageEmbedding] = field(default_factory=dict)

    def embed(self, tile: Tile) -> ImageEmbedding:
        """The tile's embedding."""
        if tile not in self.embeddings:
            self.embeddings[tile] = self.predictor.encode(tile.crop(self.rgb))
        return self.embeddings[tile]


def large_scenes(count: int) -> Iterator[Example]:
    """Held-out scenes side by side and below each other; the objects of a third of them."""
    scenes = list(held_out_scenes(_SCENES_A_SIDE**2))
    height, width = scenes[0].image.shape[:2]
    rng = np.random.default_rng(0)
    for number in range(count):
        order = rng.permutation(len(scenes)).reshape(_SCENES_A_SIDE, _SCENES_A_SIDE)
        rows = [np.concatenate([scenes[i].image for i in row], axis=1) for row in order]
        objects = []
        for (row, column), index in np.ndenumerate(order):
            if (row + column) % 3 == 0:
                for truth in scenes[index].objects[:_OBJECTS_A_SCENE]:
                    whole = np.zeros((height * _SCENES_A_SIDE, width * _SCENES_A_SIDE), bool)
                    top, left = row * height, column * width
                    whole[top : top + height, left : left + width] = truth
                    objects.append(whole)
        yield Example(f"large {number}", np.concatenate(rows), np.array(objects))


def measure(predictor: Predictor, example: Example) -> Iterator[Result]:
    """Ask for each object of a picture by its box and by one click."""
    started = time.perf_counter()
    embedding = predictor.encode(example.image)
    encode_s = time.perf_counter() - started
    cache = TileCache(predictor, example.image)
    for truth in example.objects:
        x0, y0, x1, y1 = bounding_box(truth)
        nothing = np.zeros_like(truth)
        click = next_click(nothing, truth, nothing)
        if click is None:
            continue
        size = max(x1 - x0, y1 - y0) / max(truth.shape)
        for kind, prompt in (
            ("box", Prompt(box=[x0, y0, x1, y1])),
            ("one click", Prompt(points=[click[0]])),
        ):
            started = time.perf_counter()
            whole = predictor.decode(embedding, prompt)
            decode_s = time.perf_counter() - started
            before = len(cache.embeddings)
            started = time.perf_counter()
            (close,) = decode_closely(
                predictor, truth.shape, [prompt], lambda: embedding, cache.embed
            )
            close_s = time.perf_counter() - started
            yield Result(
                kind,
                size,
                mask_iou(whole.mask, truth),
                mask_iou(close.draw(), truth),
                len(cache.embeddings) - before,
                close_s - decode_s,
                encode_s + decode_s,
            )


def as_table(title: str, results: list[Result]) -> Table:
    """One line for each way of asking and size."""
    table = Table(title=title)
    for heading in ("prompt", "object's size", "objects", "whole image", "with tiles"):
        table.add_column(heading, justify="right")
    for heading in ("encodes a prompt", "ms added", "whole image, ms"):
        table.add_column(heading, justify="right")
    for kind in ("box", "one click"):
        of_kind = [r for r in results if r.kind == kind]
        for low, high in pairwise(_SIZES):
            found = [r for r in of_kind if low <= r.size < high]
            _add_row(table, kind, f"{low:.0%} to {high:.0%}", found)
        _add_row(table, kind, "all", of_kind)
    return table


def _add_row(table: Table, kind: str, size: str, results: list[Result]) -> None:
    if results:
        table.add_row(
            kind,
            size,
            str(len(results)),
            f"{np.mean([r.whole_iou for r in results]):.3f}",
            f"{np.mean([r.close_iou for r in results]):.3f}",
            f"{np.mean([r.added_encodes for r in results]):.2f}",
            f"{1000 * np.mean([r.added_s for r in results]):.0f}",
            f"{1000 * np.mean([r.whole_s for r in results]):.0f}",
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Small things, with and without tiles.")
    parser.add_argument("--pictures", type=int, default=4, help="large synthetic ones")
    parser.add_argument("--photos", type=Path, help="NAME.jpg with NAME_objects.png, instead")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    predictor = load_predictor(options.model, options.weights)
    examples = photos(options.photos) if options.photos else large_scenes(options.pictures)
    results = [result for example in examples for result in measure(predictor, example)]
    what = "photographs" if options.photos else f"{options.pictures} large synthetic pictures"
    Console(width=160).print(as_table(f"{options.model}: {what}", results))


if __name__ == "__main__":
    main()
