"""A mask as a PNG in a ``data:`` URL, as Label Studio's bitmask regions hold it.

The page reads the alpha channel alone, pixel by pixel of the natural image: what is not wholly
transparent belongs to the region. It writes black where a region is, and so does this: readers of
an export see the same form whether a person touched the region or not.
"""

import base64
import io
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def make_bitmask(mask: NDArray[np.bool_]) -> dict[str, object]:
    """What a bitmask region says of its pixels.

    Args:
        mask: (H, W) bool in the original frame.

    Returns:
        ``imageDataURL``, a PNG of RGBA: black and opaque in the mask, transparent beside it.
    """
    rgba = np.zeros((*mask.shape, 4), np.uint8)
    rgba[..., 3] = mask * np.uint8(255)
    file = io.BytesIO()
    # Masks are long runs: zlib's strategy for those is as small as its best, in half the time.
    Image.fromarray(rgba).save(file, "PNG", compress_type=zlib.Z_RLE)
    content = base64.b64encode(file.getvalue()).decode("ascii")
    return {"imageDataURL": f"data:image/png;base64,{content}"}
