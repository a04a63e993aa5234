"""Everything of this package that a worker does: a job that is not listed here is refused."""

from collections.abc import Callable
from typing import Final

from .runs import work_on_chunk
from .warm_start import warm_image

PROJECT_JOBS: Final[tuple[Callable[..., None], ...]] = (warm_image, work_on_chunk)
