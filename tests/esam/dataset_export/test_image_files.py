"""Names and contents of a dataset's images."""

import io

import numpy as np
from PIL import Image

from esam.dataset_export.image_files import ImageNames, turn_upright


def test_names_are_those_of_the_files_and_never_the_same() -> None:
    names = ImageNames()
    sources = [
        "/data/upload/2/0c16fb5e-dog.jpg",
        "https://host/a/dog.jpg?size=big",
        "s3://bucket/b/Dog.png",
        "/data/local-files/?d=imgs/dog%20one.webp",
        "data:image/png;base64,AAAA",
        "https://host/.hidden/..%2F..%2Fetc%2Fpasswd",
        "https://host/b/dog.gif",
    ]
    expected = ["0c16fb5e-dog.jpg", "dog.jpg", "7-Dog.png", "dog_one.webp", "task-7.png",
                "passwd", "7-dog-1.gif"]  # fmt: skip
    assert [names.choose(source, 7) for source in sources] == expected


def test_a_photo_that_a_camera_turned_is_turned_and_any_other_stays_as_it_is() -> None:
    rgb = np.zeros((30, 50, 3), np.uint8)
    rgb[:, :10] = 255
    exif, file, turned = Image.Exif(), io.BytesIO(), io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG")
    assert turn_upright(file.getvalue()) == (file.getvalue(), (30, 50))
    exif[0x0112] = 6
    Image.fromarray(rgb).save(turned, "JPEG", exif=exif)
    content, size_hw = turn_upright(turned.getvalue())
    assert size_hw == (50, 30)
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "JPEG"
        assert picture.size == (30, 50)
        assert 0x0112 not in picture.getexif()
        assert np.asarray(picture)[:8].mean() > 200, "what was left is on top"
