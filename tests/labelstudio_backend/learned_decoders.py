"""Decoder files as runs make them, from models with random weights."""

import torch

from core import EfficientSAM, Predictor, write_decoder
from labelstudio_backend.models import Lesson, PromptFigures

PROJECT, OTHER_PROJECT = "2.1795393297", "3.1795393299"


def make_lesson(predictor: Predictor, project: str = PROJECT, run: str = "r1") -> Lesson:
    """What a run writes into the file."""
    return Lesson(
        base_version=predictor.model_version,
        project=project,
        project_title="Cells",
        label_studio_url="http://localhost:8080",
        run=run,
        created_at=1_800_000_000.0 + sum(run.encode()),
        masks=200,
        images=40,
        figures=(PromptFigures(prompt="1 click", before=0.25, after=0.75),),
    )


def make_decoder_file(
    predictor: Predictor, gain: float = 1.5, project: str = PROJECT, run: str = "r1"
) -> bytes:
    """A decoder whose masks differ from the predictor's."""
    decoder: EfficientSAM = predictor.copy_decoder()
    with torch.no_grad():
        for parameter in decoder.mask_decoder.output_hypernetworks_mlps.parameters():
            parameter.mul_(gain)
            parameter.add_(0.02 * gain)
    notes = make_lesson(predictor, project, run).to_notes()
    return write_decoder(decoder, predictor.embedding_identity, notes)
