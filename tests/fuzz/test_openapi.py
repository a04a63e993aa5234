"""What ``/openapi.json`` says, and whether the service keeps to it, whatever is sent."""

import re
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .surface import Surface

# That right is accepted and wrong refused is not among them: a body may be right and its label or
# project not there, and what lies stored in a task is read as far as it can be.
_CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Where each call is told to go: nothing that a caller writes there is called from here.
_ELSEWHERE = re.compile(r"\s*https?://", re.IGNORECASE)

Operation = Any  # of schemathesis, which does not name it


@pytest.fixture(scope="module")
def operations(surface: Surface) -> list[Operation]:
    """Every call that the service says it has."""
    schema = schemathesis.openapi.from_dict(surface.schema)
    schema.config.update(base_url=surface.url)
    found = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    assert len(found) == sum(map(len, surface.schema["paths"].values()))
    return found


def test_every_call_says_what_it_reads_and_what_it_answers(surface: Surface) -> None:
    for path, methods in surface.schema["paths"].items():
        for method, call in methods.items():
            assert call["responses"].keys() >= {"400", "401", "404", "413", "422", "503"}
            assert any(status.startswith("2") for status in call["responses"])
            reads = "requestBody" in call
            assert reads == (method == "post" and path != "/runs/{run_id}/cancel"), (method, path)


def test_the_errors_that_are_described_are_those_there_are(surface: Surface) -> None:
    described = surface.schema["paths"]["/predict"]["post"]["responses"]
    assert "`superseded`" in described["409"]["description"]
    assert "`request_too_large`" in described["413"]["description"]
    answer = described["504"]["content"]["application/json"]["schema"]
    assert answer == {"$ref": "#/components/schemas/ErrorAnswer"}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("mode", list(GenerationMode))
@settings(
    max_examples=3 * settings().max_examples,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(data=st.data())
def test_every_call_keeps_to_its_description(
    surface: Surface, operations: list[Operation], mode: GenerationMode, data: st.DataObject
) -> None:
    operation = data.draw(st.sampled_from(operations))
    case = data.draw(operation.as_strategy(generation_mode=mode))
    if isinstance(case.body, dict) and _ELSEWHERE.match(str(case.body.get("label_studio_url"))):
        del case.body["label_studio_url"]
    response = case.call()
    case.validate_response(response, checks=_CHECKS)
    surface.check(response.status_code, response.headers["content-type"][0], response.content)
