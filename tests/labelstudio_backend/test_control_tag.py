import xml.etree.ElementTree as ET

import pytest

from labelstudio_backend.control_tag import read_control

VEHICLES = """<BrushLabels name="tag" toName="image">
<Label value="Vehicle" predicted_values="car, Truck ,,"/><Label value="Person" alias="person"/>
<Label value="truck"/><View><Label value="Bike" predicted_values="truck"/></View></BrushLabels>"""


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Vehicle", "Vehicle"),
        ("car", "Vehicle"),
        (" CAR ", "Vehicle"),
        ("Truck", "Vehicle"),
        ("truck", "truck"),
        ("vehicle", "Vehicle"),
        ("PERSON", "person"),
        ("Bus", None),
        ("", None),
    ],
)
def test_a_label_is_found_by_name_then_by_predicted_value_then_ignoring_case(
    said: str, found: str | None
) -> None:
    assert read_control(ET.fromstring(VEHICLES)).find_label(said) == found  # noqa: S314


def test_labels_that_are_one_here_are_named_once_and_unknown_ones_left_out() -> None:
    tag = read_control(ET.fromstring(VEHICLES))  # noqa: S314
    assert tag.find_labels(["car", "Bus", "Truck", "person"]) == ("Vehicle", "person")


@pytest.mark.parametrize("attribute", ['value="$labels"', 'apiUrl="http://x"'])
def test_labels_that_come_with_each_task_are_all_known(attribute: str) -> None:
    xml = VEHICLES.replace('name="tag"', f'name="tag" {attribute}')
    assert read_control(ET.fromstring(xml)).find_labels(["Zebra"]) == ("Zebra",)  # noqa: S314


def test_attributes_that_are_not_given_change_nothing() -> None:
    tag = read_control(ET.fromstring(VEHICLES))  # noqa: S314
    assert (tag.is_skipped, tag.score_threshold, tag.problems) == (False, 0.0, ())


def test_a_threshold_is_a_number_from_0_to_1() -> None:
    xml = VEHICLES.replace('name="tag"', 'name="tag" model_score_threshold=" 0.75 "')
    assert read_control(ET.fromstring(xml)).score_threshold == 0.75  # noqa: S314
