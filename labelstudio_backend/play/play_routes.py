"""The page and its calls over HTTP."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

from ..call_limit import CallLimit
from ..http_bodies import ReadBody, make_answer, parse_body, read_bounded
from .messages import MaskRequest
from .playground import Playground

_PAGE = Path(__file__).parent / "page"
_MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def add_play_routes(
    app: FastAPI,
    playground: Playground,
    read_body: ReadBody,
    image_max_bytes: int,
    limit: CallLimit,
) -> None:
    """Add ``/play`` and what the page behind it asks for to the application."""
    _add_page(app)

    @app.get("/play/samples")
    async def samples() -> Response:
        """The photos there are to click on."""
        shown = playground.samples.values()
        return make_answer([{"name": s.name, "title": s.title, "credit": s.credit} for s in shown])

    @app.get("/play/samples/{name}")
    async def sample(name: str) -> Response:
        """One of them."""
        if name not in playground.samples:
            raise HTTPException(404, "there is no such sample")
        return FileResponse(playground.samples[name].path)

    @app.post("/play/images")
    async def add_image(request: Request) -> Response:
        """An image file, to be clicked on: the body is its content."""
        advice = "use a smaller image, or raise ESAM_IMAGE_MAX_BYTES"
        with limit.admitted():
            content = await read_bounded(request, image_max_bytes, advice)
            return await run_in_threadpool(lambda: make_answer(playground.add_image(content)))

    @app.post("/play/masks")
    async def find_masks(request: Request) -> Response:
        """Points and a box on it, to be answered with masks."""
        with limit.admitted():
            asked = parse_body(MaskRequest, await read_body(request))
            return await run_in_threadpool(lambda: make_answer(playground.find_masks(asked)))


def _add_page(app: FastAPI) -> None:
    files = {path.name: path for path in _PAGE.iterdir() if path.suffix in _MEDIA_TYPES}

    @app.get("/play", include_in_schema=False)
    async def page() -> Response:
        """Click on an image of your own, without Label Studio."""
        return _answer_file(files["index.html"])

    @app.get("/play/page/{name}", include_in_schema=False)
    async def part(name: str) -> Response:
        """A file that the page consists of."""
        if name not in files:
            raise HTTPException(404, "the page has no such file")
        return _answer_file(files[name])


def _answer_file(path: Path) -> Response:
    return FileResponse(path, media_type=_MEDIA_TYPES[path.suffix], headers=_HEADERS)
