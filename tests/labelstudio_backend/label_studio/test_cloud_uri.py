"""Images in cloud storage, opened by Label Studio."""

import pytest

from labelstudio_backend.errors import ImageHostError, ImageMissing, ImageSourceRefused
from labelstudio_backend.label_studio.cloud_uri import resolve_cloud_uri

from ...label_studio_stand_in import LabelStudioStandIn
from ..conftest import TOKEN
from ..fetching import account_on, fetch, make_fetcher, shared_fetcher
from ..image_host import Host

URI = "s3://bucket/dogs/1.png"
SIGNED = "/1.png?X-Amz-Credential=A%2FB%2Bc%2Faws4_request&X-Amz-Signature=a%3D%3D&x=1+2"
"""What S3 signs must arrive as it was written."""


def redirect_to_bucket(studio: Host, bucket: Host, task_id: int = 7, **headers: str) -> None:
    resolve = resolve_cloud_uri(URI, account_on(studio.url), task_id)
    url = bucket.serve(SIGNED, b"png", 200, **headers)
    path = resolve.raw_path.decode("ascii")
    studio.serve(path, b"", 303, Location=url, Cache_Control="no-store, max-age=900")


def find_alias(studio: Host, task_id: int = 7) -> str | None:
    with shared_fetcher().open(URI, account_on(studio.url), task_id) as image:
        return image.alias


def test_the_signed_url_is_followed_as_it_is_and_without_the_token(
    host: Host, other_host: Host
) -> None:
    redirect_to_bucket(host, other_host)
    assert fetch(URI, account_on(host.url), task_id=7) == b"png"
    assert host.authorizations == [f"Token {TOKEN}"]
    assert other_host.authorizations == [None]
    assert other_host.requests[0][0] == SIGNED


def test_a_file_that_label_studio_passes_on_by_itself_is_read() -> None:
    with LabelStudioStandIn() as studio:
        studio.cloud_files[URI] = b"png"
        assert fetch(URI, account_on(studio.url, studio.token), task_id=7) == b"png"


def test_a_bucket_at_a_private_address_is_refused(host: Host, other_host: Host) -> None:
    redirect_to_bucket(host, other_host)
    fetcher = make_fetcher(is_private_address_allowed=False)
    with pytest.raises(ImageSourceRefused, match="ESAM_ALLOW_PRIVATE_ADDRESSES"):
        fetch(URI, account_on(host.url), fetcher, task_id=7)
    assert not other_host.requests


def test_the_alias_is_of_the_uri_and_not_of_the_task_whose_id_is_used_again(
    host: Host, other_host: Host
) -> None:
    redirect_to_bucket(host, other_host, 7, ETag='"1"')
    redirect_to_bucket(host, other_host, 8, ETag='"1"')
    alias = find_alias(host, 7)
    assert alias is not None
    assert alias == find_alias(host, 8)
    assert URI in alias
    assert "Signature" not in alias
    redirect_to_bucket(host, other_host, 8, ETag='"2"')
    assert find_alias(host, 8) != alias


def test_without_validators_of_the_bucket_there_is_no_alias(host: Host, other_host: Host) -> None:
    redirect_to_bucket(host, other_host)
    assert find_alias(host) is None


def test_the_same_uri_in_another_label_studio_is_another_image(
    host: Host, other_host: Host
) -> None:
    redirect_to_bucket(host, other_host, ETag='"1"')
    redirect_to_bucket(other_host, host, ETag='"1"')
    assert find_alias(host) != find_alias(other_host)


def test_only_label_studio_itself_is_believed_to_resolve_uris(host: Host, other_host: Host) -> None:
    url = str(resolve_cloud_uri(URI, account_on(other_host.url), 7))
    path = url.removeprefix(other_host.url)
    other_host.serve(path, b"png", ETag='"1"')
    with shared_fetcher().open(url, account_on(host.url)) as image:
        assert image.alias is not None
        assert image.alias.startswith(url)


def test_a_uri_that_label_studio_cannot_open_is_told_with_where_to_look(host: Host) -> None:
    with pytest.raises(ImageMissing, match=r"/tasks/7/resolve/ \(s3://.*1\.png\): .*Cloud Storage"):
        fetch(URI, account_on(host.url), task_id=7)


def test_a_storage_that_fails_is_told_with_its_status(host: Host) -> None:
    resolve = resolve_cloud_uri(URI, account_on(host.url), 7)
    host.serve(resolve.raw_path.decode("ascii"), b"{}", 424)
    with pytest.raises(ImageHostError, match="answered 424"):
        fetch(URI, account_on(host.url), task_id=7)
