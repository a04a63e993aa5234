"""What Label Studio said of itself and of each project in ``/setup``; kept in memory only."""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from pydantic import SecretStr

_MAX_PROJECTS = 1000


@dataclass(frozen=True)
class ProjectSetup:
    """One ``/setup`` call.

    Attributes:
        hostname: the base URL that Label Studio believes it has.
        access_token: the legacy token of the project's owner; refused where legacy tokens are off.
    """

    hostname: str | None = None
    access_token: SecretStr | None = None


class Projects:
    """The latest setup of each project, forgotten with the process. Safe between threads.

    Label Studio calls ``/setup`` again when it connects, lists tasks or runs a batch, but not
    before a click: after a restart of this service a click may come first.
    """

    def __init__(self) -> None:
        self._setups: OrderedDict[str, ProjectSetup] = OrderedDict()
        self._lock = Lock()

    def remember(self, project: str, setup: ProjectSetup) -> None:
        """Keep what ``/setup`` said of a project (``"<id>.<unix time of creation>"``)."""
        with self._lock:
            self._setups[project] = setup
            self._setups.move_to_end(project)
            if len(self._setups) > _MAX_PROJECTS:
                self._setups.popitem(last=False)

    def find(self, project: str | None) -> ProjectSetup | None:
        """The latest setup of a project, None when there was none since this process started."""
        with self._lock:
            return self._setups.get(project) if project is not None else None

    def find_by_id(self, project_id: int | str | None) -> ProjectSetup | None:
        """The latest setup of a project whose time of creation is not known."""
        with self._lock:
            for project in reversed(self._setups):
                if project.partition(".")[0] == str(project_id):
                    return self._setups[project]
        return None
