"""A photo that the page offers to those who have none at hand."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """A photo on this machine.

    Attributes:
        path: a JPEG or PNG file; its name is the sample's address.
        title: what it shows.
        credit: who made it, and under which terms it may be shown.
    """

    path: Path
    title: str
    credit: str

    @property
    def name(self) -> str:
        """Its address below ``/play/samples/``."""
        return self.path.name
