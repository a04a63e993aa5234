"""Everything this package raises on purpose.

EsamError
├── DownloadError    a file could not be downloaded, or is not the one that was asked for
├── ShadowedPackage  another distribution hides one of our packages
└── StackError       a server of the stack did not start, or ended
"""


class EsamError(Exception):
    """Root of this package's errors; the message says what, the value, and what to do."""


class DownloadError(EsamError):
    """A file could not be downloaded, or is not the one that was asked for."""


class ShadowedPackage(EsamError):
    """Another distribution hides one of our top-level packages."""


class StackError(EsamError):
    """A server of the stack did not start, or ended by itself."""
