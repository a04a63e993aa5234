"""``python -m worker``: one worker process with the settings of the environment."""

import logging
import sys

from core import EfficientSAMError

from .encode_worker import start_worker
from .errors import WorkerError
from .settings import WorkerSettings


def main() -> int:
    """Load the model, then serve the queues until told to stop.

    Returns:
        0 after an orderly stop, 1 when model or Redis cannot be used.
    """
    settings = WorkerSettings()
    logging.basicConfig(
        level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        start_worker(settings)
    except (EfficientSAMError, WorkerError) as error:
        print(f"esam worker: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
