"""The files for Prometheus and Grafana say what to do and fit together."""

import json
import re

import pytest
import yaml

from ..monitoring_files import (
    DASHBOARD,
    GRAFANA_FOLDER,
    PROMETHEUS_FOLDER,
    ROOT,
    find_named_labels,
    read_expressions,
    read_panels,
    read_rules,
)

OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_happened_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    assert set(rule["annotations"]) == {"summary", "action"}
    assert all(text.endswith(".") for text in rule["annotations"].values())
    assert rule["labels"]["severity"] in {"page", "ticket"}


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: rule["alert"])
def test_an_alert_is_in_the_docs(rule: dict[str, str]) -> None:
    assert f"`{rule['alert']}`" in OPERATIONS


def test_commands_that_alerts_name_exist() -> None:
    from esam.cli import COMMANDS

    actions = " ".join(rule["annotations"]["action"] for rule in read_rules())
    assert set(re.findall(r"`esam (\w+)", actions)) <= set(COMMANDS)


def test_panels_are_on_one_data_source_and_have_numbers_of_their_own() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    (source,) = yaml.safe_load(
        (GRAFANA_FOLDER / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )["datasources"]
    assert {panel["datasource"]["uid"] for panel in read_panels()} == {source["uid"]}


def test_no_panel_lies_on_another() -> None:
    covered = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in covered, panel["title"]
                covered.add((x, y))
                assert x < 24


def test_prometheus_reads_the_rules_and_scrapes_the_backend() -> None:
    config = yaml.safe_load((PROMETHEUS_FOLDER / "prometheus.yml").read_text())
    assert [(PROMETHEUS_FOLDER / name).is_file() for name in config["rule_files"]] == [True]
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["backend:9090"]}]
    assert f'job="{job["job_name"]}"' in read_expressions()["alert EsamBackendDown"]


def test_the_expressions_are_read_with_their_labels() -> None:
    expression = 'max by (queue, x) (rate(esam_a_total{b="1",c=~"2|3"}[5m])) > esam_d'
    assert find_named_labels(expression) == {
        "esam_a_total": {"queue", "x", "b", "c"},
        "esam_d": set(),
    }
