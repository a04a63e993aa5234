"""What a negative click should do: rules compared by a simulated annotator.

``python -m bench.clicks [--photos FOLDER]`` prints, for each rule, mean IoU after 1 to 10 clicks,
the number of clicks to an IoU of 0.85 and 0.90, and what one negative click changes on average.
Every rule is clicked anew: the next click follows from the rule's own mask.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from core import ImageEmbedding, MaskPrediction, Predictor, Prompt, load_predictor
from core.negative_points import exclude_negative_points
from core.prompt_encoder import PADDING_XY, SLOTS, SlotLabel
from training.examples import held_out_scenes, photos
from training.interactive import Answer, as_click_table, click_examples

BoolArray = NDArray[np.bool_]
_RAW_NEGATIVE = 0


class _RawPrompt(Prompt):
    """Negative points are embedded as they are, under a label that the model has no vector for."""

    @property
    def negative_points(self) -> NDArray[np.float64]:
        """None that anything else could treat."""
        return np.empty((0, 2))

    def to_slots(
        self, size_hw: tuple[int, int], image_size: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """One pass; what is beyond the sixth point is dropped, as published."""
        points, kinds = self.points[:SLOTS], self.labels[:SLOTS]
        xy = np.full((1, SLOTS, 2), PADDING_XY, np.float32)
        labels = np.full((1, SLOTS), SlotLabel.PADDING, np.int64)
        xy[0, : len(points)] = points * image_size / np.array(size_hw[::-1])
        labels[0, : len(points)] = np.where(kinds == 1, SlotLabel.POINT, _RAW_NEGATIVE)
        return xy, labels


class Rules:
    """Ways to answer clicks with one model."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def as_dict(self) -> dict[str, Answer]:
        """Every rule by its name."""
        return {
            "negatives ignored": self.ignore,
            "raw label 0": self.embed_raw,
            "another candidate": self.choose,
            "another candidate, claim taken away (shipped)": self.shipped,
            "shipped, less what looks like the negative": self.compare_features,
            "candidate by clicks, claims nearby": self.claim_nearby,
        }

    def ignore(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """Positive points alone."""
        return self._decode_positive(embedding, prompt).mask

    def embed_raw(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """The published model's own answer to label 0."""
        raw = _RawPrompt(points=prompt.points, labels=prompt.labels.tolist())
        return self._predictor.decode(embedding, raw).mask

    def choose(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """The best candidate that leaves the points out; nothing is taken away."""
        answer = self._decode_positive(embedding, prompt)
        nothing = replace(answer, low_res_logits=np.full_like(answer.low_res_logits, -1.0))
        claims = [nothing for _ in prompt.negative_points]
        return exclude_negative_points(answer, prompt, claims).mask

    def shipped(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """What core does."""
        return self._predictor.decode(embedding, prompt).mask

    def compare_features(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """And without cells whose features are more like a negative point's than a positive's."""
        mask = self.shipped(embedding, prompt)
        if not len(prompt.negative_points):
            return mask
        features = embedding.features.float().cpu().numpy()
        features = features / np.linalg.norm(features, axis=0, keepdims=True)
        grid = features.shape[1]
        size_hw = embedding.original_size_hw

        def likeness(points: NDArray[np.float64]) -> NDArray[np.float32]:
            cells = (points * grid / np.array(size_hw[::-1])).astype(int).clip(0, grid - 1)
            alike = np.einsum("cp,chw->phw", features[:, cells[:, 1], cells[:, 0]], features)
            return np.asarray(alike.max(axis=0))

        is_nearer = likeness(prompt.negative_points) > likeness(prompt.positive_points)
        rows, columns = (np.arange(size) * grid // size for size in size_hw)
        return mask & ~is_nearer[np.ix_(rows, columns)]

    def claim_nearby(self, embedding: ImageEmbedding, prompt: Prompt) -> BoolArray:
        """The candidate that agrees with most clicks; where it is wrong, each click decides.

        A click that the candidate has wrong gives or takes what a prompt of its own claims, but
        only nearer to it than to any click of the other kind.
        """
        answer = self._decode_positive(embedding, prompt)
        kinds = prompt.labels == 1
        side = answer.low_res_logits.shape[-1]
        size_hw = embedding.original_size_hw
        cells = (prompt.points * side / np.array(size_hw[::-1])).astype(int).clip(0, side - 1)
        at_clicks = answer.low_res_logits[:, cells[:, 1], cells[:, 0]] >= 0
        agreed = (at_clicks == kinds).sum(axis=1)
        best = int(np.where(agreed == agreed.max(), answer.iou, -np.inf).argmax())
        wrong = np.flatnonzero(at_clicks[best] != kinds)
        logits = answer.low_res_logits[best].copy()
        alone = [Prompt(points=[prompt.points[i]]) for i in wrong]
        rows, columns = np.mgrid[:side, :side]
        distance = np.hypot(
            columns[None] - cells[:, 0, None, None], rows[None] - cells[:, 1, None, None]
        )
        for i, claim in zip(wrong, self._predictor.decode(embedding, alone), strict=True):
            others = kinds != kinds[i]
            claimed = claim.low_res_logits[claim.best]
            is_mine = distance[i] < np.min(distance[others], axis=0, initial=np.inf)
            is_mine &= (claimed >= 0) | (distance[i] <= 1)
            strength = np.maximum(np.abs(claimed), 1e-3)
            logits[is_mine] = (strength if kinds[i] else -strength)[is_mine]
        corrected = answer.low_res_logits.copy()
        corrected[best] = logits
        return replace(
            answer,
            low_res_logits=corrected,
            best=best,
            negative_points=prompt.negative_points,
        ).mask

    def _decode_positive(self, embedding: ImageEmbedding, prompt: Prompt) -> MaskPrediction:
        return self._predictor.decode(embedding, Prompt(points=prompt.positive_points))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Rules for negative clicks, compared.")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--photos", type=Path, help="NAME.jpg with NAME_objects.png, instead")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", type=Path)
    options = parser.parse_args()
    predictor = load_predictor(options.model, options.weights)
    examples = photos(options.photos) if options.photos else held_out_scenes(options.scenes)
    reports = click_examples(predictor, examples, Rules(predictor).as_dict())
    objects = next(iter(reports.values())).objects
    what = "photographs" if options.photos else f"{options.scenes} held-out scenes"
    title = f"{options.model}: {objects} objects of {what}"
    Console(width=200).print(as_click_table(title, reports))


if __name__ == "__main__":
    main()
