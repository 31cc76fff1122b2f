"""Every overlay renders, and each resource passes a strict schema; so does each component on the base alone."""

import copy
import shutil

import pytest
import yaml
from harness import K8S, OVERLAYS, build, label, overlay
from schemas import check

COMPONENTS = sorted(path.parent.name for path in K8S.glob("components/*/kustomization.yaml"))


def wrong(resources):
    return [f"{label(resource)}: {problem}" for resource in resources if (problem := check(resource))]


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_renders_and_passes(name):
    resources = overlay(name)
    assert len({(r["kind"], r["metadata"]["name"]) for r in resources}) == len(resources)
    assert not wrong(resources)


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_on_the_base_alone(tmp_path, component):
    shutil.copytree(K8S, tmp_path / "k8s")
    folder = tmp_path / "k8s/overlays/alone"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["../../base"], "components": [f"../../components/{component}"]})
    )
    assert not wrong(build(folder))


@pytest.mark.parametrize(
    "kind, path",
    [
        ("Deployment", ["spec"]),
        ("Deployment", ["spec", "template", "spec", "containers", 0]),
        ("NetworkPolicy", ["spec"]),
        ("ScaledObject", ["spec"]),
        ("ScaledObject", ["spec", "triggers", 0]),
        ("ScaledObject", ["spec", "advanced", "horizontalPodAutoscalerConfig", "behavior", "scaleUp"]),
        ("TriggerAuthentication", ["spec"]),
        ("PodMonitor", ["spec", "podMetricsEndpoints", 0]),
        ("PrometheusRule", ["spec", "groups", 0, "rules", 0]),
        ("KafkaTopic", ["spec"]),
    ],
)
def test_a_misspelt_member_is_found(kind, path):
    """The check itself: wherever a member has a name that nobody knows, it says so."""
    resource = copy.deepcopy(next(r for r in overlay("prod-strimzi") if r["kind"] == kind))
    inner = resource
    for step in path:
        inner = inner[step]
    inner["misspelt"] = "1"
    assert "misspelt" in check(resource)
