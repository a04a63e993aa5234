"""A real Prometheus scrapes the real product and evaluates our rules."""

import subprocess
from pathlib import Path

import pytest

from ..monitoring_files import PROMETHEUS_FOLDER, read_expressions, read_rules
from ..running_stack import RunningStack
from .conftest import need
from .prometheus import Prometheus, find_program

SCENES = Path(__file__).with_name("alert_scenes.yml")


@pytest.fixture(autouse=True)
def _prometheus_is_there() -> None:
    need("Prometheus (Debian: apt-get install prometheus)", find_program("prometheus") is not None)


def test_each_alert_fires_on_what_it_is_about_and_not_before() -> None:
    result = subprocess.run(
        [str(find_program("promtool")), "test", "rules", str(SCENES)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    fired = SCENES.read_text()
    assert [r["alert"] for r in read_rules() if f"alertname: {r['alert']}\n" not in fired] == []


def test_prometheus_takes_our_configuration() -> None:
    config = PROMETHEUS_FOLDER / "prometheus.yml"
    command = [str(find_program("promtool")), "check", "config", str(config)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_expression_is_answered_and_a_stack_that_is_well_raises_no_alarm(
    tmp_path: Path, nano_weights: Path
) -> None:
    running = RunningStack(nano_weights)
    try:
        with Prometheus(tmp_path, running.url) as prometheus:
            assert prometheus.wait_for("esam_workers")[0]["value"][1] == "1"
            prometheus.wait_for('ALERTS_FOR_STATE or up{job="esam"}')
            for place, expression in read_expressions().items():
                assert prometheus.ask("query", query=expression)["resultType"] == "vector", place
            (group,) = prometheus.ask("rules")["groups"]
            assert {rule["health"] for rule in group["rules"]} == {"ok"}
            assert [rule["name"] for rule in group["rules"] if rule["state"] == "firing"] == []
    finally:
        assert running.stop() == 0
