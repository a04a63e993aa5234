from labelstudio_backend.label_config import parse_label_config
from labelstudio_backend.label_items import join_labels
from labelstudio_backend.protocol import ContextRegion, Task
from labelstudio_backend.task_prompts import find_region_prompts

from .label_studio_requests import Json
from .outputs.label_configs import CONFIGS

BOX = {"x": 31.0, "y": 31.0, "width": 12.0, "height": 15.0, "rotation": 0}


def make_items(id: str, *labels: str) -> list[Json]:
    """A smart box of a ``Rectangle`` tag beside ``Labels``, as Label Studio's page sends it."""
    common = {"id": id, "to_name": "image", "original_width": 600, "original_height": 400}
    shape = {**common, "from_name": "box", "type": "rectangle", "value": BOX}
    value = {**BOX, "labels": list(labels)}
    return [shape, {**common, "from_name": "labels", "type": "labels", "value": value}]


def test_a_shape_takes_the_labels_of_the_item_of_its_id() -> None:
    items = [*make_items("a", "Dog"), *make_items("b", "Cat")]
    joined = join_labels([ContextRegion.model_validate(item) for item in items])
    assert [(r.type, r.id, r.value.labels) for r in joined] == [
        ("rectangle", "a", ("Dog",)),
        ("rectangle", "b", ("Cat",)),
    ]
    assert joined[0].value.width == 12


def test_a_shape_without_such_an_item_stays_as_it_is() -> None:
    shape = make_items("a", "Dog")[0]
    (joined,) = join_labels([ContextRegion.model_validate(shape)])
    assert joined.value.labels is None


def test_items_without_an_id_are_not_taken_for_one_region() -> None:
    items = [{k: v for k, v in item.items() if k != "id"} for item in make_items("a", "Dog")]
    (joined,) = join_labels([ContextRegion.model_validate(item) for item in items])
    assert joined.value.labels is None


def test_stored_prompts_are_joined_too() -> None:
    stored = [{"id": 1, "result": make_items("a", "Dog")}]
    task = Task.model_validate({"id": 7, "data": {"image": "x"}, "annotations": stored})
    found = find_region_prompts(task, parse_label_config(CONFIGS["Brush and Labels"]), "v")
    assert found is not None
    assert [r.value.labels for r in found[1]] == [("Dog",)]
