"""The encoder's side task: places of one object are pulled together, of two pushed apart."""

import numpy as np
import torch

from training.affinity import AffinityHead, affinity_loss
from training.places import PLACES, draw_places
from training.scenes import make_scene


def test_places_know_the_object_they_lie_in() -> None:
    objects = make_scene(1, 3).objects
    cells, owners = draw_places(np.random.default_rng(0), objects, 64)
    assert cells.shape == owners.shape == (PLACES,)
    for cell, owner in zip(cells, owners, strict=True):
        row, column = 4 * (cell // 64) + 2, 4 * (cell % 64) + 2
        inside = np.flatnonzero(objects[:, row, column])
        assert (inside[0] + 1 if len(inside) else 0) == owner


def test_a_small_object_gets_as_many_places_as_a_large_one() -> None:
    objects = np.zeros((2, 256, 256), np.bool_)
    objects[0, :128] = True
    objects[1, 200:216, 200:216] = True
    _, owners = draw_places(np.random.default_rng(0), objects, 64)
    large, small = (owners == 1).sum(), (owners == 2).sum()
    assert 0.6 < small / large < 1.6


def test_the_right_pairs_cost_less_than_the_wrong_ones() -> None:
    owner = torch.tensor([[1, 1, 2, 2, 0]])
    same = owner[:, :, None] == owner[:, None, :]
    right = torch.where(same, 8.0, -8.0)
    assert affinity_loss(right, owner) < 0.01
    assert affinity_loss(-right, owner) > 4


def test_two_background_places_may_be_alike_or_not() -> None:
    owner = torch.tensor([[1, 0, 0]])
    logits = torch.zeros(1, 3, 3)
    other = logits.clone()
    other[0, 1, 2] = other[0, 2, 1] = 9
    assert affinity_loss(logits, owner) == affinity_loss(other, owner)


def test_the_head_compares_quarters_of_cells() -> None:
    torch.manual_seed(0)
    embedding = torch.randn(1, 16, 4, 4)
    logits = AffinityHead(16)(embedding, torch.tensor([[0, 1, 8, 63]]))
    assert logits.shape == (1, 4, 4)
    torch.testing.assert_close(logits, logits.transpose(1, 2))
    assert logits[0, 0, 0] > logits[0, 0, 3]
