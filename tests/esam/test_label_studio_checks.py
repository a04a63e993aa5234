"""What the doctor says of Label Studio, its tokens and its projects."""

import pytest

from esam.doctor import examine_label_studio

from ..label_studio_project import Json
from ..label_studio_stand_in import EMAIL
from ..labelstudio_backend.image_host import run_host
from .examined import ConnectedLabelStudio, Examined, examine, make_model


def test_a_personal_access_token_is_named_as_such(label_studio: ConnectedLabelStudio) -> None:
    label_studio.token = None  # the organization switched legacy tokens off
    found = examine(label_studio, token=label_studio.personal_access_token)
    assert found.failed_count == 0, found.lines
    assert f"a personal access token of {EMAIL}" in found["token"]


def test_a_wrong_token_is_told_and_what_needs_it_is_skipped(
    label_studio: ConnectedLabelStudio,
) -> None:
    found = examine(label_studio, token="0" * 40)
    assert found["Label Studio"].startswith("✓ ")
    assert found["token"].startswith("✗ ")
    assert "refuses the token" in found["token"]
    assert found["project"].endswith("skipped (needs: token)")
    assert found.failed_count == 1


def test_a_revoked_personal_access_token_is_told(label_studio: ConnectedLabelStudio) -> None:
    found = examine(label_studio, token="ey.of.nobody")  # noqa: S106
    assert found["Label Studio"].startswith("✓ ")
    assert "wrong, expired or revoked. Make a new one" in found["token"]


def test_without_a_token_the_account_page_is_named(label_studio: ConnectedLabelStudio) -> None:
    found = examine(label_studio, token=" ")  # noqa: S106
    assert "LABEL_STUDIO_API_KEY to a token of the account page" in found["token"]
    assert found.failed_count == 1


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (
            None,
            "its URL is not set    set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY, or give --url",
        ),
        ("abc", "there is a token for Label Studio and no URL that it belongs to"),
    ],
)
def test_a_project_without_the_url_of_label_studio_fails(token: str | None, message: str) -> None:
    found = Examined()
    examine_label_studio(found.examination, None, token, 1, "http://localhost:9090")
    assert message in found["Label Studio"]
    assert found["project"].endswith("skipped (needs: token)")
    assert found.failed_count == 1


def test_a_label_studio_that_is_not_there_is_told(label_studio: ConnectedLabelStudio) -> None:
    found = examine(label_studio, url="http://127.0.0.1:1")
    assert found["Label Studio"].startswith("✗ ")
    assert "is Label Studio up" in found["Label Studio"]
    assert found["token"].endswith("skipped (needs: Label Studio)")


def test_another_server_than_label_studio_is_told(label_studio: ConnectedLabelStudio) -> None:
    with run_host() as host:
        host.serve("/api/version", b"<html>hello</html>", Content_Type="text/html")
        found = examine(label_studio, url=host.url)
    assert "really a Label Studio" in found["Label Studio"]


def test_a_project_that_is_not_there_is_told(label_studio: ConnectedLabelStudio) -> None:
    found = examine(label_studio, project=99)
    assert "Label Studio has no project 99" in found["project"]
    assert found["label config"].endswith("skipped (needs: project)")
    assert found["connection"].endswith("skipped (needs: project)")
    assert found["images"].endswith("skipped (needs: label config)")
    assert found.failed_count == 1


WITHOUT_BRUSH = '<View><Image name="image" value="$image"/></View>'
OTHER_LABELS = """<View><Image name="image" value="$image"/>
<BrushLabels name="tag" toName="image"><Label value="Dog"/></BrushLabels>
<KeyPointLabels name="kp" toName="image" smart="true"><Label value="Cat"/></KeyPointLabels>
</View>"""


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (
            WITHOUT_BRUSH,
            "no BrushLabels tag, nor another that holds masks; no KeyPointLabels or Rectangle",
        ),
        (OTHER_LABELS, "'kp' has labels that 'tag' lacks: 'Cat'"),
        ("<View>", "not well-formed XML"),
        ("", "has no label config"),
    ],
)
def test_a_label_config_that_does_not_serve_is_told(
    label_studio: ConnectedLabelStudio, xml: str, message: str
) -> None:
    label_studio.project.label_config = xml
    found = examine(label_studio)
    assert found["label config"].startswith("✗ ")
    assert message in found["label config"]
    assert found["connection"].startswith("✓ "), "it does not need the label config"


@pytest.mark.parametrize(
    ("models", "mark", "message"),
    [
        ([], "✗", "Settings → Model → Connect Model: BACKEND, Interactive preannotations on"),
        (
            [make_model("BACKEND", is_interactive=False)],
            "✗",
            "switch Interactive preannotations on",
        ),
        (
            [make_model("BACKEND", state="DI", readable_state="Disconnected")],
            "✗",
            "BACKEND is disconnected    is it running there? Label Studio must reach that URL",
        ),
        (
            [make_model("BACKEND", state="ER", readable_state="Error", error_message="timeout")],
            "✗",
            "BACKEND is error (timeout)",
        ),
        (
            [make_model("http://ls:port", state="DI", readable_state="Disconnected")],
            "✗",
            "this machine is http://host.docker.internal:9090",
        ),
        ([make_model("http://backend:9090")], "!", "is that the backend at BACKEND"),
        (
            [make_model("http://elsewhere:1", is_interactive=False), make_model("BACKEND/")],
            "✓",
            "connected and interactive: BACKEND/",
        ),
    ],
)
def test_the_connection_of_the_project_is_examined(
    label_studio: ConnectedLabelStudio, models: list[Json], mark: str, message: str
) -> None:
    url = label_studio.backend_url
    label_studio.models = [{**m, "url": m["url"].replace("BACKEND", url)} for m in models]
    found = examine(label_studio)
    assert found["connection"].startswith(mark)
    assert message.replace("BACKEND", url) in found["connection"]


def test_the_name_of_this_machine_is_the_same_place(label_studio: ConnectedLabelStudio) -> None:
    port = label_studio.backend_url.rpartition(":")[2]
    label_studio.models = [make_model(f"http://localhost:{port}")]
    assert examine(label_studio)["connection"].startswith("✓ ")
    label_studio.models = [make_model(f"http://localhost:{port}0")]
    assert examine(label_studio)["connection"].startswith("! ")


def test_an_answer_that_is_no_list_of_models_is_told(label_studio: ConnectedLabelStudio) -> None:
    label_studio.answer_next("/api/ml", 400, body={"detail": "no"})
    line = examine(label_studio)["connection"]
    assert "answers 400 to the question which models are connected" in line
