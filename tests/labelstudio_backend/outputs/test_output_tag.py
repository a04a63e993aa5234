import pytest

from labelstudio_backend.label_config import parse_label_config
from labelstudio_backend.outputs import OutputTag

from .label_configs import CONFIGS, SHAPES, beside_labels, make_config, with_labels


def find_output(*controls: str, label: str = "Dog") -> OutputTag:
    return parse_label_config(make_config(*controls)).find_output_tag([label], "image")


@pytest.mark.parametrize("name", CONFIGS)
def test_the_only_tag_is_where_masks_go(name: str) -> None:
    output = parse_label_config(CONFIGS[name]).find_output_tag(["Dog"], "image")
    assert (output.name, output.image_name) == ("tag", "image")
    assert output.tag.kind == name.lower().removesuffix(" and labels")
    assert output.shape == output.tag.kind.removesuffix("labels")
    assert output.labels == ("Dog", "Cat")
    assert output.label_tag is not None
    assert output.label_tag.name == ("labels" if " and " in name else "tag")


def test_the_best_kind_is_taken_whatever_the_order_of_the_tags() -> None:
    controls = [with_labels(f"{shape}Labels", name=shape) for shape in reversed(SHAPES)]
    taken = []
    while controls:
        output = find_output(*controls)
        taken.append(output.name)
        controls = [c for c in controls if f'"{output.name}"' not in c]
    assert taken == list(SHAPES)


def test_labels_of_its_own_beat_labels_beside_and_any_mask_beats_a_box() -> None:
    own = with_labels("PolygonLabels", name="own")
    assert find_output(beside_labels("Brush"), own).name == "own"
    box = with_labels("RectangleLabels", name="box")
    assert find_output(box, beside_labels("Polygon")).name == "tag"


def test_among_masks_the_tag_that_knows_the_label_is_taken() -> None:
    bird = '<PolygonLabels name="bird" toName="image"><Label value="Bird"/></PolygonLabels>'
    controls = (with_labels("BrushLabels"), bird)
    assert find_output(*controls, label="Bird").name == "bird"
    assert find_output(*controls, label="Cat").name == "tag"
    assert find_output(*controls, label="Fish").name == "tag"


def test_a_box_that_knows_the_label_does_not_beat_a_mask_that_does_not() -> None:
    bird = '<RectangleLabels name="bird" toName="image"><Label value="Bird"/></RectangleLabels>'
    assert find_output(with_labels("BrushLabels"), bird, label="Bird").name == "tag"


def test_a_tag_with_model_skip_is_not_written_with() -> None:
    for yes in ("true", "1", "Yes"):
        brush = with_labels("BrushLabels", f'model_skip="{yes}"', name="brush")
        assert find_output(brush, with_labels("PolygonLabels")).shape == "polygon"
    brush = with_labels("BrushLabels", 'model_skip="false"')
    assert find_output(brush, with_labels("PolygonLabels", name="p")).shape == "brush"


def test_a_brush_without_any_labels_lacks_none() -> None:
    output = find_output('<Brush name="tag" toName="image"/>')
    assert (output.labels, output.find_labels(["Dog"]), output.find_missing(["Dog"])) == (
        (),
        (),
        (),
    )


def test_the_labels_tag_of_another_image_is_not_taken() -> None:
    xml = f"""<View><Image name="a" value="$a"/><Image name="b" value="$b"/>
    <Brush name="tag" toName="a"/>
    {with_labels("Labels", name="labels").replace('"image"', '"b"')}</View>"""
    assert parse_label_config(xml).find_output_tag([], "a").label_tag is None


def test_one_tag_may_draw_on_several_images() -> None:
    xml = f"""<View><Image name="a" value="$a"/><Image name="b" value="$b"/>
    {with_labels("PolygonLabels").replace('"image"', '"a, b"')}</View>"""
    config = parse_label_config(xml)
    assert [config.find_output_tag([], name).image_name for name in "ab"] == ["a", "b"]
