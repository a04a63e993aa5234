"""The ``esam`` command: puts core, worker, backend and training together for a person."""
