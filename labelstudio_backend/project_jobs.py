"""Everything of this package that a worker does: a job that is not listed here is refused."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from .runs import stop_lost_run, work_on_chunk
from .warm_start import warm_image

PROJECT_JOBS: Final[Mapping[Callable[..., object], Callable[..., None] | None]] = MappingProxyType(
    {warm_image: None, work_on_chunk: stop_lost_run}
)
"""With what is done when no worker survives a job of the kind."""
