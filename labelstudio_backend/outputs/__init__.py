"""What masks become in Label Studio: brushes, bitmasks, polygons or rectangles."""

from .brush import encode_brush_rle
from .mask_regions import Region, make_regions
from .output_tag import OutputTag, choose_output_tag, find_output_tags
from .polygon import make_polygons
from .region_masks import DrawnRegion, group_items, is_mask, read_drawn_regions

__all__ = [
    "DrawnRegion",
    "OutputTag",
    "Region",
    "choose_output_tag",
    "encode_brush_rle",
    "find_output_tags",
    "group_items",
    "is_mask",
    "make_polygons",
    "make_regions",
    "read_drawn_regions",
]
