"""What tests of fetching have in common."""

from functools import cache
from typing import Any

import httpx
from pydantic import SecretStr

from labelstudio_backend import ImageFetcher
from labelstudio_backend.label_studio.account import LabelStudioAccount

from .conftest import TOKEN

MAX_BYTES = 100_000


def make_fetcher(
    *,
    max_bytes: int = MAX_BYTES,
    timeout_s: float = 5,
    is_private_address_allowed: bool = True,
    **more: Any,
) -> ImageFetcher:
    return ImageFetcher(
        max_bytes=max_bytes,
        timeout_s=timeout_s,
        is_private_address_allowed=is_private_address_allowed,
        **more,
    )


@cache
def shared_fetcher() -> ImageFetcher:
    return make_fetcher()


def account_on(url: str, token: str | None = TOKEN) -> LabelStudioAccount:
    return LabelStudioAccount(httpx.URL(url), SecretStr(token) if token else None)


def fetch(
    source: str,
    account: LabelStudioAccount | None = None,
    fetcher: ImageFetcher | None = None,
    task_id: int | str | None = None,
) -> bytes:
    with (fetcher or shared_fetcher()).open(source, account, task_id) as image:
        return image.read()
