"""What goes on beside the calls, as far as they need to know of it."""

from collections.abc import Sequence
from typing import Protocol

from core import Predictor

from .label_studio.account import LabelStudioAccount


class BackgroundRuns(Protocol):
    """Takes over the tasks that Label Studio cannot wait for."""

    def label_tasks(
        self,
        project_key: str | None,
        task_ids: Sequence[int],
        account: LabelStudioAccount | None,
        /,
    ) -> None:
        """Have the tasks labelled and their predictions posted, once however often it is asked.

        Args:
            project_key: ``"<id>.<unix time of creation>"``, as Label Studio sends it.
            task_ids: of that project.
            account: the project's Label Studio.
        """


class WarmStart(Protocol):
    """Has images encoded before somebody clicks on them."""

    def warm(
        self,
        account: LabelStudioAccount | None,
        images: Sequence[tuple[int | str | None, str]],
        /,
    ) -> None:
        """Put jobs for these images on the prefetch queue; returns at once.

        Args:
            account: the project's Label Studio.
            images: id of the task, and what it says of where its image is.
        """


class ModelChoice(Protocol):
    """Knows which version of the model a project uses."""

    def find(self, project: str | None, /) -> Predictor:
        """The predictor for one answer; whoever has it keeps it until the answer is there.

        Args:
            project: ``"<id>.<unix time of creation>"``, as Label Studio sends it.
        """
