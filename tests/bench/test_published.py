"""The benchmark's yardstick computes the same numbers as the product."""

import numpy as np
import torch
from numpy.typing import NDArray

from bench.model_rows import make_prompt
from bench.published import PublishedModel, resize_all
from core.preprocessing import to_model_input
from tests.core.small_models import make_small_predictor


def test_the_yardstick_encodes_and_decodes_the_same(photo_like: NDArray[np.uint8]) -> None:
    predictor = make_small_predictor()
    published = PublishedModel(predictor)
    size_hw = photo_like.shape[0], photo_like.shape[1]
    image = to_model_input(photo_like, predictor.architecture, torch.device("cpu"))
    embedding = predictor.encode(photo_like)
    features = published.encode(image)[0]
    torch.testing.assert_close(features, embedding.features, atol=1e-4, rtol=1e-4)

    prompt = make_prompt(size_hw)
    slots = prompt.to_slots(size_hw, predictor.architecture.image_size)
    points, labels = (torch.from_numpy(x) for x in slots)
    logits, iou = published.decode(features, points, labels)
    (answer,) = predictor.decode_candidates(embedding, [prompt])
    np.testing.assert_allclose(answer.low_res_logits, logits[0], atol=1e-4)
    np.testing.assert_allclose(answer.iou, iou[0], atol=1e-4)
    mask = resize_all(logits, iou, size_hw)
    assert np.count_nonzero(mask != answer.mask) <= 0.001 * mask.size
