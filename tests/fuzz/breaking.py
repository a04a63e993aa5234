"""JSON broken in the ways that callers, proxies and attackers break it."""

import json
import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from ..labelstudio_backend.label_studio_requests import Json

_NEST = "@nest@"
_DEPTHS = (50, 150, 300, 5_000, 100_000)

_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, False, 0, 1, -1, -0.0, 3.7, 1e-320, 1e308, -1e308, math.nan, math.inf,
        -math.inf, 2**31, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, "", " ", "0", "NaN",
        "true", "null", "\x00", "\ud800", "\udfff\ud800", "\u202e\u200b\ufeff", "٣", "😀" * 50,
        "x" * 200_000, "../../etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/", "//x/y",
        "data:image/png;base64,////", "data:,", "s3://b/k", "<View/>", "<!DOCTYPE a>", "{{7*7}}",
        "%s%n%(x)s{0}", "\r\nX-Injected: 1", [], {}, [[]], [None] * 3, {"": {}}, {"id": "x"},
        [1] * 5_000, _NEST,
    ]
)  # fmt: skip

_NO_UTF8 = (b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\0", b"\xef\xbb\xbf")


@st.composite
def broken_bodies(draw: st.DrawFn, body: Json) -> bytes:
    """A body with one to four things wrong in it, mostly one."""
    tree: Any = {"body": deepcopy(body)}
    for _ in range(draw(st.sampled_from([1, 1, 1, 1, 2, 4]))):
        places = list(_find_places(tree))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        _break(draw, holder, key)
    text = json.dumps(tree.get("body"))
    if _NEST in text:
        depth = draw(st.sampled_from(_DEPTHS))
        opening, closing = draw(st.sampled_from([("[", "]"), ('{"a":', "}")]))
        text = text.replace(f'"{_NEST}"', opening * depth + "1" + closing * depth, 1)
    return _break_bytes(draw, text.encode())


def _find_places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every value of a tree, as where it is held and under what."""
    stack = [tree]
    while stack:
        holder = stack.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in list(keys):
            yield holder, key
            if isinstance(holder[key], dict | list):
                stack.append(holder[key])


def _break(draw: st.DrawFn, holder: Any, key: Any) -> None:
    how = draw(st.sampled_from(["drop", "double", "retype", "retype", "wrap", "negate", "rename"]))
    value = holder[key]
    if how == "drop":
        del holder[key]
    elif how == "double" and isinstance(holder, list):
        holder[key:key] = [value] * draw(st.sampled_from([1, 2, 40]))
    elif how == "negate" and isinstance(value, int | float):
        holder[key] = -value * draw(st.sampled_from([1, 10**9, 10**25]))
    elif how == "wrap":
        holder[key] = draw(st.sampled_from([[value], {"value": value}, [value, value], str(value)]))
    elif how == "rename" and isinstance(holder, dict):
        holder[f"{key}{draw(st.sampled_from(['s', ' ', '_', '.', chr(0)]))}"] = holder.pop(key)
    else:
        holder[key] = deepcopy(draw(_VALUES))


def _break_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    how = draw(st.sampled_from(["leave"] * 25 + ["cut", "splice", "twice", "key twice", "utf-16"]))
    place = draw(st.integers(0, len(content)))
    if how == "cut":
        return content[:place]
    if how == "splice":
        wrong = draw(
            st.sampled_from([b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\0", b"\xef\xbb\xbf"])
        )
        return content[:place] + wrong + content[place:]
    if how == "twice":
        return content + content
    if how == "key twice":
        return content.replace(b'": ', b'": 7, "tasks": [], "project": null, "x": ', 1)
    return content.decode().encode("utf-16") if how == "utf-16" else content
