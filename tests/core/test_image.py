import io
import struct
import tracemalloc
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from core import ImageError, ImageTooLarge, find_image_size, read_image
from core.jpeg import decode_jpeg


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


def as_pillow_reads_it(content: bytes) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(content))
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


JPEG_KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no subsampling": {"subsampling": 0},
    "half the colours": {"subsampling": 1},
    "progressive": {"progressive": True},
    "poor": {"quality": 5},
    "with restarts": {"restart_marker_rows": 1},
    "not converted": {"keep_rgb": True},
    "MPO": {"save_all": True, "append_images": [Image.new("RGB", (160, 120))]},
}


@pytest.mark.parametrize(("mode", "kind"), [*product(("RGB", "L"), JPEG_KINDS), ("CMYK", "plain")])
def test_a_jpeg_has_the_pixels_that_pillow_gives(
    picture: Image.Image, mode: str, kind: str
) -> None:
    file = "MPO" if kind == "MPO" else "JPEG"
    content = encoded(picture.convert(mode), file, **JPEG_KINDS[kind])
    np.testing.assert_array_equal(read_image(content), as_pillow_reads_it(content))


@pytest.mark.parametrize("orientation", range(10))
def test_a_jpeg_is_turned_as_pillow_turns_it(picture: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(picture, "JPEG", exif=exif)
    rgb = read_image(content)
    np.testing.assert_array_equal(rgb, as_pillow_reads_it(content))
    np.testing.assert_array_equal(decode_jpeg(content, orientation), rgb)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_known_from_the_header(
    picture: Image.Image, kind: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(picture, kind, exif=exif)
    assert find_image_size(content) == read_image(content).shape[:2]


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM"])
def test_the_size_of_what_cannot_lie_is_known_too(picture: Image.Image, kind: str) -> None:
    assert find_image_size(encoded(picture, kind)) == (120, 160)


@pytest.mark.parametrize("content", [b"", b"<html>", b"GIF89a"])
def test_what_is_no_image_has_no_size(content: bytes) -> None:
    with pytest.raises(ImageError):
        find_image_size(content)


def test_a_jpeg_with_a_blemish_is_read_as_browsers_do(picture: Image.Image) -> None:
    content = encoded(picture, "JPEG")
    blemished = content[:-2] + b"garbage" + content[-2:]
    with pytest.raises(ValueError, match="extraneous"):
        decode_jpeg(blemished)
    np.testing.assert_array_equal(read_image(blemished), read_image(content))


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


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html>login</ht", "15 bytes, a web page"),
        (b"\xef\xbb\xbf\r\n <!DOCTYPE html>", "a web page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing.*export it as PNG"),
        (b'<?xml version="1.0"?><svg/>', "SVG drawing"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"s3cret-s3cret", "of no known kind"),
    ],
)
def test_what_is_named_jpg_and_is_none_is_said_to_be_what_it_is(content: bytes, kind: str) -> None:
    with pytest.raises(ImageError, match=f"not an image that can be read: .*{kind}") as refused:
        read_image(content)
    assert "s3cret" not in str(refused.value), "its bytes are nobody's business"


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "PCX", "TGA"])
def test_a_format_that_browsers_do_not_show_is_not_read(picture: Image.Image, kind: str) -> None:
    # Pillow would run Ghostscript on the first.
    with pytest.raises(ImageError, match="JPEG, PNG, WebP, AVIF, GIF, BMP, TIFF and PPM can be"):
        read_image(encoded(picture, kind))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM"])
def test_a_format_that_is_promised_is_read(picture: Image.Image, kind: str) -> None:
    assert read_image(encoded(picture, kind)).shape == (120, 160, 3)


def test_a_truncated_image_is_damaged(picture: Image.Image) -> None:
    with pytest.raises(ImageError, match="damaged"):
        read_image(encoded(picture, "JPEG")[:600])


def test_an_image_above_the_limit_is_refused_with_both_numbers(picture: Image.Image) -> None:
    with pytest.raises(ImageTooLarge, match=r"160×120, more than the limit of 1,000 pixels"):
        read_image(encoded(picture, "PNG"), max_pixels=1000)


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A PNG of 9 × 10⁸ black pixels in less than 1 MB."""
    side_px = 30_000
    header = struct.pack(">2I5B", side_px, side_px, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side_px // 8 + 1) * side_px), 1)
    chunks = ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_a_decompression_bomb_is_refused_before_it_is_decoded(bomb: bytes) -> None:
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    with pytest.raises(ImageTooLarge, match="30000×30000"):
        read_image(bomb)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 10_000_000


def test_pillows_own_limit_is_neither_ours_nor_changed_for_others(bomb: bytes) -> None:
    Image.MAX_IMAGE_PIXELS, before = 100, Image.MAX_IMAGE_PIXELS
    try:
        assert read_image(encoded(Image.new("RGB", (200, 100)), "PNG")).shape == (100, 200, 3)
        assert Image.MAX_IMAGE_PIXELS == 100
        with pytest.raises(ImageTooLarge):
            read_image(bomb)
        assert Image.MAX_IMAGE_PIXELS == 100
    finally:
        Image.MAX_IMAGE_PIXELS = before


@pytest.mark.parametrize("size_wh", [(100_000, 1), (1, 100_000), (1, 1)])
def test_an_image_of_any_shape_is_read(size_wh: tuple[int, int]) -> None:
    rgb = read_image(encoded(Image.new("RGB", size_wh, "red"), "PNG"))
    assert rgb.shape == (size_wh[1], size_wh[0], 3)


def test_text_that_unfolds_within_an_image_is_not_unfolded(picture: Image.Image) -> None:
    text = PngInfo()
    text.add_text("comment", "x" * 50_000_000, zip=True)
    content = encoded(picture, "PNG", pnginfo=text)
    assert len(content) < 200_000
    with pytest.raises(ImageError, match="damaged"):
        read_image(content)


_NOISE = Image.effect_noise((32, 24), 50)
_SEEDS = [
    *(
        encoded(_NOISE.convert(mode), kind)
        for kind, mode in [
            ("JPEG", "RGB"), ("PNG", "P"), ("PNG", "RGBA"), ("GIF", "P"), ("BMP", "RGB"),
            ("WEBP", "RGB"), ("AVIF", "RGB"), ("PPM", "RGB"), ("TIFF", "F"),
        ]
    ),
    encoded(_NOISE.convert("CMYK"), "JPEG", progressive=True),
    encoded(_NOISE.convert("RGB"), "TIFF", compression="tiff_lzw"),
    encoded(_NOISE.convert("1"), "TIFF", compression="group4"),
]  # fmt: skip


@st.composite
def damaged_images(draw: st.DrawFn) -> bytes:
    """Image files with bytes changed, left out, put in, or cut off."""
    content = bytearray(draw(st.sampled_from(_SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.integers(0, 12))
        content[place : place + length] = draw(st.binary(max_size=12))
    return bytes(content[: draw(st.integers(0, len(content)) | st.just(len(content)))])


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, of EXIF that is cut off
@given(damaged_images())
def test_a_damaged_image_is_read_or_refused(content: bytes) -> None:
    try:
        rgb = read_image(content, max_pixels=1_000_000)
    except ImageError:
        return
    assert rgb.ndim == 3
    assert rgb.dtype == np.uint8
