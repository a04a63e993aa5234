"""From what a task says to a URL."""

import base64

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelstudio_backend import BackendError
from labelstudio_backend.errors import (
    ImageHostError,
    ImageSourceRefused,
    LabelStudioUnknown,
)
from labelstudio_backend.label_studio.cloud_uri import find_cloud_uri
from labelstudio_backend.label_studio.image_location import locate_image

from ..fetching import account_on, fetch
from ..image_host import Host


def test_a_path_without_any_label_studio_says_what_to_set() -> None:
    with pytest.raises(LabelStudioUnknown, match="LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY"):
        fetch("/data/upload/1/dog.png?sig=secret")


@pytest.mark.parametrize(
    "source", ["ftp://host/dog.png", "file:///dog.png", "S3://bucket/dog.png", "dog.png"]
)
def test_a_scheme_that_is_not_fetched_is_refused_with_those_that_are(source: str) -> None:
    with pytest.raises(ImageSourceRefused, match="http, https, data: URIs"):
        fetch(source)


def test_a_file_url_cannot_be_reached_by_a_redirect(host: Host) -> None:
    with pytest.raises(ImageSourceRefused, match="file://"):
        fetch(host.redirect("/dog", "file:///etc/passwd"))


@pytest.mark.parametrize("location", ["http://[1]/", "http://a:b", "/a\x7fb"])
def test_a_redirect_to_a_malformed_url_is_told(host: Host, location: str) -> None:
    with pytest.raises(ImageHostError, match="malformed URL"):
        fetch(host.redirect("/dog", location))


def test_two_slashes_name_a_host_and_not_a_path_in_label_studio(host: Host) -> None:
    with pytest.raises(ImageSourceRefused):
        fetch("//evil.example/dog.png", account_on(host.url))


@pytest.mark.parametrize("source", ["s3://b/dogs/1.png", " gs://b/d?x=ä#1 ", "azure-blob://c/d"])
def test_a_cloud_uri_is_resolved_by_label_studio_for_its_task(source: str) -> None:
    url = locate_image(source, account_on("http://host/studio"), 7)
    assert str(url.copy_with(query=None)) == "http://host/studio/tasks/7/resolve/"
    assert base64.urlsafe_b64decode(url.params["fileuri"]).decode() == source.strip()
    assert find_cloud_uri(url) == source.strip()


def test_a_cloud_uri_without_label_studio_or_task_says_what_is_missing() -> None:
    with pytest.raises(LabelStudioUnknown, match=r"'s3://bucket/dog\.png'.*LABEL_STUDIO_URL"):
        locate_image("s3://bucket/dog.png", None, 7)
    for task_id in (None, "7/../8", "٧"):
        with pytest.raises(ImageSourceRefused, match="for one of its tasks"):
            locate_image("s3://bucket/dog.png", account_on("http://host"), task_id)


@pytest.mark.parametrize("url", ["http://h/resolve/?fileuri=%", "http://h/resolve/", "http://h/"])
def test_other_urls_hold_no_cloud_uri(url: str) -> None:
    assert find_cloud_uri(httpx.URL(url)) is None


@given(st.text(max_size=40), st.sampled_from(["", "s3://", "/", "http://"]))
def test_any_text_in_a_task_is_located_or_refused(source: str, start: str) -> None:
    account = account_on("http://studio:8080")
    try:
        url = locate_image(start + source, account, 7)
    except BackendError:
        return
    assert url.scheme in ("http", "https")
