"""The file name of an image, from what a task says of where it is."""

from urllib.parse import parse_qs, unquote, urlsplit


def find_file_name(source: str) -> str | None:
    """The last part of an image's address, decoded.

    Args:
        source: a path, a URL or a cloud URI; of Label Studio's local files, what ``d`` names.

    Returns:
        Such as ``0c16fb5e-dog.jpg``; None for a ``data:`` URI, or where there is none.
    """
    if source.startswith("data:"):
        return None
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    local_file = parse_qs(parts.query).get("d")
    return unquote(local_file[0] if local_file else parts.path).rpartition("/")[2] or None
