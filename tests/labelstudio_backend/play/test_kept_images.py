"""Images that were sent are kept until newer ones need the room."""

import pytest

from labelstudio_backend.errors import ImageMissing
from labelstudio_backend.play.kept_images import KeptImages, open_content


def test_an_image_is_opened_by_its_sha256() -> None:
    images = KeptImages(100)
    sent = open_content(b"abc")
    images.keep(sent)
    assert sent.sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with images.open(sent.sha256) as opened:
        assert opened.read() == b"abc"
        assert opened.sha256 == sent.sha256


def test_what_was_not_used_for_longest_makes_room() -> None:
    images = KeptImages(30)
    sent = [open_content(bytes([number]) * 10) for number in range(4)]
    for image in sent[:3]:
        images.keep(image)
    with images.open(str(sent[0].sha256)):
        pass
    images.keep(sent[3])
    for number in (0, 2, 3):
        with images.open(str(sent[number].sha256)):
            pass
    with pytest.raises(ImageMissing, match="send it again"), images.open(str(sent[1].sha256)):
        pass


def test_an_image_that_is_sent_twice_takes_its_room_once() -> None:
    images = KeptImages(20)
    for content in (b"a" * 10, b"b" * 10, b"b" * 10):
        images.keep(open_content(content))
    with images.open(str(open_content(b"a" * 10).sha256)):
        pass


def test_the_latest_image_is_kept_whatever_its_size() -> None:
    images = KeptImages(5)
    images.keep(open_content(b"small"))
    large = open_content(b"large" * 10)
    images.keep(large)
    with images.open(str(large.sha256)) as opened:
        assert len(opened.read()) == 50
