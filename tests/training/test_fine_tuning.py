"""A decoder that learns from accepted objects: what it learns, and where it goes on."""

from dataclasses import replace
from itertools import count
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import nn

from core import CheckpointError, Predictor, read_decoder
from core.prompt_encoder import SlotLabel
from tests.core.small_models import PLAIN, PYRAMID, make_small_predictor
from training import FineTuning, FineTuningPhase
from training.accepted_objects import AcceptedObject, ObjectView, part_by_image
from training.decoder_batches import BatchMaker
from training.decoder_training import DecoderTraining, DecoderTrainingConfig
from training.fine_tuning import _thin

from .made_objects import QUICK, SIDE_PX, make_discs


@pytest.fixture(scope="module", params=[PLAIN, PYRAMID], ids=["plain", "pyramid"])
def predictor(request: pytest.FixtureRequest) -> Predictor:
    return make_small_predictor(request.param)


def finish(learning: FineTuning) -> FineTuning:
    while not learning.is_over:
        learning.advance()
    return learning


def test_it_measures_learns_and_measures_again(predictor: Predictor) -> None:
    objects, embed = make_discs(predictor, 10)
    learning = FineTuning(predictor, predictor, objects, embed, QUICK)
    phases = [learning.progress.phase]
    while not learning.is_over:
        learning.advance()
        if learning.progress.phase is not phases[-1]:
            phases.append(learning.progress.phase)
    assert phases == list(FineTuningPhase)
    assert learning.comparison.objects == 4
    assert learning.progress.tuning_iou is not None
    for change in learning.changes:
        assert len(change.before) == len(change.after) == 5


def test_of_too_many_objects_evenly_spread_ones_are_measured(predictor: Predictor) -> None:
    objects, _ = make_discs(predictor, 5, objects=1)
    assert [one.name for one in _thin(objects, 3)] == [objects[i].name for i in (0, 2, 4)]


def test_no_image_is_measured_that_was_learned_from(predictor: Predictor) -> None:
    objects, embed = make_discs(predictor, 20)
    asked: list[str] = []

    def watched(view: str) -> torch.Tensor:
        asked.append(view)
        return embed(view)

    learning = FineTuning(predictor, predictor, objects, watched, QUICK)
    by_phase: dict[FineTuningPhase, set[str]] = {phase: set() for phase in FineTuningPhase}
    while not learning.is_over:
        phase = learning.progress.phase
        asked.clear()
        learning.advance()
        by_phase[phase].update(asked)
    assert by_phase[FineTuningPhase.BEFORE] == by_phase[FineTuningPhase.AFTER]
    assert len(by_phase[FineTuningPhase.BEFORE]) == 4
    assert by_phase[FineTuningPhase.LEARNING]
    assert not by_phase[FineTuningPhase.BEFORE] & by_phase[FineTuningPhase.LEARNING]


def test_stopped_anywhere_and_gone_on_elsewhere_it_learns_the_same(predictor: Predictor) -> None:
    objects, embed = make_discs(predictor, 10)
    straight = finish(FineTuning(predictor, predictor, objects, embed, QUICK))
    learning = FineTuning(predictor, predictor, objects, embed, QUICK)
    for number in count():
        if learning.is_over:
            break
        learning.advance()
        if number % 3 == 2:
            content = learning.save()
            learning = FineTuning(predictor, predictor, objects, embed, QUICK)
            assert learning.restore(content)
    assert learning.write() == straight.write()
    assert learning.comparison == straight.comparison


def test_with_other_objects_it_begins_anew(predictor: Predictor) -> None:
    objects, embed = make_discs(predictor, 11)
    learning = FineTuning(predictor, predictor, objects[:-1], embed, QUICK)
    learning.advance()
    other = FineTuning(predictor, predictor, objects, embed, QUICK)
    assert not other.restore(learning.save())
    assert other.progress.done == 0
    assert not other.restore(learning.save()[:100]), "cut off"


def test_it_stops_when_the_tuning_part_no_longer_gains(predictor: Predictor) -> None:
    decoder = predictor.copy_decoder()
    training = DecoderTraining(decoder, replace(QUICK, steps=100, patience=2))
    start = decoder.mask_decoder.iou_token.weight.clone()
    objects, embed = make_discs(predictor, 10)
    batches = BatchMaker(objects, embed, predictor.architecture)
    training.end_round(0.5)
    for score in (0.5, 0.501):
        assert not training.is_over
        training.learn(batches.draw(training.make_rng(), 2, 2))
        training.end_round(score)
    assert training.is_over
    assert training.step == 2
    assert torch.equal(training.best.mask_decoder.iou_token.weight, start), "the best round's"
    assert not torch.equal(training.averaged.mask_decoder.iou_token.weight, start)


def test_only_the_decoder_learns_and_positions_stay(predictor: Predictor) -> None:
    objects, embed = make_discs(predictor, 10)
    learning = finish(
        FineTuning(predictor, predictor, objects, embed, replace(QUICK, min_gain=-1.0))
    )
    before = predictor.copy_decoder().state_dict()
    after = read_decoder(learning.write()).state
    assert set(after) == set(before)
    changed = {n for n, t in after.items() if not torch.equal(t.float(), before[n].half().float())}
    assert any(name.startswith("mask_decoder.transformer") for name in changed)
    assert "prompt_encoder.point_embeddings.weight" in changed
    assert not any("positional_encoding" in name for name in changed)
    assert predictor.embedding_identity == learning.learned.embedding_identity


def test_a_decoder_learns_what_a_project_means() -> None:
    predictor = make_small_predictor()
    objects, embed = make_discs(predictor, 20, objects=1)
    config = DecoderTrainingConfig(steps=60, views=4, prompts=1, learning_rate=4e-3)
    comparison = finish(FineTuning(predictor, predictor, objects, embed, config)).comparison
    one_click = next(row for row in comparison.rows if row.prompt == "1 click")
    assert one_click.gain > 0.3
    assert comparison.is_better


def test_answers_come_from_the_closest_view_and_learning_sees_both() -> None:
    predictor = make_small_predictor()
    objects, embed = make_discs(predictor, 10)
    corner = np.zeros((SIDE_PX, SIDE_PX), bool)
    corner[:20, :20] = True
    seen = [
        AcceptedObject(o.name, o.image, (*o.views, ObjectView(f"tile of {o.name}", corner)))
        for o in objects
    ]
    asked: list[str] = []

    def embed_both(view: str) -> torch.Tensor:
        asked.append(view)
        return embed(view.removeprefix("tile of ").rpartition(".")[0] or view)

    learning = FineTuning(predictor, predictor, seen, embed_both, replace(QUICK, steps=20))
    learning.advance()
    assert asked[0].startswith("tile of ")
    finish(learning)
    learned = {o.name for o in part_by_image(seen).learned}
    assert {f"tile of {name}" for name in learned} & set(asked)
    assert {name.rpartition(".")[0] for name in learned} & set(asked)


def test_weights_that_broke_are_not_written() -> None:
    predictor = make_small_predictor()
    objects, embed = make_discs(predictor, 10)
    learning = FineTuning(predictor, predictor, objects, embed, QUICK)
    with torch.no_grad():
        learning._training.best.mask_decoder.iou_token.weight.fill_(torch.inf)
    with pytest.raises(CheckpointError, match="not finite"):
        learning.write()


def test_corrections_are_for_models_that_know_points_outside(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = predictor.copy_decoder()
    with torch.no_grad():  # every answer is the whole picture: it spills
        for kernel in decoder.mask_decoder.output_hypernetworks_mlps:
            cast("nn.Linear", kernel.fc).bias.fill_(10.0)
    objects, embed = make_discs(predictor, 10)
    training = DecoderTraining(decoder, replace(QUICK, steps=8, learning_rate=0.0))
    seen: set[int] = set()
    decode = decoder.decode

    def watched(*arguments: Any) -> tuple[torch.Tensor, torch.Tensor]:
        seen.update(arguments[-1].unique().tolist())
        return decode(*arguments)

    # A spy: which labels reach the decoder is nowhere else to be seen.
    monkeypatch.setattr(decoder, "decode", watched)
    batches = BatchMaker(objects, embed, predictor.architecture)
    for _ in range(8):
        training.learn(batches.draw(training.make_rng(), 2, 2))
    assert (SlotLabel.NEGATIVE_POINT in seen) is predictor.architecture.has_negative_points
