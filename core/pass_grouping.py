"""Which prompts of which images are decoded in one pass."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Image = TypeVar("_Image")


def group_passes(
    images: Sequence[_Image], at_once: int
) -> Iterator[tuple[list[_Image], list[int]]]:
    """What is decoded in one pass: rows of one image, or as many of each of several.

    Args:
        images: of each row; the same object for rows of the same image.
        at_once: the most rows.

    Yields:
        Images, and their rows one image after the other.
    """
    rows_of: dict[int, list[int]] = {}
    for row, image in enumerate(images):
        rows_of.setdefault(id(image), []).append(row)
    alike: dict[int, list[list[int]]] = {}
    for rows in rows_of.values():
        for start in range(0, len(rows), at_once):
            piece = rows[start : start + at_once]
            alike.setdefault(len(piece), []).append(piece)
    for length, pieces in alike.items():
        several = at_once // length
        for start in range(0, len(pieces), several):
            some = pieces[start : start + several]
            yield [images[piece[0]] for piece in some], [row for piece in some for row in piece]
