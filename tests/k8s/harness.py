"""Rendered manifests, and questions about them."""

import functools
import os
import pathlib
import subprocess

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
KUSTOMIZE = os.environ.get("TESTS_KUSTOMIZE", "kustomize")
OVERLAYS = sorted(path.parent.name for path in K8S.glob("overlays/*/kustomization.yaml"))
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
PROGRAMS = ("trueftp-worker", "trueftp-api", "trueftp-topics")


def build(folder):
    """What `kustomize build` makes of a folder, as a list of resources."""
    done = subprocess.run([KUSTOMIZE, "build", str(folder)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"kustomize build {folder}: {done.stderr}"
    assert not done.stderr, f"kustomize build {folder} warns: {done.stderr}"
    return [resource for resource in yaml.safe_load_all(done.stdout) if resource]


@functools.lru_cache(maxsize=None)
def overlay(name):
    return build(K8S / "overlays" / name)


def label(resource):
    return f"{resource['kind']} {resource['metadata']['name']}"


def of_kind(resources, *kinds):
    return [resource for resource in resources if resource["kind"] in kinds]


def program(resource):
    """app.kubernetes.io/name, or an empty string."""
    return resource["metadata"].get("labels", {}).get("app.kubernetes.io/name", "")


def of_program(resources, name, *kinds):
    return [resource for resource in of_kind(resources, *kinds) if program(resource) == name]


def pod(workload):
    """The pod template of a workload."""
    return workload["spec"]["template"]


def pods(resources):
    """Every pod template, as (name for people, template)."""
    return [(label(workload), pod(workload)) for workload in of_kind(resources, *WORKLOADS)]


def our_pods(resources):
    return [(label(w), pod(w)) for w in of_kind(resources, *WORKLOADS) if program(w) in PROGRAMS]


def containers(template):
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


def env(container):
    return {entry["name"]: entry.get("value", "") for entry in container.get("env", [])}


def settings(resources, container):
    """All environment variables of a container, those of config maps included."""
    found = {}
    for source in container.get("envFrom", []):
        [config] = [r for r in of_kind(resources, "ConfigMap") if r["metadata"]["name"] == source["configMapRef"]["name"]]
        found.update(config["data"])
    return {**found, **env(container)}


def pool(workload):
    return pod(workload)["metadata"]["labels"]["trueftp.io/pool"]


def mebibytes(quantity):
    number, unit = quantity[:-2], quantity[-2:]
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]
