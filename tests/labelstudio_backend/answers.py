"""Reads the service's answers, checking their form."""

import httpx

from .label_studio_requests import Json

DOG = "/data/upload/2/0c16fb5e-dogs.jpg"
LOCAL_DOG = "/data/local-files/?d=imgs/dog.jpg"


def the_prediction(response: httpx.Response) -> Json:
    """The one prediction of an answer, checked for the form Label Studio stores."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert set(answer) == {"results"}
    (prediction,) = answer["results"]
    assert set(prediction) == {"result", "score", "model_version"}
    found: Json = prediction
    return found


def the_error(response: httpx.Response, status: int, code: str) -> str:
    """The detail of an error answer."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer.keys() == {"error", "detail"}
    assert answer["error"] == code
    detail: str = answer["detail"]
    assert "Traceback" not in detail
    return detail
