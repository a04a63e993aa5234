"""What masks become in Label Studio: brushes, bitmasks, polygons or rectangles."""

from .brush import encode_brush_rle
from .mask_regions import Region, make_regions
from .output_tag import OutputTag, choose_output_tag, find_output_tags

__all__ = [
    "OutputTag",
    "Region",
    "choose_output_tag",
    "encode_brush_rle",
    "find_output_tags",
    "make_regions",
]
