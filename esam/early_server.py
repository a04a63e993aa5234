"""An HTTP server that is up while its application is still being imported and loaded.

``/health`` says at once that the process is alive, and ``/ready`` that it is not ready; any other
call waits until the application is there. Label Studio, a proxy or a person who starts the service
need not guess how long that takes.

Told to stop, it takes no further call and answers those that are there, within a limit.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import uvicorn

logger = logging.getLogger(__name__)

_HEALTH_PATHS = ("/", "/health")
_READY_PATH = "/ready"
_NOT_READY = {"is_ready": False, "is_loading": True}
_STOPPING = {
    "error": "shutting_down",
    "detail": "this service is being stopped or restarted; ask again in a moment",
}
_RETRY_AFTER_S = b"5"
_LOADING = {"status": "UP", "model_class": "EfficientSAM", "is_loading": True}
# Whoever asks has shown no login yet: the reason is for the log alone.
_NOT_LOADED = {"error": "not_loaded", "detail": "the service did not start; see its log"}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True)
class LoadedApp:
    """An application, ready to be asked.

    Attributes:
        app: the application.
        drain_timeout_s: how long its calls may still take when the process is told to stop.
    """

    app: App
    drain_timeout_s: float


def serve_early(load: Callable[[], LoadedApp], host: str, port: int) -> None:
    """Serve an application until told to stop.

    Args:
        load: imports and makes it; called once, in a thread.
        host: address to listen on.
        port: likewise.

    Raises:
        Exception: what ``load`` raised; the server has stopped then.
    """
    early = _EarlyApp(load)
    config = uvicorn.Config(early, host, port, ws="none", log_config=None, access_log=False)
    # Who waits for a model that is being loaded is not waited for when it is told to stop. Not 0:
    # uvicorn then logs an error although nobody waits.
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    early.on_loaded = lambda timeout_s: setattr(config, "timeout_graceful_shutdown", timeout_s)
    early.on_failure = lambda: setattr(server, "should_exit", True)
    server.run()
    if early.failure is not None:
        raise early.failure


class _EarlyApp:
    def __init__(self, load: Callable[[], LoadedApp]) -> None:
        self._load = load
        self._app: App | None = None
        self._is_decided: asyncio.Event
        self.failure: Exception | None = None
        self.on_loaded: Callable[[float], None]
        self.on_failure: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._app is None and scope["path"] in _HEALTH_PATHS:
            await _answer(send, 200, _LOADING)
            return
        if self._app is None and scope["path"] == _READY_PATH and self.failure is None:
            await _answer(send, 503, _NOT_READY)
            return
        await self._is_decided.wait()
        if self._app is None:
            await _answer(send, 503, _NOT_LOADED)
            return
        await _answer_or_say_why(self._app, scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self._is_decided = asyncio.Event()
        # A daemon: Ctrl-C must not wait for it.
        threading.Thread(
            target=self._run, args=(asyncio.get_running_loop(),), name="load", daemon=True
        ).start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            loaded = self._load()
            self.on_loaded(loaded.drain_timeout_s)
            self._app = loaded.app
        except Exception as error:  # raised again where the server was started
            self.failure = error
            self.on_failure()
        loop.call_soon_threadsafe(self._is_decided.set)


async def _answer_or_say_why(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    is_begun = False

    async def send_on(message: MutableMapping[str, Any]) -> None:
        nonlocal is_begun
        is_begun = True
        await send(message)

    try:
        await app(scope, receive, send_on)
    except asyncio.CancelledError:  # told to stop, and the limit is over
        if is_begun:
            raise
        logger.warning("not answered before the end path=%.200r", scope["path"])
        await _answer(send, 503, _STOPPING)


async def _answer(send: Send, status: int, content: MutableMapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", _RETRY_AFTER_S))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(content).encode()})
