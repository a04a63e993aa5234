"""What browsers send for web pages of others."""

import pytest

from .answers import the_error
from .conftest import Backend
from .label_studio_requests import LABEL_CONFIG


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8080"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[broken"},
    ],
)
def test_a_page_of_another_origin_gives_no_orders(
    backend: Backend, headers: dict[str, str]
) -> None:
    for path in ("/predict", "/setup", "/webhook", "/play/images", "/nothing"):
        # What a page may have sent without asking first.
        kind = {"Content-Type": "text/plain"}
        response = backend.client.post(path, content=b"{}", headers=headers | kind)
        the_error(response, 403, "foreign_page")
    assert backend.client.get("/versions", headers=headers).status_code == 200


def test_label_studio_programs_and_our_own_page_are_let_through(backend: Backend) -> None:
    own = backend.url
    for headers in (
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": own},
        {"Sec-Fetch-Site": "none"},
        {"Origin": own},
        {"Origin": own.replace("http://", "https://")},  # a proxy took the TLS off
    ):
        response = backend.client.post("/validate", json={"config": LABEL_CONFIG}, headers=headers)
        assert response.status_code == 200, response.text
