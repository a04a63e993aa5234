"""Downloads that survive interruption and keep nothing unverified."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx

from .errors import DownloadError

_ATTEMPTS = 3
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


def download_file(
    url: str,
    path: Path,
    verify: Callable[[Path], None],
    on_progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> None:
    """Download a file beside its final place, verify it, then move it there.

    What an earlier try left in ``<path>.part`` is continued where the server allows it.

    Args:
        url: http(s) address; redirects are followed.
        path: final place; replaced only by a verified file.
        verify: raises when the finished file is not the one asked for; the part is then removed.
        on_progress: called with bytes done and, when known, bytes in all.

    Raises:
        DownloadError: the server cannot be reached, refuses, or keeps cutting off.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _fetch(url, part, on_progress)
            break
        except httpx.HTTPStatusError as error:
            raise DownloadError(
                f"{url} answered {error.response.status_code} {error.response.reason_phrase}; "
                "check the address, or name a mirror with --url"
            ) from error
        except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            if attempt == _ATTEMPTS:
                raise DownloadError(
                    f"cannot download {url} ({type(error).__name__}: {error}); check the network "
                    "and repeat the command: it continues where it stopped. On a machine without "
                    f"internet, put the file at {path} by hand"
                ) from error
    try:
        verify(part)
    except Exception:
        part.unlink()
        raise
    os.replace(part, path)


def _fetch(url: str, part: Path, on_progress: Callable[[int, int | None], None]) -> None:
    done_bytes = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={done_bytes}-"} if done_bytes else {}
    with httpx.stream(
        "GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True
    ) as reply:
        if reply.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is complete already; verification decides
        reply.raise_for_status()
        is_resumed = reply.status_code == httpx.codes.PARTIAL_CONTENT
        done_bytes = done_bytes if is_resumed else 0
        length = reply.headers.get("Content-Length")
        total = done_bytes + int(length) if length else None
        with part.open("ab" if is_resumed else "wb") as file:
            for chunk in reply.iter_raw():  # as it comes: a cut loses nothing that arrived
                file.write(chunk)
                done_bytes += len(chunk)
                on_progress(done_bytes, total)
