"""What several clicks mean together, on logits made by hand."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core import MaskPrediction, Predictor, Prompt
from core.click_rule import apply_claims, choose_by_clicks, find_wrong_clicks, make_own_prompt

SIDE = 16
LEFT_HALF, RIGHT_HALF, ALL = slice(0, 8), slice(8, 16), slice(0, 16)
SPILL = Prompt(points=[[2, 8], [13, 8]], labels=[1, 0])


def prediction(iou: list[float], *areas: slice) -> MaskPrediction:
    """Candidates that cover these columns with logit 4 and are -4 elsewhere."""
    logits = np.full((3, SIDE, SIDE), -4, np.float32)
    for candidate, columns in zip(logits, areas, strict=True):
        candidate[:, columns] = 4
    return MaskPrediction(logits, np.array(iou, np.float32), int(np.argmax(iou)), (SIDE, SIDE))


def correct(answer: MaskPrediction, prompt: Prompt, *claims: MaskPrediction) -> MaskPrediction:
    """The whole rule, with the claims of the wrong clicks in order."""
    chosen = choose_by_clicks(answer, prompt, answer.iou)
    return apply_claims(chosen, prompt, find_wrong_clicks(chosen, prompt), claims)


def test_the_best_candidate_that_agrees_with_the_clicks_is_chosen() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, LEFT_HALF, slice(0, 4))
    result = correct(answer, SPILL)
    assert result.best == 1
    assert result.mask[:, :8].all()
    assert not result.mask[:, 8:].any()


def test_a_candidate_that_holds_the_click_wins_over_a_surer_one_that_does_not() -> None:
    answer = prediction([0.9, 0.5, 0.4], RIGHT_HALF, LEFT_HALF, LEFT_HALF)
    assert correct(answer, Prompt(points=[[2, 8]])).best == 1


def test_a_single_click_has_nothing_to_contradict() -> None:
    answer = prediction([0.9, 0.5, 0.4], RIGHT_HALF, RIGHT_HALF, RIGHT_HALF)
    assert not len(find_wrong_clicks(answer, Prompt(points=[[2, 8]])))


def test_what_a_negative_click_claims_goes_and_the_object_stays() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    claim = prediction([0.9, 0.5, 0.4], RIGHT_HALF, RIGHT_HALF, RIGHT_HALF)
    mask = correct(answer, SPILL, claim).mask
    assert mask[:, :7].all()
    assert not mask[:, 9:].any()


def test_a_claim_ends_halfway_to_the_next_click_of_the_other_kind() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    claim = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    mask = correct(answer, SPILL, claim).mask
    assert mask[8, :7].all()
    assert not mask[8, 9:].any()


def test_what_a_missed_positive_click_claims_is_added() -> None:
    answer = prediction([0.9, 0.5, 0.4], slice(0, 4), slice(0, 4), slice(0, 4))
    claim = prediction([0.9, 0.5, 0.4], RIGHT_HALF, RIGHT_HALF, RIGHT_HALF)
    mask = correct(answer, Prompt(points=[[2, 8], [13, 8]]), claim).mask
    assert mask[:, :3].all()
    assert mask[:, 9:].all()
    assert not mask[:, 5:7].any()


def test_a_click_that_claims_nothing_still_has_its_own_surroundings() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    nothing = prediction([0.9, 0.5, 0.4], slice(0, 0), slice(0, 0), slice(0, 0))
    mask = correct(answer, SPILL, nothing).mask
    assert not mask[8, 13]
    assert 1 < SIDE * SIDE - mask.sum() <= 9


def test_claims_of_a_large_frame_reach_every_pixel_of_the_click() -> None:
    prompt = Prompt(points=[[20.5, 80.5], [130.5, 80.5]], labels=[1, 0])
    answer = replace(prediction([0.9, 0.5, 0.4], ALL, ALL, ALL), original_size_hw=(160, 160))
    nothing = replace(prediction([0.9, 0.5, 0.4], *[slice(0, 0)] * 3), original_size_hw=(160, 160))
    mask = correct(answer, prompt, nothing).mask
    assert not mask[76:85, 126:135].any()


def test_inside_a_box_a_negative_click_reaches_half_way_to_the_centre() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    claim = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    prompt = Prompt(points=[[14.5, 8.5]], labels=[0], box=[0, 0, 16, 16])
    mask = correct(answer, prompt, claim).mask
    assert not mask[8, 13:].any()
    assert mask[8, :11].all()


def test_the_own_prompt_of_a_click_shuns_the_clicks_of_the_other_kind() -> None:
    prompt = Prompt(points=[[1, 1], [2, 2], [3, 3], [4, 4]], labels=[1, 0, 0, 1])
    own = make_own_prompt(prompt, 2)
    assert own.positive_points.tolist() == [[3, 3]]
    assert own.negative_points.tolist() == [[1, 1], [4, 4]]


def test_the_answer_is_not_changed_in_place() -> None:
    answer = prediction([0.9, 0.5, 0.4], ALL, ALL, ALL)
    correct(answer, SPILL, prediction([0.9, 0.5, 0.4], ALL, ALL, ALL))
    assert (answer.low_res_logits == 4).all()


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_every_click_of_the_real_decoder_is_obeyed(
    predictor: Predictor, photo_like: NDArray[np.uint8], data: st.DataObject
) -> None:
    # Four cells apart, so that no click lies in the surroundings of another.
    places = data.draw(
        st.lists(
            st.tuples(st.integers(0, 31), st.integers(0, 23)), min_size=2, max_size=9, unique=True
        )
    )
    labels = [
        1,
        *data.draw(st.lists(st.integers(0, 1), min_size=len(places) - 1, max_size=len(places) - 1)),
    ]
    prompt = Prompt(points=[[5 * x + 2.5, 5 * y + 2.5] for x, y in places], labels=labels)
    mask = predictor.decode(predictor.encode(photo_like), prompt).mask
    found = [int(mask[int(y), int(x)]) for x, y in prompt.points]
    assert found == labels
