"""Small things are looked at in tiles, with the model that ships."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core import (
    ImageEmbedding,
    MaskPrediction,
    Predictor,
    Prompt,
    PromptError,
    Tile,
    decode_closely,
    load_predictor,
    look_closely,
    predict_objects,
)
from training.evaluation import mask_iou
from training.examples import held_out_scenes

BoolArray = NDArray[np.bool_]
_SMALL_SHARE = 0.01


class Embedder:
    """Encodes an image and tiles of it, and remembers which."""

    def __init__(self, predictor: Predictor, rgb: NDArray[np.uint8]) -> None:
        self.tiles: list[Tile] = []
        self.images = 0
        self._predictor = predictor
        self._rgb = rgb

    def encode_image(self) -> ImageEmbedding:
        self.images += 1
        return self._predictor.encode(self._rgb)

    def __call__(self, tile: Tile) -> ImageEmbedding:
        self.tiles.append(tile)
        return self._predictor.encode(tile.crop(self._rgb))


@pytest.fixture(scope="module")
def shipped() -> Predictor:
    return load_predictor("nano")


@pytest.fixture(scope="module")
def wide() -> tuple[NDArray[np.uint8], list[BoolArray]]:
    """Sixteen scenes side by side and below each other, and the objects of four of them."""
    scenes = list(held_out_scenes(16))
    height, width = scenes[0].image.shape[:2]
    rgb = np.concatenate(
        [np.concatenate([s.image for s in scenes[i : i + 4]], axis=1) for i in range(0, 16, 4)]
    )
    objects = []
    for number in (0, 5, 10, 15):
        row, column = divmod(number, 4)
        for truth in scenes[number].objects:
            whole = np.zeros(rgb.shape[:2], bool)
            whole[row * height : (row + 1) * height, column * width : (column + 1) * width] = truth
            objects.append(whole)
    return rgb, objects


def size_hw_of(rgb: NDArray[np.uint8]) -> tuple[int, int]:
    return rgb.shape[0], rgb.shape[1]


def box_of(mask: BoolArray) -> Prompt:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return Prompt(box=[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])


def test_small_things_are_found_that_the_whole_image_does_not_show(
    shipped: Predictor, wide: tuple[NDArray[np.uint8], list[BoolArray]]
) -> None:
    rgb, objects = wide
    embedding, embed = shipped.encode(rgb), Embedder(shipped, rgb)
    prompts = [box_of(truth) for truth in objects]
    close = decode_closely(shipped, size_hw_of(rgb), prompts, embed.encode_image, embed)
    whole = shipped.decode(embedding, prompts)
    with_tiles = np.mean([mask_iou(a.draw(), t) for a, t in zip(close, objects, strict=True)])
    without = np.mean([mask_iou(a.mask, t) for a, t in zip(whole, objects, strict=True)])
    assert with_tiles > without + 0.1
    assert len(set(embed.tiles)) == len(embed.tiles), "no tile is encoded twice for one call"


def test_small_things_are_seen_better_enlarged_beyond_their_own_pixels(shipped: Predictor) -> None:
    close, whole = [], []
    for scene in held_out_scenes(12):
        objects = [truth for truth in scene.objects if truth.mean() < _SMALL_SHARE]
        embedding, embed = shipped.encode(scene.image), Embedder(shipped, scene.image)
        prompts = [box_of(truth) for truth in objects]
        answers = decode_closely(
            shipped, embedding.original_size_hw, prompts, embed.encode_image, embed
        )
        close += [mask_iou(a.draw(), t) for a, t in zip(answers, objects, strict=True)]
        answers_so_far = shipped.decode(embedding, prompts)
        whole += [mask_iou(a.mask, t) for a, t in zip(answers_so_far, objects, strict=True)]
    assert np.mean(close) > np.mean(whole) + 0.02


def test_a_mask_stays_inside_its_tile_and_the_frame_is_the_images(
    shipped: Predictor, wide: tuple[NDArray[np.uint8], list[BoolArray]]
) -> None:
    rgb, objects = wide
    (answer,) = predict_objects(shipped, rgb, [box_of(objects[0])])
    assert answer.tile is not None
    mask = answer.draw()
    assert mask.shape == rgb.shape[:2]
    assert mask.sum() == mask[answer.tile.slices].sum() > 0
    assert answer.score == answer.prediction.score


def test_a_large_thing_needs_no_tile(predictor: Predictor, photo_like: NDArray[np.uint8]) -> None:
    embed = Embedder(predictor, photo_like)
    embedding, prompt = predictor.encode(photo_like), Prompt(box=[10, 10, 150, 110])
    (answer,) = decode_closely(predictor, (120, 160), [prompt], embed.encode_image, embed)
    assert (embed.images, embed.tiles) == (1, [])
    assert answer.tile is None
    np.testing.assert_array_equal(answer.draw(), predictor.decode(embedding, prompt).mask)


def test_a_closer_look_that_sees_nothing_changes_nothing(
    shipped: Predictor, wide: tuple[NDArray[np.uint8], list[BoolArray]]
) -> None:
    rgb, objects = wide
    embedding, prompt = shipped.encode(rgb), box_of(objects[0])

    def embed_blindly(tile: Tile) -> ImageEmbedding:
        seen = shipped.encode(tile.crop(rgb))
        return ImageEmbedding(seen.features * np.nan, seen.original_size_hw)

    (answer,) = decode_closely(shipped, size_hw_of(rgb), [prompt], lambda: embedding, embed_blindly)
    assert answer.tile is None
    np.testing.assert_array_equal(answer.draw(), shipped.decode(embedding, prompt).mask)


def test_a_small_box_is_asked_in_its_tile_alone(
    shipped: Predictor,
    wide: tuple[NDArray[np.uint8], list[BoolArray]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rgb, objects = wide
    embedding, small, large = shipped.encode(rgb), box_of(objects[0]), Prompt(box=[9, 9, 900, 900])
    asked: list[tuple[ImageEmbedding, int]] = []
    decode = shipped.decode

    def watch(embedding: ImageEmbedding, prompts: list[Prompt]) -> list[MaskPrediction]:
        asked.append((embedding, len(prompts)))
        return decode(embedding, prompts)

    monkeypatch.setattr(shipped, "decode", watch)
    embed = Embedder(shipped, rgb)
    in_tile, in_image = decode_closely(
        shipped, size_hw_of(rgb), [small, large], lambda: embedding, embed
    )
    assert [tile is not None for tile in (in_tile.tile, in_image.tile)] == [True, False]
    assert [(of is embedding, count) for of, count in asked] == [(False, 1), (True, 1)]


def test_a_prompt_beside_the_image_is_refused_however_small(
    shipped: Predictor, wide: tuple[NDArray[np.uint8], list[BoolArray]]
) -> None:
    rgb, _ = wide
    height, width = rgb.shape[:2]
    beside = Prompt(box=[width + 20, height + 20, width + 40, height + 40])
    with pytest.raises(PromptError):
        predict_objects(shipped, rgb, [beside])


def test_no_prompt_needs_nothing(predictor: Predictor, photo_like: NDArray[np.uint8]) -> None:
    assert predict_objects(predictor, photo_like, []) == []


def test_where_tiles_answer_every_box_the_image_is_not_encoded(
    shipped: Predictor, wide: tuple[NDArray[np.uint8], list[BoolArray]]
) -> None:
    rgb, objects = wide
    prompts = [box_of(truth) for truth in objects if truth.any(axis=0).sum() < rgb.shape[1] / 16]
    assert len(prompts) > 1
    embed = Embedder(shipped, rgb)
    answers = decode_closely(shipped, size_hw_of(rgb), prompts, embed.encode_image, embed)
    assert embed.images == 0
    alone = [next(look_closely(shipped.architecture, size_hw_of(rgb), [p])) for p in prompts]
    assert [answer.tile for answer in answers] == [view.tile for (view,) in alone]
    assert None not in [answer.tile for answer in answers]


def test_only_a_small_box_has_a_tile_from_the_start(shipped: Predictor) -> None:
    small, size_hw = [600, 450, 660, 495], (900, 1200)

    def first_view(prompt: Prompt) -> Tile | None:
        (view,) = next(look_closely(shipped.architecture, size_hw, [prompt]))
        return view.tile

    assert first_view(Prompt(box=small)) is not None
    assert first_view(Prompt(box=[10, 10, 1100, 800])) is None
    assert first_view(Prompt(points=[[630, 470]])) is None
    assert first_view(Prompt(points=[[10, 10]], box=small)) is None
