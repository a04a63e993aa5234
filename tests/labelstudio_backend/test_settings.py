import pytest
from pydantic import ValidationError

from labelstudio_backend import BackendSettings


@pytest.mark.parametrize("name", ["LABEL_STUDIO_URL", "LABEL_STUDIO_HOST"])
def test_label_studio_is_found_under_both_names_people_use(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, " http://label-studio:8080/ ")
    assert BackendSettings().label_studio_url == "http://label-studio:8080"


@pytest.mark.parametrize("name", ["LABEL_STUDIO_API_KEY", "LABEL_STUDIO_ACCESS_TOKEN"])
def test_the_token_is_found_under_both_names_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "s3cret")
    settings = BackendSettings()
    assert settings.label_studio_api_key is not None
    assert settings.label_studio_api_key.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_an_empty_value_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "")
    monkeypatch.setenv("BASIC_AUTH_USER", "")
    monkeypatch.setenv("BASIC_AUTH_PASS", " ")
    settings = BackendSettings()
    assert settings.label_studio_url is None
    assert settings.basic_auth_pass is None


def test_a_url_without_scheme_is_refused_with_an_example() -> None:
    with pytest.raises(ValidationError, match=r"must start with http://.*http://localhost:8080"):
        BackendSettings(label_studio_url="localhost:8080")


def test_a_login_in_the_url_is_refused_without_showing_it() -> None:
    with pytest.raises(ValidationError, match="LABEL_STUDIO_API_KEY") as refused:
        BackendSettings(label_studio_url="http://me:hunter2@studio:8080")
    assert "hunter2" not in str(refused.value)


def test_what_is_wrong_with_a_setting_is_said_without_the_values_of_others() -> None:
    with pytest.raises(ValidationError) as refused:
        BackendSettings(
            basic_auth_user="half", label_studio_url="http://h", label_studio_api_key="s3cret"
        )
    assert "BASIC_AUTH_PASS" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_defaults_leave_label_studio_time_to_hear_of_a_failure() -> None:
    settings = BackendSettings()
    assert settings.predict_timeout_s == 90
    assert not settings.is_private_address_allowed


@pytest.mark.parametrize("name", ["BASIC_AUTH_USER", "BASIC_AUTH_PASS"])
def test_half_a_login_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "half")
    with pytest.raises(ValidationError, match="both BASIC_AUTH_USER and BASIC_AUTH_PASS"):
        BackendSettings()


@pytest.mark.parametrize(
    ("value", "meaning"),
    [("off", "off"), (" Regions ", "regions"), ("EVERYTHING", "everything"), ("", "regions")],
)
def test_what_is_predicted_without_a_click_is_one_of_three(
    monkeypatch: pytest.MonkeyPatch, value: str, meaning: str
) -> None:
    assert BackendSettings().prelabel == "regions"
    monkeypatch.setenv("ESAM_PRELABEL", value)
    assert BackendSettings().prelabel == meaning


def test_another_way_to_prelabel_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ESAM_PRELABEL", "boxes")
    with pytest.raises(ValidationError, match="'off', 'regions' or 'everything'"):
        BackendSettings()
