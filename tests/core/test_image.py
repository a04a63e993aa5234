import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from core import ImageError, read_image


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def picture(photo_like: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(photo_like)


def test_a_png_is_read_as_it_is(picture: Image.Image, photo_like: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(read_image(encoded(picture, "PNG")), photo_like)


def test_exif_orientation_is_applied_as_a_browser_does(
    picture: Image.Image, photo_like: NDArray[np.uint8]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90° clockwise to show it upright
    rgb = read_image(encoded(picture, "PNG", exif=exif))
    np.testing.assert_array_equal(rgb, np.rot90(photo_like, -1))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_every_pixel_format_becomes_rgb(picture: Image.Image, mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "F") else "PNG"
    source = picture.convert("I").convert("I;16") if mode == "I;16" else picture.convert(mode)
    rgb = read_image(encoded(source, kind))
    assert rgb.shape == (120, 160, 3)
    assert rgb.dtype == np.uint8


def test_sixteen_bit_gray_is_scaled_not_clipped() -> None:
    gray = np.full((4, 4), 257 * 100, dtype=np.uint16)
    rgb = read_image(encoded(Image.fromarray(gray), "PNG"))
    assert (rgb == 100).all()


def test_transparency_lies_over_white() -> None:
    rgb = read_image(encoded(Image.new("RGBA", (3, 2), (10, 20, 30, 0)), "PNG"))
    assert (rgb == 255).all()


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    rgb = read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert rgb[0, 0].tolist() == [255, 0, 0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.jpg: No such file"):
        read_image(tmp_path / "nowhere.jpg")


def test_zero_bytes_are_said_to_be_zero_bytes() -> None:
    with pytest.raises(ImageError, match="zero bytes"):
        read_image(b"")


def test_html_named_jpg_is_said_not_to_be_an_image() -> None:
    with pytest.raises(ImageError, match="not an image that can be read: 15 bytes"):
        read_image(b"<html>login</ht")


def test_a_truncated_image_is_damaged(picture: Image.Image) -> None:
    with pytest.raises(ImageError, match="damaged"):
        read_image(encoded(picture, "JPEG")[:600])


def test_an_image_above_the_limit_is_refused_with_both_numbers(picture: Image.Image) -> None:
    with pytest.raises(ImageError, match=r"160×120, more than the limit of 1,000 pixels"):
        read_image(encoded(picture, "PNG"), max_pixels=1000)
