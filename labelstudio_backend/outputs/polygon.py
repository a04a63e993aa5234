"""A mask's outline as polygons, as Label Studio draws them.

The rules:

1. Each connected part of a mask is one polygon. Parts that touch at a corner only are two.
2. Holes are filled, with whatever lies in them: Label Studio's polygons have no holes. A hole is
   what the background beyond does not reach from side to side.
3. A part of less than a hundredth of the largest one's area is left out.
4. The outline is simplified (Douglas-Peucker) by a tolerance of a thousandth of the image's longer
   side, at least one pixel. That is a quarter of a cell of the decoder's logits, which are 256
   cells along that side: what is smaller than that, the model did not say.
5. Where the polygon would then share less than ``MIN_IOU`` with its part, the tolerance is halved
   until it does; small parts get the outline of their pixels as it is.

The frame is Label Studio's: 0 and 100 percent are the image's edges, so that pixel i covers i to
i + 1. The outline runs through the middles of the pixel edges between mask and background, as
marching squares do: on slopes it cuts the stairs, so that few points hold it.
"""

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

from .rectangle import find_bounds

MIN_IOU = 0.985
"""What a polygon's area shares at least with its part, holes filled.

Drawn in pixels again, a polygon of a part of 100 pixels or more shares 0.98 with it.
"""

_SMALLEST_PART = 0.01
_SMALLEST_TOLERANCE_PX = 1 / 8
_TOLERANCE = 1 / 1000


def make_polygons(mask: NDArray[np.bool_]) -> list[dict[str, object]]:
    """What the polygon regions of a mask say of their places, the largest first.

    Args:
        mask: (H, W) bool in the original frame, at least one pixel set.

    Returns:
        One ``points`` (x, y in percent of the image) and ``closed`` for each part of the mask.
    """
    tolerance_px = max(1.0, _TOLERANCE * max(mask.shape))
    percent = 100 / np.array(mask.shape[::-1])
    polygons = [simplify_part(part, tolerance_px) for part in find_parts(mask)]
    return [
        {"points": (shapely.get_coordinates(p.exterior)[:-1] * percent).tolist(), "closed": True}
        for p in polygons
    ]


def find_parts(mask: NDArray[np.bool_]) -> list[Polygon]:
    """The outlines of a mask's parts along the pixels' edges, by rules 1 to 3, the largest first.

    Args:
        mask: (H, W) bool, at least one pixel set.

    Returns:
        Polygons without holes, (x, y) in original pixels, corners at whole numbers.
    """
    x0, y0, x1, y1 = find_bounds(mask)
    edges = _find_pixel_edges(mask[y0:y1, x0:x1]) + np.array([x0, y0])
    # Every face that the edges enclose: parts, holes, and parts in holes. Together: no holes.
    faces = shapely.get_parts(shapely.polygonize(shapely.linestrings(edges)))
    parts: list[Polygon] = list(shapely.get_parts(shapely.coverage_union_all(faces)))
    parts.sort(key=lambda part: part.area, reverse=True)
    return [part for part in parts if part.area >= _SMALLEST_PART * parts[0].area]


def simplify_part(part: Polygon, tolerance_px: float) -> Polygon:
    """A polygon of few points for a part of a mask, by rules 4 and 5.

    Args:
        part: an outline along the pixels' edges, without holes.
        tolerance_px: how far the polygon may leave the outline.
    """
    outline = _cut_stairs(part)
    while tolerance_px >= _SMALLEST_TOLERANCE_PX:
        polygon = outline.simplify(tolerance_px)
        if _iou(polygon, part) >= MIN_IOU:
            return polygon
        tolerance_px /= 2
    return part.simplify(0)


def _find_pixel_edges(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(E, 2, 2) ends (x, y) of the straight lines between mask and background."""
    padded = np.pad(mask, 1)
    across = _find_edge_runs(padded)
    down = _find_edge_runs(np.ascontiguousarray(padded.T))[..., ::-1]
    return np.concatenate([across, down])


def _find_edge_runs(padded: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(E, 2, 2) ends (x, y) of the edges that run along the rows of a mask with an empty border.

    An edge ends where the mask changes its side: only there may another line meet it.
    """
    pixels = padded.view(np.int8)
    sides = pixels[1:] - pixels[:-1]
    row, x = np.divmod(np.flatnonzero(sides[:, 1:] != sides[:, :-1]), sides.shape[1] - 1)
    ends, starts = sides[row, x] != 0, sides[row, x + 1] != 0
    points = np.stack([x, row], axis=1)
    return np.stack([points[starts], points[ends]], axis=1)


def _cut_stairs(part: Polygon) -> Polygon:
    """The polygon through the middles of the pixel edges that a part's outline consists of."""
    corners = shapely.get_coordinates(shapely.segmentize(part.exterior, 1.0))
    return Polygon((corners[:-1] + corners[1:]) / 2)


def _iou(polygon: Polygon, part: Polygon) -> float:
    shared = polygon.intersection(part).area
    return float(shared / (polygon.area + part.area - shared))
