"""Many pictures on one, in rows, each with a line of text below it."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

CELL_PX = 480
"""The longer side of a picture in a grid is at most so long."""

_GAP_PX = 6
_TEXT_PX = 16
_CAPTION_PX = 24
_FRAME_RGB = (40, 200, 80)


def shrink_to_cell(picture: Image.Image) -> Image.Image:
    """A picture small enough for a grid; one that is small already as it is."""
    small = picture.copy()
    small.thumbnail((CELL_PX, CELL_PX))
    return small


def draw_grid(
    pictures: Sequence[Image.Image],
    captions: Sequence[str],
    columns: int,
    framed: int | None = None,
) -> Image.Image:
    """Draw pictures row by row, each as large as it is, up to 480 pixels.

    Args:
        pictures: RGB, at least one.
        captions: one line each, cut where it is longer than its cell.
        columns: how many there are in a row.
        framed: index of the one that gets a green frame.

    Returns:
        An RGB picture, black between the cells.
    """
    cells = [_draw_cell(shrink_to_cell(p), t) for p, t in zip(pictures, captions, strict=True)]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    width_px = max(cell.width for cell in cells)
    heights_px = [max(cell.height for cell in row) for row in rows]
    step_px = width_px + _GAP_PX
    size = (
        step_px * min(columns, len(cells)) + _GAP_PX,
        sum(heights_px) + _GAP_PX * (len(rows) + 1),
    )
    grid = Image.new("RGB", size)
    top = _GAP_PX
    for number, (row, height_px) in enumerate(zip(rows, heights_px, strict=True)):
        for column, cell in enumerate(row):
            left = _GAP_PX + column * step_px
            if framed == number * columns + column:
                corner = (left + cell.width + _GAP_PX, top + cell.height + _GAP_PX)
                grid.paste(_FRAME_RGB, (left - _GAP_PX, top - _GAP_PX, *corner))
            grid.paste(cell, (left, top))
        top += height_px + _GAP_PX
    return grid


def _draw_cell(picture: Image.Image, caption: str) -> Image.Image:
    cell = Image.new("RGB", (picture.width, picture.height + _CAPTION_PX))
    cell.paste(picture)
    font = ImageFont.load_default(_TEXT_PX)
    ImageDraw.Draw(cell).text((4, picture.height + 2), caption, font=font, fill="white")
    return cell
