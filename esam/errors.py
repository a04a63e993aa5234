"""Everything this package raises on purpose.

EsamError
├── BackendCallError  a call to the backend did not bring what it should
│   ├── BackendAway       nothing usable answers there now; it may come back
│   └── BackendRefusal    the backend says no
├── BoxFileInvalid    a file of boxes cannot be read
├── DownloadError     a file could not be downloaded, or is not the one that was asked for
├── OptionInvalid     options that do not go together, or one that cannot be used
├── ShadowedPackage   another distribution hides one of our packages
└── StackError        a server of the stack did not start, or ended
"""


class EsamError(Exception):
    """Root of this package's errors; the message says what, the value, and what to do."""


class BackendCallError(EsamError):
    """A call to the backend's HTTP API did not bring what it should."""


class BackendAway(BackendCallError):
    """Nothing usable answers at the backend's address now; asking again later may help."""


class BackendRefusal(BackendCallError):
    """The backend answers, and says no; the message is its own reason."""


class BoxFileInvalid(EsamError):
    """A file of boxes cannot be read; the message names the file and the line or entry."""


class DownloadError(EsamError):
    """A file could not be downloaded, or is not the one that was asked for."""


class OptionInvalid(EsamError):
    """An option cannot be used, or lacks another one."""


class ShadowedPackage(EsamError):
    """Another distribution hides one of our top-level packages."""


class StackError(EsamError):
    """A server of the stack did not start, or ended by itself."""
