"""What a negative click should do: rules compared by a simulated annotator.

``python -m bench.clicks [--photos FOLDER]`` prints, for each rule, mean IoU after 1 to 10 clicks,
the number of clicks to an IoU of 0.85 and 0.90, and what one negative click changes on average.
Every rule is clicked anew: the next click follows from the rule's own mask. With ``--box`` the
first thing drawn is the object's box, and the clicks correct its mask.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from core import ImageEmbedding, MaskPrediction, Predictor, Prompt, load_predictor
from core.click_rule import choose_by_clicks, find_wrong_clicks, make_own_prompt
from training.examples import held_out_scenes, photos
from training.interactive import NOC_IOUS, Answer, InteractiveReport, click_examples

BoolArray = NDArray[np.bool_]
_RAW_NEGATIVE = 0


class _RawPrompt(Prompt):
    """Negative points are embedded as they are, under a label that the model has no vector for."""

    def to_slots(
        self, size_hw: tuple[int, int], image_size: int, has_negative_points: bool = True
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """One pass; what is beyond the sixth slot is dropped, as published."""
        xy, labels = super().to_slots(size_hw, image_size, has_negative_points=True)
        return xy[:1], labels[:1]


class Rules:
    """Ways to answer clicks with one model."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def as_dict(self) -> dict[str, Answer]:
        """Every rule by its name."""
        return {
            "negatives ignored": self.ignore,
            "raw label 0": self.embed_raw,
            "candidate by clicks": self.choose,
            "candidate by clicks, negative claims taken away": self.take_away,
            "candidate by clicks, claims nearby (shipped)": self.shipped,
        }

    def ignore(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """The model's own answer to box and positive points."""
        return self._decode(embedding, prompt).mask

    def embed_raw(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """The model's own answer to label 0."""
        raw = _RawPrompt(points=prompt.points, labels=prompt.labels.tolist(), box=prompt.box)
        return self._decode(embedding, raw).mask

    def choose(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """The candidate that agrees with most clicks; nothing is added or taken away."""
        return self._choose(embedding, prompt).mask

    def take_away(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """And less what a negative click claims, wherever that is more certain than the answer."""
        answer = self._choose(embedding, prompt)
        corrected = answer.low_res_logits.copy()
        own = [
            make_own_prompt(prompt, i)
            for i in find_wrong_clicks(answer, prompt)
            if prompt.labels[i] == _RAW_NEGATIVE
        ]
        for claim in self._predictor.decode_candidates(embedding, own):
            corrected[answer.best] -= claim.low_res_logits[claim.best].clip(0)
        return replace(answer, low_res_logits=corrected).mask

    def shipped(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """What core does."""
        return self._predictor.decode(embedding, prompt).mask

    def _choose(self, embedding: ImageEmbedding, prompt: Prompt) -> MaskPrediction:
        answer = self._decode(embedding, prompt)
        return choose_by_clicks(answer, prompt, answer.iou)

    def _decode(self, embedding: ImageEmbedding, prompt: Prompt) -> MaskPrediction:
        return self._predictor.decode_candidates(embedding, [prompt])[0]


def _as_table(title: str, reports: dict[str, InteractiveReport]) -> Table:
    """Lay reports out for the terminal, one line each."""
    clicks = max(len(r.mean_ious) for r in reports.values()) - 1
    table = Table(title=title)
    table.add_column("mean IoU after clicks")
    for n in range(clicks + 1):
        table.add_column(str(n), justify="right")
    for iou in NOC_IOUS:
        table.add_column(f"NoC@{iou * 100:.0f}", justify="right")
    for heading in ("a negative click adds", "positives in", "negatives out"):
        table.add_column(heading, justify="right")
    for name, report in reports.items():
        gain = "–" if report.negative_gain is None else f"{report.negative_gain:+.4f}"
        table.add_row(
            name,
            *(f"{iou:.3f}" for iou in report.mean_ious),
            *(f"{n:.2f}" for n in report.mean_clicks),
            gain,
            f"{report.positives_kept:.1%}",
            f"{report.negatives_kept:.1%}",
        )
    return table


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Rules for negative clicks, compared.")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--photos", type=Path, help="NAME.jpg with NAME_objects.png, instead")
    parser.add_argument("--box", action="store_true", help="start with a box")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    predictor = load_predictor(options.model, options.weights)
    examples = photos(options.photos) if options.photos else held_out_scenes(options.scenes)
    reports = click_examples(
        predictor, examples, Rules(predictor).as_dict(), starts_with_box=options.box
    )
    objects = next(iter(reports.values())).objects
    what = "photographs" if options.photos else f"{options.scenes} held-out scenes"
    start = "a box, then clicks" if options.box else "clicks"
    title = f"{start}; {options.model}: {objects} objects of {what}"
    Console(width=200).print(_as_table(title, reports))


if __name__ == "__main__":
    main()
