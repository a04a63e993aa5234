"""Decoding that looks more closely at what is small in the image.

A box says how large its object is: where that is small in the image, the tile around the object
answers at once, and nobody needs the whole image. All else is asked in the whole image, and again
in the tile around the answer as long as that is so much smaller that a smaller tile holds it.

Which part of an image has to be seen next depends on the answers so far. So a look at an image is
a generator: it asks for views of it and is sent what is seen in them, by whoever encodes. Looks at
several images go on side by side, and what they ask for is encoded and decoded together.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .mask_prediction import MaskPrediction
from .predictor import ImageEmbedding, Predictor
from .prompt import Prompt
from .registry import Architecture
from .tiles import ROOM_AROUND_BOX, ROOM_AROUND_GUESS, Tile, find_tile

EmbedImage = Callable[[], ImageEmbedding]
"""Encodes the whole image, or finds its embedding."""

EmbedTile = Callable[[Tile], ImageEmbedding | None]
"""Encodes a part of the image, or finds its embedding; None leaves it to the answers so far."""

_Result = TypeVar("_Result")

_LOOKS = 4
"""The most tiles that one prompt is asked in; a box needs one, a click on something tiny more."""


@dataclass(frozen=True, eq=False)
class View:
    """A part of an image, and what is asked in it.

    Attributes:
        tile: None for the whole image.
        prompts: in the tile's pixels, (x, y).
    """

    tile: Tile | None
    prompts: Sequence[Prompt]


Seen = Sequence[MaskPrediction] | None
"""One prediction a prompt of a view; None where it cannot be seen, and the answers so far stay."""

Look = Generator[list[View], list[Seen], _Result]
"""Asks for views, and is sent what is seen in them, in order."""


@dataclass(frozen=True, eq=False)
class PlacedPrediction:
    """The answer to one prompt and the part of the image that it is about.

    Attributes:
        prediction: in the tile's frame.
        tile: None for the whole image.
        size_hw: (height, width) of the image.
    """

    prediction: MaskPrediction
    tile: Tile | None
    size_hw: tuple[int, int]

    @property
    def score(self) -> float:
        """Predicted IoU, from 0 to 1."""
        return self.prediction.score

    def draw(self) -> NDArray[np.bool_]:
        """(H, W) bool, the answer in the original frame; made anew each time."""
        return self.draw_candidate(self.prediction.best)

    def draw_candidate(self, index: int) -> NDArray[np.bool_]:
        """(H, W) bool of one candidate in the original frame."""
        mask = self.prediction.candidate_mask(index)
        return mask if self.tile is None else self.tile.place(mask, self.size_hw)


def predict_objects(
    predictor: Predictor, rgb: NDArray[np.uint8], prompts: Sequence[Prompt]
) -> list[PlacedPrediction]:
    """Predict the masks of several objects of an image that nobody has encoded.

    Args:
        predictor: with its encoder.
        rgb: (H, W, 3) uint8.
        prompts: in original pixels.

    Returns:
        One prediction a prompt, in order.

    Raises:
        PromptError: a point or box lies outside the image.
    """
    return decode_closely(
        predictor,
        (rgb.shape[0], rgb.shape[1]),
        prompts,
        lambda: predictor.encode(rgb),
        lambda tile: predictor.encode(tile.crop(rgb)),
    )


def decode_closely(
    predictor: Predictor,
    size_hw: tuple[int, int],
    prompts: Sequence[Prompt],
    embed_image: EmbedImage,
    embed_tile: EmbedTile,
) -> list[PlacedPrediction]:
    """Predict the masks of several objects, the small ones in tiles of the image.

    Args:
        predictor: the decoder.
        size_hw: (height, width) of the image.
        prompts: in original pixels.
        embed_image: called at most once, where tiles do not answer everything.
        embed_tile: called once a tile and round.

    Returns:
        One prediction a prompt, in order.

    Raises:
        PromptError: a point or box lies outside the image.
        ImageError: an embedding belongs to another model.
    """
    look = look_closely(predictor.architecture, size_hw, prompts)
    return run_look(look, predictor, embed_image, embed_tile)


def look_closely(
    architecture: Architecture,
    size_hw: tuple[int, int],
    prompts: Sequence[Prompt],
    has_tiles: bool = True,
) -> Look[list[PlacedPrediction]]:
    """Look at several objects of an image, at the small ones in tiles of it.

    The whole image is asked for at most once, and not where tiles answer everything.

    Args:
        architecture: the model's.
        size_hw: (height, width) of the image.
        prompts: in original pixels.
        has_tiles: whether tiles are asked for at all.

    Returns:
        One prediction a prompt, in order.

    Raises:
        PromptError: a point or box lies outside the image; before anything is asked for.
    """
    for prompt in prompts:
        prompt.check_inside(size_hw)
    asked = dict(enumerate(prompts))
    in_tiles = asked if has_tiles else {}
    boxes = {i: prompt for i, prompt in in_tiles.items() if prompt.box is not None}
    answers = yield from _look_at_tiles(architecture, size_hw, boxes, {})
    rest = {i: prompt for i, prompt in asked.items() if i not in answers}
    if rest:
        (seen,) = yield [View(None, list(rest.values()))]
        for i, prediction in zip(rest, seen or (), strict=True):
            answers[i] = PlacedPrediction(prediction, None, size_hw)
    remaining = {i: prompt for i, prompt in in_tiles.items() if prompt.box is None}
    for _ in range(_LOOKS):
        closer = yield from _look_at_tiles(architecture, size_hw, remaining, answers)
        answers |= closer
        remaining = {i: asked[i] for i in closer}
    return [answers[i] for i in range(len(prompts))]


def run_look(
    look: Look[_Result], predictor: Predictor, embed_image: EmbedImage, embed_tile: EmbedTile
) -> _Result:
    """Show a look what it asks for, a view at a time.

    Args:
        look: of one image.
        predictor: the decoder.
        embed_image: called for the whole image.
        embed_tile: called for a tile of it.

    Returns:
        What came of it.

    Raises:
        PromptError: a point or box lies outside the image.
        ImageError: an embedding belongs to another model.
    """

    def see(view: View) -> Seen:
        embedding = embed_image() if view.tile is None else embed_tile(view.tile)
        return None if embedding is None else predictor.decode(embedding, view.prompts)

    try:
        views = next(look)
        while True:
            views = look.send([see(view) for view in views])
    except StopIteration as end:
        result: _Result = end.value
        return result


def run_looks(
    looks: Sequence[Look[_Result]],
    see: Callable[[Sequence[tuple[int, View]]], Sequence[Seen | Exception]],
    at_once: int,
) -> Iterator[tuple[int, _Result | Exception]]:
    """Show several looks what they ask for, the views of all of them together.

    Args:
        looks: of one image each.
        see: gets views with the index of their look, at most so many; returns for each what is
            seen, or why nothing is, which ends this look and no other.
        at_once: the most views.

    Yields:
        The index of a look that ended, and what came of it: its result, or the error.
    """
    going: dict[int, Look[_Result]] = dict(enumerate(looks))
    seen: dict[int, list[Seen]] = {}
    while going:
        wanted: list[tuple[int, View]] = []
        for i, look in list(going.items()):
            try:
                views = look.send(seen[i]) if i in seen else next(look)
            except StopIteration as end:
                del going[i]
                yield i, end.value
            except Exception as error:  # it is this look's alone
                del going[i]
                yield i, error
            else:
                seen[i] = []
                wanted += [(i, view) for view in views]
        while wanted:
            some, wanted = wanted[:at_once], wanted[at_once:]
            for (i, _), found in zip(some, see(some), strict=True):
                if i not in going:
                    continue
                if isinstance(found, Exception):
                    del going[i]
                    wanted = [one for one in wanted if one[0] != i]
                    yield i, found
                else:
                    seen[i].append(found)


def _look_at_tiles(
    architecture: Architecture,
    size_hw: tuple[int, int],
    prompts: Mapping[int, Prompt],
    answers: Mapping[int, PlacedPrediction],
) -> Look[dict[int, PlacedPrediction]]:
    """The answers of those prompts that a smaller tile holds; some may have none so far."""
    by_tile: dict[Tile, dict[int, Prompt]] = {}
    for i, prompt in prompts.items():
        tile = _find_tile(prompt, answers.get(i), size_hw, architecture)
        inside = tile.move_prompt(prompt) if tile else None
        if tile is not None and inside is not None:
            by_tile.setdefault(tile, {})[i] = inside
    found: dict[int, PlacedPrediction] = {}
    if not by_tile:
        return found
    shown = yield [View(tile, list(asked.values())) for tile, asked in by_tile.items()]
    for (tile, asked), seen in zip(by_tile.items(), shown, strict=True):
        for i, prediction in zip(asked, seen or (), strict=seen is not None):
            # Who sees nothing from close by has not seen better.
            if prediction.candidate_mask(prediction.best).any():
                found[i] = PlacedPrediction(prediction, tile, size_hw)
    return found


def _find_tile(
    prompt: Prompt,
    answer: PlacedPrediction | None,
    size_hw: tuple[int, int],
    architecture: Architecture,
) -> Tile | None:
    """A box's own, and a smaller one than a click's answer is in."""
    room = ROOM_AROUND_GUESS if prompt.box is None else ROOM_AROUND_BOX
    tile = find_tile(_find_extent(prompt, answer), room, size_hw, architecture)
    if tile is None or answer is None or answer.tile is None:
        return tile
    return tile if tile.longest_px < answer.tile.longest_px else None


def _find_extent(prompt: Prompt, answer: PlacedPrediction | None) -> NDArray[np.float64]:
    """(4,) original pixels around positive points and box; without a box, around the answer too.

    What an annotator draws around the object says how large it is; a click does not.
    """
    corners = [prompt.positive_points]
    if prompt.box is not None:
        corners.append(prompt.box.reshape(2, 2))
    elif answer is not None:
        prediction = answer.prediction
        y, x = np.nonzero(prediction.low_res_logits[prediction.best] >= 0)
        if len(x):
            side = prediction.low_res_logits.shape[-1]
            cell_px = np.array(prediction.original_size_hw[::-1]) / side
            origin = (answer.tile.x0_px, answer.tile.y0_px) if answer.tile else (0, 0)
            cells = np.array([[x.min(), y.min()], [x.max() + 1, y.max() + 1]])
            corners.append(cells * cell_px + origin)
    places = np.concatenate(corners)
    return np.concatenate([places.min(axis=0), places.max(axis=0)])
