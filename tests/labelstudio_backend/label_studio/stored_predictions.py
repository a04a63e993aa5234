"""Predictions as a test stores them, and what is stored."""

from ...label_studio_stand_in import LabelStudioStandIn

VERSION = "efficientsam-nano-01234567"
REGION = {
    "id": "a",
    "type": "rectanglelabels",
    "to_name": "image",
    "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["Dog"]},
}
PREDICTION = {"result": [REGION], "score": 0.5, "model_version": VERSION}


def store(studio: LabelStudioStandIn, task_id: int, *versions: str) -> None:
    """Predictions that were there before."""
    for version in versions:
        prediction = {**PREDICTION, "model_version": version, "task": task_id, "project": 1}
        assert studio.project.post_prediction(prediction)[0] == 201


def stored_versions(studio: LabelStudioStandIn, task_id: int) -> list[str]:
    return [prediction["model_version"] for prediction in studio.predictions.get(task_id, [])]
