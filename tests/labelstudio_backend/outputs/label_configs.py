"""Label configs with an output tag of each kind."""

LABELS = '<Label value="Dog"/><Label value="Cat"/>'
_SMART = f"""<KeyPointLabels name="click" toName="image" smart="true" smartOnly="true">{LABELS}
</KeyPointLabels>"""


def make_config(*controls: str) -> str:
    """A label config of one image, smart keypoints and these control tags."""
    return f'<View><Image name="image" value="$image"/>{"".join(controls)}{_SMART}</View>'


def with_labels(tag: str, attributes: str = "", name: str = "tag") -> str:
    """A control tag with labels of its own, such as ``BrushLabels``."""
    return f'<{tag} name="{name}" toName="image" {attributes}>{LABELS}</{tag}>'


def beside_labels(tag: str, attributes: str = "") -> str:
    """A control tag such as ``Brush``, and a ``Labels`` tag beside it."""
    return f'<{tag} name="tag" toName="image" {attributes}/>{with_labels("Labels", name="labels")}'


SHAPES = ("Brush", "Bitmask", "Polygon", "Rectangle")

CONFIGS = {
    **{
        f"{shape}Labels": make_config(with_labels(f"{shape}Labels", 'smart="false"'))
        for shape in SHAPES
    },
    **{
        f"{shape} and Labels": make_config(beside_labels(shape, 'smart="false"'))
        for shape in SHAPES
    },
}
"""What is in a label config → its XML."""
