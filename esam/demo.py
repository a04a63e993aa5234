"""``esam demo``: the main job on real photos, through the whole stack, over HTTP."""

import secrets
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from core import draw_overlay, find_checkpoint, read_image

from .backend_options import find_login
from .demo_photos import DEMO_PROMPTS, LABEL, DemoPrompt, photo_host, photo_path, upload_path
from .errors import EsamError
from .model_options import ModelOption, WeightsOption, say_which_model
from .stack import Stack, StackConfig

_PROJECT = "1.1700000000"
_WARM_REPEATS = 5
_CHANNELS = 4
_LABEL_CONFIG = f"""<View>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="tag" toName="image"><Label value="{LABEL}"/></BrushLabels>
  <KeyPointLabels name="tag2" toName="image" smart="true"><Label value="{LABEL}"/></KeyPointLabels>
  <RectangleLabels name="tag3" toName="image" smart="true">
    <Label value="{LABEL}"/>
  </RectangleLabels>
</View>"""


@dataclass(frozen=True)
class DemoAnswer:
    """What came back for one prompt; ``cold_ms`` only for the first prompt on a photo."""

    asked: DemoPrompt
    mask: NDArray[np.bool_]
    score: float
    cold_ms: float | None
    warm_ms: float


def demo(
    out: Annotated[Path, typer.Option(help="Folder for pictures and logs.")] = Path("demo_output"),
    model: ModelOption = None,
    weights: WeightsOption = None,
) -> None:
    """Click and box objects on real photos through the whole stack, and draw the answers.

    ```sh
    esam demo --out demo_output/
    ```
    """
    checkpoint = find_checkpoint(model, weights)
    say_which_model(checkpoint.spec.name, is_default=model is None)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EsamError(f"cannot write to {out}: {error.strerror}") from error
    token = secrets.token_hex(20)
    with photo_host(token) as host_url:
        environment = {
            "ESAM_MODEL": checkpoint.spec.name,
            "LABEL_STUDIO_URL": host_url,
            "LABEL_STUDIO_API_KEY": token,
        }
        if weights:
            environment["ESAM_WEIGHTS"] = str(weights.resolve())
        config = StackConfig(
            port=0, host="127.0.0.1", environment=environment, log_folder=out / "logs"
        )
        typer.echo("Starting Redis, a worker and the backend ...")
        login = find_login()
        with (
            Stack(config) as stack,
            httpx.Client(base_url=stack.url, auth=login, timeout=100) as client,
        ):
            version = _connect(client, host_url, token)
            typer.echo(f"Backend {stack.url} answers with {version}. Asking for masks ...")
            answers = _ask_all(client)
    for answer in answers:
        _draw(answer, out)
    Console().print(_table(answers))
    typer.echo(f"Pictures in {out}/ (green: clicks, yellow: box, blue: mask)")
    # As it was called: after `make demo` it is not on the PATH.
    program = sys.argv[0] if Path(sys.argv[0]).name == "esam" else "esam"
    typer.echo(
        f"Next: `{program} play` to click on images of your own, `{program} run` for Label Studio."
    )


def _connect(client: httpx.Client, host_url: str, token: str) -> str:
    setup = {
        "project": _PROJECT,
        "schema": _LABEL_CONFIG,
        "hostname": host_url,
        "access_token": token,
        "extra_params": None,
    }
    return str(_post(client, "/setup", setup)["model_version"])


def _ask_all(client: httpx.Client) -> list[DemoAnswer]:
    answers: list[DemoAnswer] = []
    seen: set[str] = set()
    for number, asked in enumerate(DEMO_PROMPTS):
        request = _predict_request(number, asked)
        reply, first_ms = _timed_post(client, request)
        warm_ms = [_timed_post(client, request)[1] for _ in range(_WARM_REPEATS)]
        if not reply["results"][0]:
            raise EsamError(f"the model saw nothing at {asked.name} on {asked.photo}")
        region = reply["results"][0]["result"][0]
        cold_ms = None if asked.photo in seen else first_ms
        seen.add(asked.photo)
        answers.append(
            DemoAnswer(asked, _decode(region), region["score"], cold_ms, statistics.median(warm_ms))
        )
    return answers


def _timed_post(client: httpx.Client, request: dict[str, Any]) -> tuple[dict[str, Any], float]:
    started = time.perf_counter()
    reply = _post(client, "/predict", request)
    return reply, 1000 * (time.perf_counter() - started)


def _post(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = client.post(path, json=body)
    if reply.is_error:
        raise EsamError(f"{path} answered {reply.status_code}: {reply.text}")
    answer: dict[str, Any] = reply.json()
    return answer


def _predict_request(number: int, asked: DemoPrompt) -> dict[str, Any]:
    """One smart click or box, as Label Studio sends it."""
    task = {"id": number, "data": {"image": upload_path(asked.photo)}, "annotations": []}
    context = {"result": _context_items(asked)}
    return {
        "tasks": [task],
        "project": _PROJECT,
        "label_config": _LABEL_CONFIG,
        "params": {"login": None, "password": None, "context": context},
    }


def _context_items(asked: DemoPrompt) -> list[dict[str, Any]]:
    height_px, width_px = read_image(photo_path(asked.photo)).shape[:2]
    common = {
        "original_width": width_px,
        "original_height": height_px,
        "image_rotation": 0,
        "to_name": "image",
        "origin": "manual",
    }
    x_pct, y_pct = 100 / width_px, 100 / height_px
    items: list[dict[str, Any]] = [
        {
            **common,
            "id": f"point{i}",
            "type": "keypointlabels",
            "from_name": "tag2",
            "is_positive": True,
            "value": {"x": x * x_pct, "y": y * y_pct, "width": 0.3, "keypointlabels": [LABEL]},
        }
        for i, (x, y) in enumerate(asked.prompt.points)
    ]
    if asked.prompt.box is not None:
        x0, y0, x1, y1 = asked.prompt.box
        value = {
            "x": x0 * x_pct,
            "y": y0 * y_pct,
            "width": (x1 - x0) * x_pct,
            "height": (y1 - y0) * y_pct,
            "rotation": 0,
            "rectanglelabels": [LABEL],
        }
        items.append(
            {**common, "id": "box", "type": "rectanglelabels", "from_name": "tag3", "value": value}
        )
    return items


def _decode(region: dict[str, Any]) -> NDArray[np.bool_]:
    """The mask as Label Studio itself would read it, (H, W) bool."""
    # Here, because it brings nltk and scipy, which take seconds that other commands can spare.
    from label_studio_sdk.converter.brush import decode_rle

    flat = decode_rle(region["value"]["rle"])
    rgba = np.reshape(flat, (region["original_height"], region["original_width"], _CHANNELS))
    mask: NDArray[np.bool_] = rgba[..., 3] > 0
    return mask


def _draw(answer: DemoAnswer, out: Path) -> None:
    asked = answer.asked
    caption = f"{asked.name}  score {answer.score:.2f}"
    picture = draw_overlay(read_image(photo_path(asked.photo)), answer.mask, asked.prompt, caption)
    picture.save(out / f"{Path(asked.photo).stem}-{asked.name}.png")


def _table(answers: list[DemoAnswer]) -> Table:
    table = Table(title="One click over HTTP, all in")
    for heading in ("photo", "prompt"):
        table.add_column(heading)
    for heading in ("score", "mask", "cold ms", "warm ms"):
        table.add_column(heading, justify="right")
    for answer in answers:
        table.add_row(
            answer.asked.photo,
            answer.asked.name,
            f"{answer.score:.2f}",
            f"{answer.mask.mean():.1%}",
            "" if answer.cold_ms is None else f"{answer.cold_ms:.0f}",
            f"{answer.warm_ms:.0f}",
        )
    return table
