"""Alerts: each has a case that fires and one that does not, a paragraph in the manual, and speaks of metrics that there are."""

import json
import os
import re
import subprocess

import yaml
from harness import K8S, ROOT, of_kind, overlay

PROMTOOL = os.environ.get("TESTS_PROMTOOL", "promtool")
CASES = ROOT / "tests/k8s/alerts.test.yaml"
MANUAL = ROOT / "docs/OPERATIONS.md"
DASHBOARDS = sorted((ROOT / "deploy/grafana").glob("*.json"))
# What is not ours: Prometheus' own, kube-state-metrics'.
FOREIGN = {"up", "kube_horizontalpodautoscaler_status_desired_replicas", "kube_horizontalpodautoscaler_spec_max_replicas"}
WORDS = {
    "absent avg bool by clamp_min deriv for group_left histogram_quantile humanize ignoring increase label_replace le max max_over_time min",
    "min_over_time offset on or and unless rate sum without count topk irate",
}


def rules_file(folder):
    done = subprocess.run([ROOT / "deploy/prometheus/rules"], capture_output=True, text=True, timeout=20, check=True)
    path = folder / "rules.yaml"
    path.write_text(done.stdout)
    return path


def promtool(*arguments, cwd=None):
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts():
    [resource] = of_kind(overlay("prod"), "PrometheusRule")
    return [rule for group in resource["spec"]["groups"] for rule in group["rules"]]


def test_rules_are_valid(tmp_path):
    promtool("check", "rules", rules_file(tmp_path))


def test_cases_of_alerts_hold(tmp_path):
    rules_file(tmp_path)
    (tmp_path / "cases.yaml").write_text(CASES.read_text())
    promtool("test", "rules", "cases.yaml", cwd=tmp_path)


def test_each_alert_has_a_case_that_fires_and_one_that_does_not():
    fires, quiet = set(), set()
    for case in yaml.safe_load(CASES.read_text())["tests"]:
        for look in case["alert_rule_test"]:
            (fires if look.get("exp_alerts") else quiet).add(look["alertname"])
    names = {alert["alert"] for alert in alerts()}
    assert fires == quiet == names


def test_alerts_say_how_bad_it_is_and_what_to_do():
    for alert in alerts():
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert alert["annotations"]["summary"]


def test_each_alert_has_its_paragraph():
    """runbook_url names a heading of the manual, and the paragraph below says something."""
    manual = MANUAL.read_text()
    for alert in alerts():
        assert alert["annotations"]["runbook_url"] == f"docs/OPERATIONS.md#{alert['alert'].lower()}"
        [paragraph] = re.findall(rf"^#+ {alert['alert']}\n\n(.+?)(?=\n#|\Z)", manual, re.M | re.S)
        assert len(paragraph.split()) > 25, alert["alert"]
    assert set(re.findall(r"^#+ (Trueftp\w+)$", manual, re.M)) == {alert["alert"] for alert in alerts()}


# ---- names


def documented():
    """Every name that a program exports; docs/METRICS.md is held against the running programs by the scenarios."""
    found = set()
    for name, kind in re.findall(r"^\| `(trueftp_\w+)` \| (\w+) \|", (ROOT / "docs/METRICS.md").read_text(), re.M):
        found |= {name} if kind != "histogram" else {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    return found


def names_in(expression):
    """Names of metrics in a PromQL expression."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\$\w+", "", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left)\s*\([^)]*\)", "", bare)
    return set(re.findall(r"\b[a-z_][a-z0-9_]*\b(?!\s*\()", bare)) - set(" ".join(WORDS).split())


def dashboard_expressions(dashboard):
    panels = [inner for panel in dashboard["panels"] for inner in [panel, *panel.get("panels", [])]]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def expressions():
    for alert in alerts():
        yield alert["alert"], alert["expr"]
    for scaled in of_kind(overlay("prod"), "ScaledObject"):
        for trigger in scaled["spec"]["triggers"]:
            if "query" in trigger["metadata"]:
                yield trigger["name"], trigger["metadata"]["query"]
    for path in DASHBOARDS:
        for expression in dashboard_expressions(json.loads(path.read_text())):
            yield path.name, expression


def test_names_are_found_in_expressions():
    assert names_in('sum by (pool) (rate(a_total{x="b_c"}[5m])) / on (pool) max(d) > 0 and absent(e)') == {"a_total", "d", "e"}


def test_only_exported_metrics_are_asked_for():
    known = documented() | FOREIGN
    assert len(known) > 40
    unknown = {(where, name) for where, expression in expressions() for name in names_in(expression) if name not in known}
    assert not unknown


def test_the_dashboards_are_what_grafana_takes():
    assert DASHBOARDS
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        assert dashboard["uid"] and dashboard["title"] and dashboard["schemaVersion"] >= 39
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(ids)) == len(ids)
        cells = set()
        for panel in dashboard["panels"]:
            grid = panel["gridPos"]
            own = {(x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])}
            assert grid["x"] + grid["w"] <= 24 and not own & cells, panel["title"]
            cells |= own
            assert panel["type"] == "row" or panel["description"], panel["title"]


def test_dashboard_expressions_are_promql(tmp_path):
    """promtool reads them as recording rules."""
    rules = [
        {"record": f"dashboard:{number}", "expr": expression.replace("$pool", ".*").replace("$__rate_interval", "5m")}
        for number, expression in enumerate(e for path in DASHBOARDS for e in dashboard_expressions(json.loads(path.read_text())))
    ]
    assert rules and K8S.is_dir()
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.yaml")
