"""Which Label Studio a project has, and which token belongs to it."""

import httpx
import pytest
from pydantic import SecretStr

from labelstudio_backend import BackendSettings
from labelstudio_backend.label_studio.account import LabelStudioAccount, find_account
from labelstudio_backend.projects import ProjectSetup

from ..conftest import TOKEN
from ..fetching import fetch
from ..image_host import Host


def test_the_environment_wins_over_setup_and_each_token_stays_with_its_url() -> None:
    settings = BackendSettings(
        label_studio_url="http://studio:8080", label_studio_api_key=SecretStr("env-token")
    )
    setup = ProjectSetup("http://localhost:8080", SecretStr("setup-token"))
    account = find_account(settings, setup)
    assert account is not None
    assert account.base_url == httpx.URL("http://studio:8080")
    assert account.token == SecretStr("env-token")


def test_without_environment_setup_says_where_label_studio_is() -> None:
    setup = ProjectSetup("http://localhost:8080", SecretStr("setup-token"))
    account = find_account(BackendSettings(), setup)
    assert account == LabelStudioAccount(
        httpx.URL("http://localhost:8080"), SecretStr("setup-token")
    )


def test_the_setup_token_does_not_go_to_another_url_of_the_environment() -> None:
    settings = BackendSettings(label_studio_url="http://studio:8080")
    elsewhere = ProjectSetup("http://localhost:8080", SecretStr("setup-token"))
    account = find_account(settings, elsewhere)
    assert account is not None
    assert account.token is None
    same = find_account(settings, ProjectSetup("http://studio:8080/", SecretStr("setup-token")))
    assert same is not None
    assert same.token == SecretStr("setup-token")


def test_a_token_in_the_environment_without_url_goes_nowhere() -> None:
    settings = BackendSettings(label_studio_api_key=SecretStr("env-token"))
    assert find_account(settings, None) is None
    account = find_account(settings, ProjectSetup("http://attacker", None))
    assert account is not None
    assert account.token is None


def test_urls_that_start_where_label_studio_believes_it_is_are_fetched_where_it_is_reached(
    host: Host,
) -> None:
    settings = BackendSettings(label_studio_url=host.url, label_studio_api_key=SecretStr(TOKEN))
    account = find_account(settings, ProjectSetup("http://localhost:1", SecretStr("unused")))
    host.serve("/data/local-files/?d=dog.jpg", b"jpg")
    assert fetch("http://localhost:1/data/local-files/?d=dog.jpg", account) == b"jpg"
    assert host.authorizations == [f"Token {TOKEN}"]


@pytest.mark.parametrize(
    "hostname", ["", "localhost:8080", "ftp://studio", "http://", "http://studio:port"]
)
def test_a_setup_without_usable_hostname_is_no_account(hostname: str) -> None:
    assert find_account(BackendSettings(), ProjectSetup(hostname, SecretStr("t"))) is None
