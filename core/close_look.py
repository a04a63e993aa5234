"""Decoding that looks more closely at what is small in the image.

A box says how large its object is: where that is small in the image, the tile around the object
answers at once, and nobody needs the whole image. All else is asked in the whole image, and again
in the tile around the answer as long as that is so much smaller that a smaller tile holds it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mask_prediction import MaskPrediction
from .predictor import ImageEmbedding, Predictor
from .prompt import Prompt
from .tiles import ROOM_AROUND_BOX, ROOM_AROUND_GUESS, Tile, find_tile

EmbedImage = Callable[[], ImageEmbedding]
"""Encodes the whole image, or finds its embedding."""

EmbedTile = Callable[[Tile], ImageEmbedding | None]
"""Encodes a part of the image, or finds its embedding; None leaves it to the answers so far."""

_LOOKS = 4
"""The most tiles that one prompt is asked in; a box needs one, a click on something tiny more."""


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
    for prompt in prompts:
        prompt.check_inside(size_hw)
    look = _Look(predictor, prompts, size_hw, embed_tile)
    answers = look.look_at([i for i, prompt in enumerate(prompts) if prompt.box is not None], {})
    rest = [i for i in range(len(prompts)) if i not in answers]
    if rest:
        whole = predictor.decode(embed_image(), [prompts[i] for i in rest])
        for i, prediction in zip(rest, whole, strict=True):
            answers[i] = PlacedPrediction(prediction, None, size_hw)
    remaining = [i for i in rest if prompts[i].box is None]
    for _ in range(_LOOKS):
        closer = look.look_at(remaining, answers)
        answers |= closer
        remaining = list(closer)
    return [answers[i] for i in range(len(prompts))]


def find_box_tile(prompt: Prompt, size_hw: tuple[int, int], predictor: Predictor) -> Tile | None:
    """The tile that answers a prompt without the whole image.

    Args:
        prompt: in original pixels.
        size_hw: (height, width) of the image.
        predictor: the model.

    Returns:
        The tile; None for a prompt without a box, and where the image shows well enough what is
        in the box.
    """
    if prompt.box is None:
        return None
    tile = find_tile(_find_extent(prompt, None), ROOM_AROUND_BOX, size_hw, predictor.architecture)
    return tile if tile is not None and tile.move_prompt(prompt) is not None else None


class _Look:
    """Asks prompts in tiles of an image."""

    def __init__(
        self,
        predictor: Predictor,
        prompts: Sequence[Prompt],
        size_hw: tuple[int, int],
        embed_tile: EmbedTile,
    ) -> None:
        self._predictor = predictor
        self._prompts = prompts
        self._size_hw = size_hw
        self._embed_tile = embed_tile

    def look_at(
        self, indices: Sequence[int], answers: Mapping[int, PlacedPrediction]
    ) -> dict[int, PlacedPrediction]:
        """The answers of those that a smaller tile holds; some may have none so far."""
        by_tile: dict[Tile, list[tuple[int, Prompt]]] = {}
        for i in indices:
            tile = self._find_tile(self._prompts[i], answers.get(i))
            moved = tile.move_prompt(self._prompts[i]) if tile else None
            if tile is not None and moved is not None:
                by_tile.setdefault(tile, []).append((i, moved))
        found = {}
        for tile, asked in by_tile.items():
            closer = self._embed_tile(tile)
            if closer is not None:
                seen = self._predictor.decode(closer, [moved for _, moved in asked])
                for (i, _), prediction in zip(asked, seen, strict=True):
                    # Who sees nothing from close by has not seen better.
                    if prediction.candidate_mask(prediction.best).any():
                        found[i] = PlacedPrediction(prediction, tile, self._size_hw)
        return found

    def _find_tile(self, prompt: Prompt, answer: PlacedPrediction | None) -> Tile | None:
        """A box's own, and a smaller one than a click's answer is in."""
        if prompt.box is not None:
            return find_box_tile(prompt, self._size_hw, self._predictor)
        extent = _find_extent(prompt, answer)
        tile = find_tile(extent, ROOM_AROUND_GUESS, self._size_hw, self._predictor.architecture)
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
