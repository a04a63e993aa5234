"""Payloads that are nearly right: dropped, doubled, retyped, huge, NaN, nested, wrong unicode."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .breaking import broken_bodies
from .payloads import make_payloads
from .surface import Surface

NAMES = sorted(make_payloads("", ""))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_sent_in_good_faith_is_answered(surface: Surface, name: str) -> None:
    path, body = surface.payloads[name]
    response = surface.client.post(path, json=body)
    surface.check(response.status_code, response.headers["Content-Type"], response.content)
    assert response.is_success, response.text


@pytest.mark.timeout(3600)
@settings(
    max_examples=15 * settings().max_examples,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_a_broken_payload_is_refused_in_words_or_answered(
    surface: Surface, data: st.DataObject
) -> None:
    path, body = surface.payloads[data.draw(st.sampled_from(NAMES))]
    surface.send("POST", path, data.draw(broken_bodies(body)))
