"""One command adds a pool: what it writes renders beside the rest, and stays apart from it."""

import shutil
import subprocess

import pytest
import yaml
from harness import K8S, build, containers, env, of_kind, of_program, pod, pool


@pytest.fixture
def tree(tmp_path):
    shutil.copytree(K8S, tmp_path / "k8s")
    return tmp_path / "k8s"


def add(tree, *arguments):
    return subprocess.run([tree / "pools/add", *arguments], capture_output=True, text=True, timeout=20, check=False)


def test_a_pool_is_added_with_one_command(tree):
    done = add(tree, "big-tenant")
    assert done.returncode == 0, done.stderr
    assert "trueftpctl accounts update ACCOUNT --pool big-tenant" in done.stdout
    path = tree / "overlays/prod/kustomization.yaml"
    overlay = yaml.safe_load(path.read_text())
    overlay["resources"].append("../../pools/big-tenant")
    path.write_text(yaml.safe_dump(overlay))
    resources = build(path.parent)
    workers = {pool(w): w for w in of_program(resources, "trueftp-worker", "Deployment")}
    assert set(workers) == {"shared", "example", "big-tenant"}
    [container] = containers(pod(workers["big-tenant"]))
    assert env(container)["TRUEFTP_POOL"] == "big-tenant"
    assert [s["spec"]["triggers"][0]["metadata"]["topic"] for s in of_kind(resources, "ScaledObject") if "big" in s["metadata"]["name"]] == [
        "trueftp.events.big-tenant"
    ]


@pytest.mark.parametrize("name", ["", "Big", "dlq", "shared", "template", "-x", "x-", "a" * 33, "a/b", "example"])
def test_a_name_that_cannot_be_is_refused(tree, name):
    before = sorted(path.name for path in (tree / "pools").iterdir())
    done = add(tree, name)
    assert done.returncode != 0 and done.stderr
    assert sorted(path.name for path in (tree / "pools").iterdir()) == before
