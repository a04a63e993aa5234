"""What core says of an image, with small things looked at in tiles, as the service answers."""

import numpy as np
from numpy.typing import NDArray

from core import Predictor, Prompt, predict_objects


def predict_closely(
    predictor: Predictor, rgb: NDArray[np.uint8], prompt: Prompt
) -> NDArray[np.bool_]:
    """The mask of one object in an (H, W, 3) image."""
    (found,) = predict_objects(predictor, rgb, [prompt])
    return found.draw()
