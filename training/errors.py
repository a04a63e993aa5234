"""Everything this package raises on purpose beside the ``ValueError`` of a wrong argument.

TrainingError
└── TooFewObjects   there is not enough to learn from, or to measure with
"""

from __future__ import annotations


class TrainingError(Exception):
    """Root of this package's errors; the message says what, the value, and what to do."""


class TooFewObjects(TrainingError):
    """The objects, or the images that they lie on, are too few."""
