"""How our processes write their logs."""

import logging


def configure_logging(level: str) -> None:
    """One line a record on stderr, at this level of Python's logging."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # One line a request of a client library would drown our own, and hold whole URLs.
    for noisy in ("httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
