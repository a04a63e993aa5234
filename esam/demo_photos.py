"""The demo's photos and what is asked of them, and a host that serves them as Label Studio does."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from core import Prompt
from labelstudio_backend import Sample

from .errors import EsamError

LABEL = "Object"


@dataclass(frozen=True)
class DemoPrompt:
    """One question to the demo.

    Attributes:
        photo: file name of a photo that scikit-image ships (public domain or CC0).
        name: what is asked for, for table and file names.
        prompt: in the photo's pixels.
    """

    photo: str
    name: str
    prompt: Prompt


DEMO_PROMPTS = (
    DemoPrompt("coffee.png", "saucer-box", Prompt(box=[76, 16, 482, 392])),
    DemoPrompt("coffee.png", "coffee-click", Prompt(points=[[290, 150]])),
    DemoPrompt("astronaut.png", "suit-two-clicks", Prompt(points=[[120, 330], [260, 300]])),
    DemoPrompt("astronaut.png", "patch-box", Prompt(box=[135, 347, 212, 424])),
    DemoPrompt("chelsea.png", "eye-box", Prompt(box=[135, 80, 210, 150])),
    DemoPrompt(
        "chelsea.png", "cat-box-and-click", Prompt(points=[[230, 150]], box=[0, 0, 400, 299])
    ),
    DemoPrompt("rocket.jpg", "rocket-box", Prompt(box=[305, 122, 340, 408])),
)

_SAMPLES = (
    ("coffee.png", "Cup of coffee", "Rachel Michetti, CC0"),
    ("chelsea.png", "Chelsea the cat", "Stefan van der Walt, CC0"),
    ("astronaut.png", "Eileen Collins", "NASA, public domain"),
    ("rocket.jpg", "Rocket on its pad", "SpaceX, public domain"),
)


def find_samples() -> tuple[Sample, ...]:
    """The photos for those who have none at hand; none where scikit-image is not installed."""
    if find_spec("skimage") is None:
        return ()
    samples = [Sample(photo_path(name), title, credit) for name, title, credit in _SAMPLES]
    return tuple(sample for sample in samples if sample.path.is_file())


def photo_path(name: str) -> Path:
    """Where scikit-image keeps a photo; nothing is downloaded.

    Raises:
        EsamError: scikit-image is not installed.
    """
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise EsamError("the demo's photos come with scikit-image: pip install scikit-image")
    return Path(spec.origin).parent / "data" / name


def upload_path(photo: str) -> str:
    """The photo's address below the host, like that of an upload in Label Studio."""
    return f"/data/upload/1/0badcafe-{photo}"


@contextmanager
def photo_host(token: str) -> Iterator[str]:
    """Serve the photos on a free loopback port, to those who send the token.

    Yields:
        The host's base URL.
    """
    photos = {upload_path(p.photo): photo_path(p.photo) for p in DEMO_PROMPTS}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # The backend hangs up when the ETag says that it has the photo.
            with suppress(ConnectionError):
                self._answer()

        def _answer(self) -> None:
            path = photos.get(self.path)
            if self.headers.get("Authorization") != f"Token {token}":
                self.send_error(401)
            elif path is None:
                self.send_error(404)
            else:
                content = path.read_bytes()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("ETag", f'"{path.name}"')
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the table readable."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
