"""The page ``/play`` and its calls over HTTP."""

import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from label_studio_sdk.converter.brush import decode_rle
from numpy.typing import NDArray
from PIL import Image
from pydantic import SecretStr

from core import PlacedPrediction, Predictor, Prompt
from labelstudio_backend import Sample
from labelstudio_backend.label_config import parse_label_config

from ..answers import the_error
from ..blind_predictor import make_blind
from ..conftest import Backend, InProcessEmbeddings, RunBackend
from ..label_studio_requests import Json

README = Path(__file__).resolve().parents[3] / "README.md"


def send(backend: Backend, png: bytes) -> Json:
    answer: Json = backend.client.post("/play/images", content=png).raise_for_status().json()
    return answer


def ask(backend: Backend, image: str, **prompt: object) -> Json:
    body = {"image": image, "points": [], "labels": [], **prompt}
    answer: Json = backend.client.post("/play/masks", json=body).raise_for_status().json()
    return answer


def mask_in(region: Json) -> NDArray[np.bool_]:
    size_hw = region["original_height"], region["original_width"]
    return np.asarray(decode_rle(region["value"]["rle"]).reshape(*size_hw, 4)[..., 3] > 0)


def test_masks_are_those_of_core_and_the_image_is_sent_and_encoded_once(
    run_backend: RunBackend, lively: Predictor, png: bytes, photo_like: NDArray[np.uint8]
) -> None:
    embeddings = InProcessEmbeddings(lively)
    backend = run_backend(lively, embeddings)
    sent = send(backend, png)
    assert (sent["width_px"], sent["height_px"]) == (160, 120)
    prompt = {"points": [[80, 60], [5, 5]], "labels": [1, 0], "box": [40, 20, 120, 100]}
    for _ in range(2):
        answer = ask(backend, sent["image"], **prompt)
    embedding = lively.encode(photo_like)
    asked = Prompt(points=[[80, 60], [5, 5]], labels=[1, 0], box=[40, 20, 120, 100])
    expected = PlacedPrediction(lively.decode(embedding, asked), None, (120, 160))
    assert answer["best"] == expected.prediction.best
    assert answer["model_version"] == lively.model_version
    drawn = [expected.draw_candidate(index) for index in range(3)]
    assert [c["area_px"] for c in answer["candidates"]] == [int(mask.sum()) for mask in drawn]
    for candidate, mask in zip(answer["candidates"], drawn, strict=True):
        if candidate["region"] is not None:
            np.testing.assert_array_equal(mask_in(candidate["region"]), mask)
    assert drawn[answer["best"]].any()
    assert embeddings.encoded_count == 1
    assert set(answer["times_ms"]) == {"image", "decode", "resize", "write"}


def test_a_mask_of_no_pixels_has_no_region_for_it_could_not_be_imported(
    run_backend: RunBackend, predictor: Predictor, png: bytes
) -> None:
    backend = run_backend(make_blind(predictor))
    answer = ask(backend, send(backend, png)["image"], points=[[80, 60]], labels=[1])
    assert [c["area_px"] for c in answer["candidates"]] == [0, 0, 0]
    assert [c["region"] for c in answer["candidates"]] == [None, None, None]


def test_the_region_fits_the_label_config_of_the_readme(
    run_backend: RunBackend, lively: Predictor, png: bytes
) -> None:
    backend = run_backend(lively)
    answer = ask(backend, send(backend, png)["image"], box=[40, 20, 120, 100])
    region = answer["candidates"][answer["best"]]["region"]
    (xml,) = re.findall(r"```xml\n(.*?)```", README.read_text(), re.DOTALL)
    output = parse_label_config(xml).find_output_tag((), "image")
    assert (region["from_name"], region["to_name"]) == (output.name, output.image_name)
    assert region["type"] == "brushlabels"
    assert region["value"]["brushlabels"] == ["Object"]


def test_an_image_that_a_camera_turned_has_the_size_that_is_seen(
    run_backend: RunBackend, predictor: Predictor, photo_like: NDArray[np.uint8]
) -> None:
    file, exif = io.BytesIO(), Image.Exif()
    exif[274] = 6  # turned by 90 degrees
    Image.fromarray(photo_like).save(file, "JPEG", exif=exif)
    sent = send(run_backend(predictor), file.getvalue())
    assert (sent["width_px"], sent["height_px"]) == (120, 160)


def test_an_image_that_is_not_here_any_more_is_asked_for_again(backend: Backend) -> None:
    body = {"image": "0" * 64, "points": [[1, 1]], "labels": [1]}
    missing = backend.client.post("/play/masks", json=body)
    assert "send it again" in the_error(missing, 422, "image_missing")


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"image": "../../etc/passwd"}, "bad_request", "image"),
        ({"labels": [1, 1]}, "bad_prompt", "labels"),
        ({"labels": [2]}, "bad_request", "labels.0"),
        ({"labels": [0]}, "bad_prompt", "nothing to segment"),
        ({"points": [[999, 1]]}, "bad_prompt", "(999, 1) lies outside the image of 160×120"),
        ({"points": [[1, 1]] * 201, "labels": [1] * 201}, "bad_request", "at most 200"),
        ({"points": [["NaN", 1]]}, "bad_request", "points.0.0"),
        ({"box": [1, 1, 1, 1]}, "bad_prompt", "has no area"),
        ({"more": 1}, "bad_request", "more"),
    ],
)
def test_a_prompt_that_cannot_be_answered_is_refused_in_words(
    backend: Backend, png: bytes, change: Json, code: str, said: str
) -> None:
    body = {"image": send(backend, png)["image"], "points": [[80, 60]], "labels": [1], **change}
    assert said in the_error(backend.client.post("/play/masks", json=body), 400, code)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_image_is_refused_and_not_kept(backend: Backend, content: bytes) -> None:
    the_error(backend.client.post("/play/images", content=content), 422, "image_unusable")


def test_an_image_above_the_limit_is_refused(run_backend: RunBackend, png: bytes) -> None:
    backend = run_backend(image_max_bytes=1000)
    refused = backend.client.post("/play/images", content=png)
    assert "raise ESAM_IMAGE_MAX_BYTES" in the_error(refused, 413, "request_too_large")


def test_the_page_is_closed_like_everything_else(run_backend: RunBackend, png: bytes) -> None:
    backend = run_backend(basic_auth_user="studio", basic_auth_pass=SecretStr("secret"))
    for path in ("/play", "/play/page/play.js", "/play/samples"):
        the_error(backend.client.get(path), 401, "login_required")
        assert backend.client.get(path, auth=("studio", "secret")).status_code == 200
    the_error(backend.client.post("/play/images", content=png), 401, "login_required")
    the_error(backend.client.post("/play/masks", json={}), 401, "login_required")


def test_samples_are_listed_and_served_and_nothing_beside_them(
    run_backend: RunBackend, tmp_path: Path, png: bytes
) -> None:
    (tmp_path / "disc.png").write_bytes(png)
    (tmp_path / "secret.png").write_bytes(b"secret")
    backend = run_backend(samples=[Sample(tmp_path / "disc.png", "A disc", "nobody, CC0")])
    listed = backend.client.get("/play/samples").json()
    assert listed == [{"name": "disc.png", "title": "A disc", "credit": "nobody, CC0"}]
    served = backend.client.get("/play/samples/disc.png")
    assert served.content == png
    assert served.headers["content-type"] == "image/png"
    for name in ("secret.png", "..%2Fsecret.png", "nothing"):
        the_error(backend.client.get(f"/play/samples/{name}"), 404, "no_such_call")
    the_error(backend.client.get("/play/page/play_routes.py"), 404, "no_such_call")


class _Links(HTMLParser):
    """What a page loads, and what is written into it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href"):
                self.links.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(f"{tag} {name}")


def test_the_page_loads_nothing_from_elsewhere_and_runs_nothing_that_is_written_into_it(
    backend: Backend,
) -> None:
    page = backend.client.get("/play")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    found = _Links(page.text)
    assert found.handlers == []
    parts = {page.url.join(link) for link in found.links if not link.startswith("data:")}
    assert len(parts) == 2
    for url in parts:
        part = backend.client.get(url)
        assert part.status_code == 200
        imports = re.findall(r'from "(.+?)"', part.text)
        assert all(backend.client.get(url.join(name)).status_code == 200 for name in imports)


def test_masks_are_counted_like_those_of_label_studio(backend: Backend, png: bytes) -> None:
    image = send(backend, png)["image"]
    before = backend.client.get("/metrics").text
    backend.client.post("/play/masks", json={"image": image, "points": [[900, 1]], "labels": [1]})
    after = backend.client.get("/metrics").text
    counted = 'esam_predictions_total{outcome="bad_prompt"}'
    assert read_count(after, counted) == read_count(before, counted) + 1


def read_count(metrics: str, name: str) -> float:
    return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(name))
