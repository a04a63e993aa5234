import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays

from labelstudio_backend.outputs.bitmask import make_bitmask

from .drawn_masks import Mask, read_png


@settings(deadline=None)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_the_picture_is_black_in_the_mask_and_transparent_beside_it(mask: Mask) -> None:
    url = make_bitmask(mask)["imageDataURL"]
    assert isinstance(url, str)
    picture = read_png(url)
    assert picture.shape == (*mask.shape, 4)
    assert (picture[..., :3] == 0).all()
    assert (picture[..., 3] == mask * 255).all()


def test_a_mask_of_a_large_photo_is_a_small_file() -> None:
    rows, columns = np.mgrid[:1500, :2000]
    disc = (columns - 1000) ** 2 + (rows - 750) ** 2 < 600**2
    url = make_bitmask(disc)["imageDataURL"]
    assert isinstance(url, str)
    assert len(url) < 60_000
