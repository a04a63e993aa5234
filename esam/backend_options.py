"""The options that say where the backend is and how it reaches Label Studio."""

import os
from typing import Annotated

import typer

from .backend_client import DEFAULT_URL, BackendClient, check_url
from .errors import OptionInvalid

_BACKEND_VARIABLE = "ESAM_BACKEND_URL"

BackendOption = Annotated[
    str, typer.Option("--backend-url", help="Where our backend listens.", envvar=_BACKEND_VARIABLE)
]
ProjectOption = Annotated[
    int, typer.Option("--project", help="Id of the project in Label Studio.", min=1)
]
RunArgument = Annotated[str, typer.Argument(metavar="ID", help="Of `esam runs list`.")]
NoWaitOption = Annotated[
    bool, typer.Option("--no-wait", help="Return at once; the run goes on by itself.")
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--url",
        help="Label Studio as the backend reaches it; default what the backend was told.",
        envvar=["LABEL_STUDIO_URL", "LABEL_STUDIO_HOST"],
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option(
        "--token",
        help="Token of Label Studio's account page, of either kind. "
        "Better in the environment: a command line can be seen by others.",
        envvar=["LABEL_STUDIO_API_KEY", "LABEL_STUDIO_ACCESS_TOKEN"],
    ),
]


def connect_backend(url: str) -> BackendClient:
    """A client of the backend, with the login of the environment.

    Raises:
        OptionInvalid: the URL is none, or half a login is set.
    """
    return BackendClient(url, find_login())


def find_login() -> tuple[str, str] | None:
    """User and password of the backend, from the environment.

    Raises:
        OptionInvalid: half a login is set.
    """
    user, password = os.environ.get("BASIC_AUTH_USER"), os.environ.get("BASIC_AUTH_PASS")
    if bool(user) != bool(password):
        raise OptionInvalid("set both BASIC_AUTH_USER and BASIC_AUTH_PASS, or neither")
    return (user, password) if user and password else None


def label_studio_fields(url: str | None, token: str | None) -> dict[str, str | None]:
    """The part of an order that says where Label Studio is.

    Raises:
        OptionInvalid: a token without a URL, or a URL that is none.
    """
    url, token = (url or "").strip(), (token or "").strip()
    if token and not url:
        raise OptionInvalid(
            "there is a token for Label Studio and no URL that it belongs to: give --url, or set "
            "LABEL_STUDIO_URL"
        )
    return {
        "label_studio_url": check_url(url, "--url") if url else None,
        "label_studio_api_key": token or None,
    }


def need_label_studio(url: str | None, token: str | None) -> tuple[str, str]:
    """URL and token, for a command that asks Label Studio itself.

    Raises:
        OptionInvalid: one is missing, or the URL is none.
    """
    fields = label_studio_fields(url, token)
    base_url, key = fields["label_studio_url"], fields["label_studio_api_key"]
    if base_url is None or key is None:
        raise OptionInvalid(
            "this command asks Label Studio itself: set LABEL_STUDIO_URL and "
            "LABEL_STUDIO_API_KEY, or give --url and --token"
        )
    return base_url, key


def say_command(backend_url: str, arguments: str) -> str:
    """A command to type next, on the same backend: ``esam runs watch 3f2a``."""
    known = (os.environ.get(_BACKEND_VARIABLE) or DEFAULT_URL).rstrip("/")
    return f"esam {arguments}" + ("" if backend_url == known else f" --backend-url {backend_url}")
