"""The expressions that dashboard and alert rules ask Prometheus for."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PROMETHEUS_FOLDER = ROOT / "deploy" / "prometheus"
GRAFANA_FOLDER = ROOT / "deploy" / "grafana"
DASHBOARD = GRAFANA_FOLDER / "dashboards" / "esam.json"

_METRIC = re.compile(r"\b(esam_[a-z_]+)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(?:=|!=|=~|!~)"')
_GROUPING = re.compile(r"\bby \(([^)]*)\) \((?:rate|increase|delta)?\(?(esam_[a-z_]+)")


def read_rules() -> list[dict[str, Any]]:
    """All alert rules."""
    rules = yaml.safe_load((PROMETHEUS_FOLDER / "alerts.yml").read_text())
    return [rule for group in rules["groups"] for rule in group["rules"]]


def read_panels() -> list[dict[str, Any]]:
    """All panels of the dashboard that draw something."""
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return [panel for panel in panels if panel["type"] != "row"]


def read_expressions() -> dict[str, str]:
    """Every expression, by where it stands."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in read_rules()}
    for panel in read_panels():
        for target in panel["targets"]:
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return found


def find_named_labels(expression: str) -> dict[str, set[str]]:
    """Our metrics in an expression, with the labels that it chooses or groups them by."""
    named: dict[str, set[str]] = {}
    for name, matchers in _METRIC.findall(expression):
        named.setdefault(name, set()).update(_MATCHER.findall(matchers))
    for grouping, name in _GROUPING.findall(expression):
        labels = {label.strip() for label in grouping.split(",")}
        named[name] |= labels - {"le"}
    return named
