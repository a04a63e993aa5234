"""The service's HTTP surface, and what must be true of each of its answers."""

import json
from typing import Any

import httpx

from ..labelstudio_backend.label_studio_requests import Json, make_keypoint, make_predict
from .payloads import make_payloads

_GOOD_EVERY = 50
_MAX_DETAIL_CHARS = 2_100


class Surface:
    """Sends what no sane caller sends, and now and then a click that must work.

    Attributes:
        url: of the service.
        schema: its own description of itself.
        image: what a task says of an image that is there.
        payloads: what is sent in good faith.
    """

    def __init__(self, url: str, image: str, captured_image: str) -> None:
        self.url = url
        self.image = image
        self.payloads = make_payloads(image, captured_image)
        self.client = httpx.Client(base_url=url, timeout=60, trust_env=False)
        self.schema: Json = self.client.get("/openapi.json").json()
        self._sent = 0
        self._good_answer: Json | None = None

    def close(self) -> None:
        """Close all connections."""
        self.client.close()

    def send(self, method: str, path: str, body: bytes) -> httpx.Response:
        """Send a body, and check what comes back."""
        response = self.client.request(
            method, path, content=body, headers={"Content-Type": "application/json"}
        )
        self.check(response.status_code, response.headers["Content-Type"], response.content)
        return response

    def check(self, status: int, content_type: str, content: bytes) -> None:
        """No fault, and an error is JSON with words that a person can act on."""
        assert status != 500, content
        if status >= 400:
            assert content_type == "application/json", content_type
            answer = json.loads(content)
            assert answer.keys() == {"error", "detail"}
            assert answer["error"] != "internal_error"
            assert len(answer["detail"].split()) >= 3, answer
            assert len(answer["detail"]) < _MAX_DETAIL_CHARS, "it repeats what was sent"
        self._sent += 1
        if self._sent % _GOOD_EVERY == 0:
            self.assert_good_click_works()

    def assert_good_click_works(self) -> None:
        """A click is answered, and always the same."""
        response = self.client.post("/predict", json=self.make_click())
        assert response.status_code == 200, response.text
        answer = response.json()
        (prediction,) = answer["results"]
        assert prediction["result"], answer
        for region in prediction["result"]:
            region.pop("id")
        self._good_answer = self._good_answer or answer
        assert answer == self._good_answer

    def make_click(self) -> dict[str, Any]:
        """A body that is right."""
        return make_predict(self.image, make_keypoint(50, 50))
