"""A click on a made image, from inside a container: standard library and Pillow only."""

import base64
import io
import json
import urllib.request

from PIL import Image, ImageDraw

image = Image.new("RGB", (160, 120), "black")
ImageDraw.Draw(image).ellipse((50, 30, 110, 90), fill="white")
file = io.BytesIO()
image.save(file, "PNG")
point = {
    "original_width": 160,
    "original_height": 120,
    "image_rotation": 0,
    "type": "keypointlabels",
    "from_name": "kp",
    "to_name": "image",
    "value": {"x": 50, "y": 50, "width": 0.3, "keypointlabels": ["Cup"]},
}
body = {
    "tasks": [
        {
            "id": 1,
            "data": {
                "image": "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
            },
        }
    ],
    "project": "1.1",
    "label_config": '<View><Image name="image" value="$image"/>'
    '<BrushLabels name="tag" toName="image"><Label value="Cup"/></BrushLabels>'
    '<KeyPointLabels name="kp" toName="image" smart="true"><Label value="Cup"/></KeyPointLabels>'
    "</View>",
    "params": {"context": {"result": [point]}},
}
request = urllib.request.Request(
    "http://127.0.0.1:9090/predict", json.dumps(body).encode(), {"Content-Type": "application/json"}
)
with urllib.request.urlopen(request, timeout=90) as reply:  # noqa: S310  our own address
    print(list(json.load(reply)["results"][0]["result"][0]["value"]))
