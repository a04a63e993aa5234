import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config

from labelstudio_backend.control_tag import read_control
from labelstudio_backend.errors import LabelConfigInvalid, RequestInvalid
from labelstudio_backend.label_config import parse_label_config

from .label_studio_requests import LABEL_CONFIG

TWO_IMAGES = """<View>
<View style="display: flex">
<Image name="left" value="$before"/><Image name="right" value="$after"/>
</View>
<!-- a comment -->
<BrushLabels name="brush_left" toName="left"><Label value="Crack"/></BrushLabels>
<BrushLabels name="brush_right" toName="right"><Label value="Crack" alias="crack"/></BrushLabels>
<KeyPointLabels name="point" toName="left" smart="true"><Label value="Crack"/></KeyPointLabels>
</View>"""


@pytest.mark.parametrize("xml", [LABEL_CONFIG, TWO_IMAGES])
def test_tags_and_labels_are_those_the_sdk_reads(xml: str) -> None:
    config = parse_label_config(xml)
    theirs = parse_config(xml)
    for tag in config.controls:
        assert theirs[tag.name]["type"].lower() == tag.kind
        assert theirs[tag.name]["labels"] == list(tag.labels)
        assert theirs[tag.name]["to_name"] == list(tag.to_names)
        assert [i["value"] for i in theirs[tag.name]["inputs"]] == [
            config.data_keys[name] for name in tag.to_names
        ]
    assert {t.name for t in config.controls} == set(theirs)


def test_the_output_tag_is_the_one_on_the_prompted_image() -> None:
    config = parse_label_config(TWO_IMAGES)
    assert config.find_output_tag(["Crack"], "left").name == "brush_left"
    assert config.find_output_tag(["crack"], "right").name == "brush_right"
    assert config.find_drawn_images() == ["left", "right"]


def test_a_prompt_on_an_image_that_is_not_in_the_config_is_refused_by_name() -> None:
    with pytest.raises(RequestInvalid, match=r"'middle'.*'left', 'right'"):
        parse_label_config(TWO_IMAGES).find_image_name("middle")


def test_a_prompt_without_image_name_means_the_only_image() -> None:
    assert parse_label_config(LABEL_CONFIG).find_image_name(None) == "image"
    with pytest.raises(RequestInvalid):
        parse_label_config(TWO_IMAGES).find_image_name(None)


def test_an_image_without_a_tag_that_holds_masks_is_refused_with_an_example() -> None:
    xml = TWO_IMAGES.replace('name="brush_left" toName="left"', 'name="brush_left" toName="right"')
    with pytest.raises(LabelConfigInvalid, match="'left'; add one, for example <BrushLabels"):
        parse_label_config(xml).find_output_tag(["Crack"], "left")


@pytest.mark.parametrize(
    ("attribute", "problem"),
    [
        ('model_skip="maybe"', "'tag' has model_skip='maybe'; write true or false"),
        ('model_score_threshold="half"', "'tag' has model_score_threshold='half'; write a number"),
        ('model_score_threshold="50"', "'tag' has model_score_threshold='50'; write a number"),
        ('model_score_threshold="nan"', "'tag' has model_score_threshold='nan'; write a number"),
        ('model_score_threshold=""', "'tag' has model_score_threshold=''; write a number"),
    ],
)
def test_a_malformed_attribute_of_the_output_tag_is_a_problem_and_refuses_prompts(
    attribute: str, problem: str
) -> None:
    config = parse_label_config(LABEL_CONFIG.replace('name="tag" ', f'name="tag" {attribute} '))
    assert problem in config.find_problems()[0]
    with pytest.raises(LabelConfigInvalid, match=problem):
        config.find_output_tag(["Dog"], "image")


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (None, "no label config"),
        ("  ", "no label config"),
        ("<View><Image></View>", "not well-formed"),
        ("<View/>", "no Image tag"),
        ('<!DOCTYPE v [<!ENTITY a "b">]><View>&a;</View>', "DOCTYPE"),
        ('<!DOCTYPE v [<!ENTITY a SYSTEM "file:///etc/passwd">]><View>&a;</View>', "DOCTYPE"),
    ],
)
def test_a_config_that_cannot_be_read_is_refused_with_the_reason(
    xml: str | None, reason: str
) -> None:
    with pytest.raises(LabelConfigInvalid, match=reason):
        parse_label_config(xml)


def test_problems_name_the_labels_that_clicks_would_fail_on() -> None:
    assert parse_label_config(LABEL_CONFIG).find_problems() == [
        "'tag2' has labels that 'tag' lacks: 'Bird'; their masks come without a label. Add them "
        "there, or name them in the predicted_values of a label that is there"
    ]


def test_problems_say_when_no_tag_is_smart() -> None:
    xml = LABEL_CONFIG.replace('smart="true"', "").replace('<Label value="Bird"/>', "")
    (problem,) = parse_label_config(xml).find_problems()
    assert 'smart="true"' in problem


def test_a_label_named_in_predicted_values_is_no_problem() -> None:
    xml = LABEL_CONFIG.replace(
        '<Label value="Cat"/></Brush', '<Label value="Cat" predicted_values="bird"/></Brush'
    )
    assert parse_label_config(xml).find_problems() == []


def test_problems_name_prompt_tags_on_an_image_without_brush_tag() -> None:
    xml = TWO_IMAGES.replace('name="brush_left" toName="left"', 'name="brush_left" toName="right"')
    assert parse_label_config(xml).find_problems() == [
        "'point' has no BrushLabels tag on its image: masks have no place"
    ]


def make_config(label_count: int, prompt_label: str = "L") -> str:
    labels = "".join(f'<Label value="L{i}"/>' for i in range(label_count))
    prompts = "".join(f'<Label value="{prompt_label}{i}"/>' for i in range(label_count))
    return (
        f'<View><Image name="image" value="$image"/>'
        f'<BrushLabels name="tag" toName="image">{labels}</BrushLabels>'
        f'<KeyPointLabels name="p" toName="image" smart="true">{prompts}</KeyPointLabels>'
        f'<RectangleLabels name="r" toName="image" smart="true">{prompts}</RectangleLabels></View>'
    )


@pytest.mark.timeout(20)  # each label was compared with each: two minutes
def test_thousands_of_labels_are_read_and_compared_and_some_of_them_named() -> None:
    assert parse_label_config(make_config(10_000)).find_problems() == []
    first, second = parse_label_config(make_config(10_000, "other")).find_problems()
    assert first.startswith("'p' has labels that 'tag' lacks: 'other0', 'other1',")
    assert "'other9' and 9,990 more; " in first
    assert len(second) < 1000


def quadratic(count: int) -> str:
    return f"<!DOCTYPE v [<!ENTITY a '{'x' * count}'>]><View>{'&a;' * count}</View>"


LAUGHS = (
    "<!DOCTYPE lolz [<!ENTITY lol 'lol'>"
    + "".join(f"<!ENTITY lol{i} '{f'&lol{i - 1};' * 10}'>" for i in range(1, 10)).replace("l0", "l")
    + "]><View>&lol9;</View>"
)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (LAUGHS, "DOCTYPE or an ENTITY"),
        (quadratic(10_000), "DOCTYPE or an ENTITY"),
        ('<?xml version="1.0"?>\n<!doctype v SYSTEM "http://127.0.0.1/x.dtd"><View/>', "DOCTYPE"),
        ('<!DOCTYPE v PUBLIC "-//x" "file:///etc/passwd"><View/>', "DOCTYPE"),
        ('<View xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="/etc/passwd"/></View>',
         "no Image tag"),
        ("<View>&xxe;</View>", "not well-formed"),
        ("<View>&#0;</View>", "not well-formed"),
        ("<View>\ud800</View>", "not well-formed"),
        ("<View>\x00</View>", "not well-formed"),
        ("<View a='1' a='2'/>", "not well-formed"),
        ("<View/><View/>", "not well-formed"),
        ("<View><![CDATA[", "not well-formed"),
        ("{}", "not well-formed"),
        ("<View>" * 100_000, "not well-formed"),
        ("<View>" * 100_000 + "</View>" * 100_000, "no Image tag"),
        ("<View>" + "x" * 2_000_000 + "</View>", "2,000,013 characters, the limit is 2,000,000"),
        ("<View>" + '<Image name="i" value="$i"/>' * 10 + '<Brush toName="i"/>' * 200 + "</View>",
         "201 images and tools, the limit is 200"),
    ],
)  # fmt: skip
def test_a_hostile_config_is_refused_at_once(xml: str, reason: str) -> None:
    with pytest.raises(LabelConfigInvalid, match=reason) as refused:
        parse_label_config(xml)
    assert len(refused.value.detail) < 500


@st.composite
def broken_configs(draw: st.DrawFn) -> str:
    """Label configs with something changed, left out or put in."""
    xml = draw(st.sampled_from([LABEL_CONFIG, TWO_IMAGES]))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(xml)))
        length = draw(st.integers(0, 30))
        words = st.sampled_from(['"', "<", ">", "/>", "<Label/>", "toName", "=", "&amp;", "Image "])
        xml = xml[:start] + draw(words | st.text(max_size=10)) + xml[start + length :]
    return xml


@given(broken_configs(), st.text(max_size=5))
def test_a_broken_config_is_read_or_refused(xml: str, label: str) -> None:
    try:
        config = parse_label_config(xml)
        for name in config.data_keys:
            config.find_output_tag([label], name)
    except LabelConfigInvalid:
        return
    assert all(config.find_problems())


@given(st.lists(st.text("aAbB, ", max_size=3), max_size=6), st.text("aAbB, ", max_size=3))
def test_a_label_is_found_as_by_looking_through_all_of_them(names: list[str], said: str) -> None:
    pairs = list(zip(names[::2], names[1::2], strict=False))
    tag = replace(read_control(ET.Element("BrushLabels")), labels=tuple(names),
                  predicted_values=tuple(pairs))  # fmt: skip

    def find() -> str | None:
        if said in names:
            return said
        every = [*pairs, *((name, name) for name in names)]
        same = (name for alias, name in every if alias.strip().casefold() == wanted)
        return next(same, None)

    wanted = said.strip().casefold()
    assert tag.find_label(said) == find()
