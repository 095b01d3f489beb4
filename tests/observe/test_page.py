"""The page of metrics is the registry's, and dashboard and alert rules name what exists."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from node.observe import page
from node.observe.metrics import ALL, Kind

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "alerts.yaml"
DASHBOARD = DEPLOY / "grafana.json"

NAMED = re.compile(r"\b(quorate_\w+)(?:\{([^}]*)\})?")
SUFFIXES = {
    Kind.COUNTER: ("_total",),
    Kind.GAUGE: ("",),
    Kind.HISTOGRAM: ("_bucket", "_count", "_sum"),
}
SAMPLED = {f"{metric.name}{suffix}": metric for metric in ALL for suffix in SUFFIXES[metric.kind]}


def test_the_page_is_what_the_registry_says() -> None:
    written = (ROOT / "node" / "observe" / "METRICS.md").read_text(encoding="utf-8")
    assert page.render() == written, "run `make metrics`"


def test_names_are_as_prometheus_wants_them() -> None:
    names = [metric.name for metric in ALL]
    assert len(set(names)) == len(names)
    for metric in ALL:
        assert re.fullmatch(r"quorate_[a-z][a-z_]*[a-z]", metric.name)
        assert not metric.name.endswith(("_total", "_count", "_sum", "_bucket"))
        assert metric.kind is not Kind.HISTOGRAM or metric.name.endswith("_seconds")
        assert metric.text.endswith(".")
        assert not {"task", "client", "le"} & set(metric.labels)


def expressions(data: Any) -> list[str]:
    """Every query in a dashboard or a file of rules."""
    match data:
        case dict():
            own = [data["expr"]] if isinstance(data.get("expr"), str) else []
            if data.get("type") == "query":  # a variable's values
                own.append(data["query"])
            return own + [found for value in data.values() for found in expressions(value)]
        case list():
            return [found for value in data for found in expressions(value)]
        case _:
            return []


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_every_metric_and_label_that_is_asked_for_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = expressions(yaml.safe_load(text) if path is RULES else json.loads(text))
    assert len(found) >= 8
    for query in found:
        named = NAMED.findall(query)
        assert named or "up{" in query or "process_" in query, query
        for name, matchers in named:
            assert name in SAMPLED, query
            labels = set(re.findall(r"(\w+)\s*[=!]", matchers)) - {"job", "instance"}
            assert labels <= set(SAMPLED[name].labels), query
        for group in re.findall(r"\bby \(([^)]*)\)", query):
            known = {label for name, _ in named for label in SAMPLED[name].labels}
            asked = {label.strip() for label in group.split(",")}
            assert asked <= known | {"le", "job", "instance"}, query


def test_every_alert_says_what_it_is_and_what_to_do() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "todo"}


def test_the_dashboards_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
