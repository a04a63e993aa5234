"""The whole product as a person starts it, beside a stand-in for Label Studio."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ..label_studio_stand_in import LabelStudioStandIn
from ..labelstudio_backend.image_host import make_png
from ..running_stack import RunningStack
from .surface import Surface


@pytest.fixture(scope="session")
def studio(photo_like: NDArray[np.uint8]) -> Iterator[LabelStudioStandIn]:
    """A Label Studio with one project."""
    with LabelStudioStandIn() as studio:
        yield studio


@pytest.fixture(scope="session")
def surface(
    studio: LabelStudioStandIn, photo_like: NDArray[np.uint8], nano_weights: Path
) -> Iterator[Surface]:
    """The running service; that nothing in it broke is looked at in the end."""
    image = studio.add_image("dog.png", make_png(photo_like))
    captured_image = studio.add_image("dogs.png", make_png(np.zeros((603, 1072, 3), np.uint8)))
    studio.add_tasks([{"image": image}] * 3)
    token = studio.token
    assert token is not None
    stack = RunningStack(
        nano_weights,
        {
            "LABEL_STUDIO_URL": studio.url,
            "LABEL_STUDIO_API_KEY": token,
            "ESAM_IMAGE_TIMEOUT_S": "2",
            "ESAM_LOG_FORMAT": "text",
        },
    )
    try:
        with closing(Surface(stack.url, image, captured_image)) as surface:
            yield surface
            surface.assert_good_click_works()
    finally:
        stack.stop()
    faults = [n for n, line in enumerate(stack.lines) if "Traceback" in line]
    assert faults == [], "".join(stack.lines[max(0, faults[0] - 5) : faults[0] + 60])
