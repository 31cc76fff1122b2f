"""The rules that the manifests keep, each with its reason in docs/OPERATIONS.md or beside the line that keeps it."""

import ipaddress
import re

import pytest
import yaml
from harness import (
    K8S,
    OVERLAYS,
    ROOT,
    containers,
    env,
    label,
    mebibytes,
    of_kind,
    of_program,
    our_pods,
    overlay,
    pod,
    pods,
    pool,
    program,
    settings,
)

pytestmark = pytest.mark.parametrize("name", OVERLAYS)
PARTITIONS = 24
DRAIN_SECONDS = 25


# ---- pods


def test_pods_are_restricted(name):
    """Pod security `restricted`: no root, no new privileges, no capability, the runtime's seccomp profile."""
    for who, template in pods(overlay(name)):
        security = template["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True and security["seccompProfile"] == {"type": "RuntimeDefault"}, who
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(template["spec"]), who
        for container in containers(template):
            inner = container["securityContext"]
            assert inner["allowPrivilegeEscalation"] is False and inner["capabilities"] == {"drop": ["ALL"]}, who
        assert {kind for volume in template["spec"].get("volumes", []) for kind in volume if kind != "name"} <= {
            "secret",
            "configMap",
            "emptyDir",
            "persistentVolumeClaim",
        }, who


def test_namespaces_enforce_restricted(name):
    for namespace in of_kind(overlay(name), "Namespace"):
        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_our_pods_are_65532_with_a_read_only_root(name):
    for who, template in our_pods(overlay(name)):
        assert template["spec"]["securityContext"]["runAsUser"] == 65532, who
        assert all(c["securityContext"]["readOnlyRootFilesystem"] is True for c in containers(template)), who


def test_pods_have_no_token_of_the_cluster(name):
    for who, template in pods(overlay(name)):
        assert template["spec"]["automountServiceAccountToken"] is False, who
    assert all(a["automountServiceAccountToken"] is False for a in of_kind(overlay(name), "ServiceAccount"))


def test_service_accounts_are_there(name):
    accounts = {a["metadata"]["name"] for a in of_kind(overlay(name), "ServiceAccount")}
    for who, template in our_pods(overlay(name)):
        assert template["spec"]["serviceAccountName"] in accounts, who


def test_no_pod_has_service_links(name):
    """A Service named trueftp-api would put TRUEFTP_ names into each pod that no program knows, and stop the start."""
    for who, template in pods(overlay(name)):
        assert template["spec"]["enableServiceLinks"] is False, who


def test_names_are_looked_up_as_they_are(name):
    """ndots:1, so that a customer's host is not first asked for inside the cluster."""
    for workload in of_program(overlay(name), "trueftp-worker", "Deployment"):
        assert {"name": "ndots", "value": "1"} in pod(workload)["spec"]["dnsConfig"]["options"]


def test_memory_is_limited_and_cpu_is_not(name):
    for who, template in pods(overlay(name)):
        for container in containers(template):
            resources = container["resources"]
            assert set(resources["limits"]) == {"memory"} and set(resources["requests"]) == {"cpu", "memory"}, who
            assert mebibytes(resources["requests"]["memory"]) <= mebibytes(resources["limits"]["memory"]), who


def test_secrets_are_files_that_can_change(name):
    """Read-only folders with mode 0440, never a subPath, which would not see a change; never an environment variable."""
    for who, template in our_pods(overlay(name)):
        for volume in template["spec"]["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440, who
        for container in containers(template):
            assert not any("secretRef" in source for source in container.get("envFrom", [])), who
            assert not any("secretKeyRef" in entry.get("valueFrom", {}) for entry in container.get("env", [])), who
            for mount in container["volumeMounts"]:
                assert "subPath" not in mount, who


def test_no_secret_is_in_a_config_map(name):
    for config in of_kind(overlay(name), "ConfigMap"):
        assert not [key for key in config["data"] if re.search("PASSWORD|REDIS_URL|TOKEN$", key)]


def test_settings_are_ones_the_programs_know(name):
    known = set(re.findall(r'"(TRUEFTP_\w+)"', (ROOT / "common/model/settings.c").read_text()))
    for who, template in our_pods(overlay(name)):
        for container in containers(template):
            assert set(settings(overlay(name), container)) <= known, who


def test_a_changed_setting_rolls_out(name):
    """Config maps are generated: their name has a hash of what is in them."""
    assert all(re.search(r"-[a-z0-9]{10}$", c["metadata"]["name"]) for c in of_kind(overlay(name), "ConfigMap"))


def test_images_have_a_version(name):
    for who, template in pods(overlay(name)):
        for container in containers(template):
            assert re.search(r":[\w.-]+$", container["image"]) and not container["image"].endswith(":latest"), who


# ---- life and death


def test_probes_ask_what_they_mean(name):
    """Liveness asks /livez, which is about this process alone, and gives a loop 15 s; readiness asks /readyz."""
    for workload in of_kind(overlay(name), "Deployment", "StatefulSet"):
        if program(workload) not in ("trueftp-worker", "trueftp-api"):
            continue
        [container] = containers(pod(workload))
        live, ready = container["livenessProbe"], container["readinessProbe"]
        assert live["httpGet"] == {"path": "/livez", "port": "admin"}
        assert ready["httpGet"] == {"path": "/readyz", "port": "admin"}
        assert live["periodSeconds"] * live["failureThreshold"] == 15
        assert "startupProbe" not in container, "the start waits for Kafka as long as it takes"
        listens = int(env(container)["TRUEFTP_ADMIN_LISTEN"].rpartition(":")[2])
        assert {"name": "admin", "containerPort": listens} in container["ports"]


def test_a_worker_has_time_to_drain(name):
    for workload in of_program(overlay(name), "trueftp-worker", "Deployment"):
        spec = pod(workload)["spec"]
        assert spec["terminationGracePeriodSeconds"] >= 2 * DRAIN_SECONDS
        assert all("lifecycle" not in container for container in containers(pod(workload))), "SIGTERM is what starts the drain"


def test_workers_come_before_others_go(name):
    for workload in of_program(overlay(name), "trueftp-worker", "Deployment"):
        assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_drains_of_nodes_take_one_at_a_time(name):
    budgets = of_kind(overlay(name), "PodDisruptionBudget")
    for workload in of_kind(overlay(name), "Deployment", "StatefulSet"):
        if program(workload) in ("trueftp-worker", "trueftp-api"):
            own = pod(workload)["metadata"]["labels"]
            [budget] = [b for b in budgets if b["spec"]["selector"]["matchLabels"].items() <= own.items()]
            assert budget["spec"]["maxUnavailable"] == 1
            assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_pods_spread_over_zones_and_nodes(name):
    for workload in of_kind(overlay(name), "Deployment", "StatefulSet"):
        if program(workload) not in ("trueftp-worker", "trueftp-api"):
            continue
        own = pod(workload)["metadata"]["labels"]
        spread = pod(workload)["spec"]["topologySpreadConstraints"]
        assert {s["topologyKey"] for s in spread} == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
        for constraint in spread:
            wanted = constraint["labelSelector"]["matchLabels"]
            assert wanted.items() <= own.items(), "it spreads its own pods"
            assert not set(constraint.get("matchLabelKeys", [])) & set(wanted), "the API refuses a key in both"


def test_no_static_membership(name):
    """In a Deployment that scales it leaves partitions without an owner for the session's timeout."""
    assert "group.instance.id" not in yaml.safe_dump(overlay(name))


# ---- pools and autoscaling


def test_selectors_of_pools_do_not_overlap(name):
    selectors = [w["spec"]["selector"]["matchLabels"] for w in of_program(overlay(name), "trueftp-worker", "Deployment")]
    pools = [selector["trueftp.io/pool"] for selector in selectors]
    assert len(set(pools)) == len(pools) and "shared" in pools


def test_a_pool_is_what_its_name_says(name):
    for workload in of_program(overlay(name), "trueftp-worker", "Deployment"):
        [container] = containers(pod(workload))
        wanted = "" if pool(workload) == "shared" else pool(workload)
        assert env(container)["TRUEFTP_POOL"] == wanted


def topics_of_jobs(resources):
    """Pools whose topics a job makes."""
    found = []
    for job in of_program(resources, "trueftp-topics", "Job"):
        [container] = containers(pod(job))
        found.append(next((arg[len("--pool=") :] for arg in container["args"] if arg.startswith("--pool=")), "shared"))
    return found


def topics_of_strimzi(resources):
    found = []
    for topic in of_kind(resources, "KafkaTopic"):
        if match := re.fullmatch(r"trueftp\.deliveries(?:\.(.*))?", topic["metadata"]["name"]):
            found.append(match[1] or "shared")
    return found


def test_each_pool_has_its_topics_made_by_one(name):
    """By a job or by Strimzi: never by both, never by neither."""
    pools = sorted(pool(w) for w in of_program(overlay(name), "trueftp-worker", "Deployment"))
    by_job, by_strimzi = topics_of_jobs(overlay(name)), topics_of_strimzi(overlay(name))
    assert sorted(by_job + by_strimzi) == pools
    assert not by_job or not by_strimzi


def test_the_job_does_not_try_again_what_differs(name):
    for job in of_program(overlay(name), "trueftp-topics", "Job"):
        [rule] = job["spec"]["podFailurePolicy"]["rules"]
        assert rule["action"] == "FailJob" and rule["onExitCodes"]["values"] == [3]
        assert pod(job)["spec"]["restartPolicy"] == "Never" and job["spec"]["ttlSecondsAfterFinished"] > 0
        [container] = containers(pod(job))
        assert container["args"][:2] == ["topics", "ensure"]


def scaled(resources):
    return [(s, of_target(resources, s)) for s in of_kind(resources, "ScaledObject")]


def of_target(resources, scaled_object):
    target = scaled_object["spec"]["scaleTargetRef"]["name"]
    [workload] = [w for w in of_kind(resources, "Deployment") if w["metadata"]["name"] == target]
    return workload


def test_one_owner_of_the_number_of_workers(name):
    """Where an autoscaler owns it, the manifest has none; elsewhere it has."""
    targets = [label(workload) for _, workload in scaled(overlay(name))]
    assert len(set(targets)) == len(targets)
    for workload in of_program(overlay(name), "trueftp-worker", "Deployment"):
        assert ("replicas" in workload["spec"]) == (label(workload) not in targets), label(workload)


def test_workers_are_never_more_than_partitions_and_never_none(name):
    for scaled_object, _ in scaled(overlay(name)):
        spec = scaled_object["spec"]
        assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"] <= PARTITIONS
        assert "idleReplicaCount" not in spec
        assert spec["minReplicaCount"] <= spec["fallback"]["replicas"] <= spec["maxReplicaCount"]


def test_values_of_triggers_are_strings(name):
    for scaled_object, _ in scaled(overlay(name)):
        for trigger in scaled_object["spec"]["triggers"]:
            assert all(isinstance(value, str) for value in trigger["metadata"].values()), trigger["name"]


def trigger(scaled_object, wanted):
    [found] = [t for t in scaled_object["spec"]["triggers"] if t["name"] == wanted]
    return found


def test_lag_is_that_of_the_pool(name):
    for scaled_object, workload in scaled(overlay(name)):
        lag = trigger(scaled_object, "lag")["metadata"]
        suffix = "" if pool(workload) == "shared" else "." + pool(workload)
        assert (lag["topic"], lag["consumerGroup"]) == (f"trueftp.events{suffix}", f"trueftp-worker{suffix}")
        assert lag["excludePersistentLag"] == "false", "what stands still counts"
        [container] = containers(pod(workload))
        assert scaled_object["spec"]["scaleTargetRef"]["envSourceContainerName"] == container["name"]
        assert settings(overlay(name), container)[lag["bootstrapServersFromEnv"]]


def test_questions_to_prometheus_are_those_of_the_pool(name):
    for scaled_object, workload in scaled(overlay(name)):
        for question in ("due", "posts"):
            metadata = trigger(scaled_object, question)["metadata"]
            assert f'{{pool="{pool(workload)}"}}' in metadata["query"]
            assert metadata["query"].startswith("sum("), "each worker tells its own part"
            assert metadata["ignoreNullValues"] == "false", "no data is not no work"
        assert "trueftp_worker_due{" in trigger(scaled_object, "due")["metadata"]["query"], "what is due, not what is scheduled"


def test_posts_leave_room_in_the_slots(name):
    for scaled_object, workload in scaled(overlay(name)):
        [container] = containers(pod(workload))
        share = int(trigger(scaled_object, "posts")["metadata"]["threshold"]) / int(env(container)["TRUEFTP_WORKER_SLOTS"])
        assert 0.5 <= share <= 0.8


def test_scaling_down_is_slow_and_up_is_not(name):
    """Each step is a rebalance: up at once in large steps, down after ten minutes of less."""
    for scaled_object, _ in scaled(overlay(name)):
        behavior = scaled_object["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 0
        assert behavior["scaleDown"]["stabilizationWindowSeconds"] >= 300
        assert all(policy["periodSeconds"] >= 60 for side in behavior.values() for policy in side["policies"])


# ---- network


def policies(resources, template):
    own = template["metadata"]["labels"]
    return [p for p in of_kind(resources, "NetworkPolicy") if p["spec"]["podSelector"].get("matchLabels", {}).items() <= own.items()]


def test_what_is_not_allowed_is_denied(name):
    for who, template in our_pods(overlay(name)):
        types = [p["spec"]["policyTypes"] for p in policies(overlay(name), template) if set(p["spec"]) == {"podSelector", "policyTypes"}]
        assert ["Ingress", "Egress"] in types, who


def public_blocks(resources, template):
    return [
        peer["ipBlock"]
        for policy in policies(resources, template)
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
    ]


def test_the_world_is_for_workers_alone(name):
    for who, template in our_pods(overlay(name)):
        blocks = public_blocks(overlay(name), template)
        assert bool(blocks) == (template["metadata"]["labels"]["app.kubernetes.io/name"] == "trueftp-worker"), who


def refused_by_the_worker():
    """The IPv4 ranges of common/model/address.c."""
    found = set()
    for bits, octets in re.findall(r'V4\("[^"]*", (\d+), ([\d, ]+)\)', (ROOT / "common/model/address.c").read_text()):
        parts = [int(part) for part in octets.split(",")] + [0, 0, 0]
        found.add(ipaddress.ip_network((bytes(parts[:4]), int(bits))))
    return found


def test_workers_reach_public_addresses_alone(name):
    """The policy's exceptions cover what the worker refuses itself; an IPv6 address is one of 2000::/3."""
    refused = refused_by_the_worker()
    assert len(refused) > 12
    for workload in of_program(overlay(name), "trueftp-worker", "Deployment"):
        four, six = public_blocks(overlay(name), pod(workload))
        excepted = [ipaddress.ip_network(cidr) for cidr in four["except"]]
        assert not [net for net in refused if not any(net.subnet_of(other) for other in excepted)]
        assert six["cidr"] == "2000::/3"
        assert set(six["except"]) == {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"}


def test_metrics_are_for_those_who_watch(name):
    """Ports of health and metrics are open to namespaces with a label, and every port that a program serves them on is."""
    [policy] = [p for p in of_kind(overlay(name), "NetworkPolicy") if p["metadata"]["name"] == "trueftp-metrics"]
    [rule] = policy["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"trueftp.io/may-scrape": "true"}}}]
    served = {
        port["containerPort"] for _, template in our_pods(overlay(name)) for c in containers(template) for port in c.get("ports", []) if port["name"] == "admin"
    }
    assert served == {port["port"] for port in rule["ports"]}


# ---- what others ship with it


def test_podmonitor_finds_every_pod(name):
    for monitor in of_kind(overlay(name), "PodMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"]
        for who, template in our_pods(overlay(name)):
            assert wanted.items() <= template["metadata"]["labels"].items(), who


def topic_settings():
    """topic -> settings, of common/model/topics.c."""
    source = (ROOT / "common/model/topics.c").read_text()
    numbers = dict(re.findall(r'#define (\w+_MS) "(\d+)"', source))
    tables = {}
    for table, body in re.findall(r"static const struct topic_setting (\w+)\[\] = \{(.*?)\n\};", source, re.S):
        rows = re.findall(r'\{"([^"]+)", (?:"([^"]*)"|(\w+))\}', body)
        tables[table] = {key: value or numbers[number] for key, value, number in rows}
    names = dict(re.findall(r'\[(TOPIC_\w+)\] = "([^"]+)"', source))
    used = re.search(r"\*const settings\[TOPIC_COUNT\] = \{(.*?)\n\};", source, re.S)[1]
    return {names[topic]: tables[table] for topic, table in re.findall(r"\[(TOPIC_\w+)\] = (\w+)", used)}


def test_strimzi_has_the_settings_of_the_programs(name):
    wanted = topic_settings()
    assert len(wanted) == 7
    topics = of_kind(overlay(name), "KafkaTopic")
    for topic in topics:
        suffix = topic["metadata"]["name"].removeprefix("trueftp.")
        suffix = suffix if suffix in wanted else suffix.rpartition(".")[0]
        config = {key: str(value) for key, value in topic["spec"]["config"].items()}
        assert config == {**wanted[suffix], "min.insync.replicas": "2"}, topic["metadata"]["name"]
        assert (topic["spec"]["partitions"], topic["spec"]["replicas"]) == (PARTITIONS, 3)
    if topics:
        assert {f"trueftp.{suffix}" for suffix in wanted} <= {topic["metadata"]["name"] for topic in topics}


def test_the_example_pool_is_the_template(name):
    del name
    for path in sorted((K8S / "pools/template").rglob("*.yaml")):
        made = K8S / "pools/example" / path.relative_to(K8S / "pools/template")
        expected = path.read_text().replace("POOL", "example").replace("TRUEFTP_example", "TRUEFTP_POOL")
        assert made.read_text() == expected
