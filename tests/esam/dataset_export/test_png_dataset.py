"""PNGs of masks are those that Label Studio's own converter makes of brushes."""

import json
from pathlib import Path

import numpy as np
from label_studio_sdk.converter import Converter
from label_studio_sdk.converter.converter import Format
from PIL import Image

from esam.dataset_export.png_dataset import PngWriter
from labelstudio_backend import encode_brush_rle

from .drawn import SIZE_HW, make_disc, make_image

LABEL_CONFIG = """<View><Image name="image" value="$image"/>
<BrushLabels name="tag" toName="image"><Label value="Dog"/><Label value="Cat"/></BrushLabels>
</View>"""
DRAWN = [
    ("Dog", make_disc(60, 40, 30)),
    ("Dog", make_disc(9, 9, 5)),
    ("Cat", make_disc(99, 70, 9)),
]


def read_pixels(path: Path) -> bytes:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L")).tobytes()


def test_they_hold_what_the_sdk_writes(tmp_path: Path) -> None:
    height_px, width_px = SIZE_HW
    result = [
        {"id": str(number), "type": "brushlabels", "from_name": "tag", "to_name": "image",
         "original_width": width_px, "original_height": height_px,
         "value": {"format": "rle", "rle": encode_brush_rle(mask), "brushlabels": [label]}}
        for number, (label, mask) in enumerate(DRAWN)
    ]  # fmt: skip
    annotation = {"id": 1, "completed_by": 1, "result": result}
    task = {"id": 7, "data": {"image": "dog.jpg"}, "annotations": [annotation]}
    (tmp_path / "tasks.json").write_text(json.dumps([task]))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    Converter(LABEL_CONFIG, str(tmp_path), download_resources=False).convert(
        str(tmp_path / "tasks.json"), str(theirs), Format.BRUSH_TO_PNG, is_dir=False
    )
    ours = tmp_path / "ours"
    ours.mkdir()
    PngWriter(ours, ()).add(make_image(*DRAWN))
    names = sorted(path.name for path in (ours / "masks").iterdir())
    assert names == ["dog-Cat-0.png", "dog-Dog-0.png", "dog-Dog-1.png"]
    written = [sorted(map(read_pixels, folder.rglob("*.png"))) for folder in (ours, theirs)]
    assert len(written[1]) == 3
    assert written[0] == written[1]


def test_a_label_with_a_slash_makes_no_folder(tmp_path: Path) -> None:
    PngWriter(tmp_path, ()).add(make_image(("../cat / dog", make_disc(9, 9, 5))))
    assert [path.name for path in tmp_path.rglob("*.png")] == ["dog-.._cat_dog-0.png"]
