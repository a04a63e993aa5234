"""What becomes of masks that are drawn."""

import numpy as np

from labelstudio_backend.label_config import parse_label_config
from labelstudio_backend.labeled_task import LabeledMask, LabeledTask

from .label_studio_requests import LABEL_CONFIG


def test_empty_masks_are_left_out_of_regions_and_score() -> None:
    config = parse_label_config(LABEL_CONFIG)
    output = config.find_output_tag((), "image")
    full = LabeledMask(output, ("Dog",), 0.8, lambda: np.ones((6, 10), np.bool_))
    empty = LabeledMask(output, ("Cat",), 0.2, lambda: np.zeros((6, 10), np.bool_))
    prediction = LabeledTask(7, (empty, full), "v").to_prediction()
    assert prediction is not None
    assert (len(prediction["result"]), prediction["score"]) == (1, 0.8)
    assert LabeledTask(7, (empty, empty), "v").to_prediction() is None
