"""The autoscaler's rule, with the numbers of the manifest, over one tenant's burst: workers follow, hold still, and settle back."""

import copy
import math

import pytest
from autoscaler import PARTITIONS, simulate
from harness import ROOT, containers, env, of_kind, of_program, overlay, pod

QUIET_PER_S = 240
BURST_PER_S = 6000
BURST = (600, 1500)  # seconds
TENANT = (3, 9, 14, 20)  # an account owns four partitions
HOUR = 3600


def burst(now):
    """A little at each partition; for a quarter of an hour one tenant's thousands, in waves of a minute."""
    events = [QUIET_PER_S / PARTITIONS] * PARTITIONS
    if BURST[0] <= now < BURST[1]:
        wave = 1 + 0.3 * math.sin(now / 60 * 2 * math.pi)
        for partition in TENANT:
            events[partition] += BURST_PER_S / len(TENANT) * wave
    return events


def manifest():
    [scaled] = [s for s in of_kind(overlay("prod"), "ScaledObject") if s["metadata"]["name"] == "trueftp-worker"]
    [worker] = [w for w in of_program(overlay("prod"), "trueftp-worker", "Deployment") if w["metadata"]["name"] == "trueftp-worker"]
    return scaled["spec"], int(env(containers(pod(worker))[0])["TRUEFTP_WORKER_SLOTS"])


def directions(moments):
    """+1 and -1 for each change of the number of workers, repeats left out."""
    steps = [b.desired - a.desired for a, b in zip(moments, moments[1:]) if a.desired != b.desired]
    signs = [1 if step > 0 else -1 for step in steps]
    return [sign for number, sign in enumerate(signs) if number == 0 or sign != signs[number - 1]], len(steps)


def complaints(spec, slots):
    """What an operator would object to, after an hour and a half."""
    moments = simulate(spec, slots, burst, HOUR * 3 // 2)
    before = [m for m in moments if m.second < BURST[0]]
    during = [m for m in moments if BURST[0] <= m.second < BURST[1]]
    turns, changes = directions(moments)
    found = []
    if max(m.desired for m in before) > spec["minReplicaCount"]:
        found.append("it scales without a reason")
    if not any(m.replicas >= 4 for m in during if m.second < BURST[0] + 180):
        found.append("it does not follow within three minutes")
    if max(m.lag for m in during if m.second > BURST[1] - 300) > BURST_PER_S:
        found.append("the burst is not caught up with while it lasts")
    if max(m.desired for m in moments) > 12:
        found.append("one tenant's burst, on four partitions, takes more than half of all workers there may be")
    if turns not in ([1, -1], []):
        found.append(f"it swings: {turns}")
    if changes > 10:
        found.append(f"{changes} rebalances")
    if moments[-1].desired != spec["minReplicaCount"] or moments[-1].lag > QUIET_PER_S:
        found.append("it does not settle")
    return found


def test_workers_follow_a_burst_and_settle():
    spec, slots = manifest()
    assert complaints(spec, slots) == []


def table(spec, slots):
    """The moments at which the number of workers changes, and the most lag before each: the table of docs/OPERATIONS.md."""
    lines, lag, last = ["| minute | workers | most lag until then | POSTs in flight |", "|---|---|---|---|"], 0.0, None
    for moment in simulate(spec, slots, burst, HOUR * 3 // 2):
        lag = max(lag, moment.lag)
        if moment.desired != last:
            lines.append(f"| {moment.second / 60:.1f} | {moment.desired} | {lag:.0f} | {moment.posts:.0f} |")
            lag, last = 0.0, moment.desired
    return lines


def test_the_manual_shows_what_the_rule_does():
    """The table in the manual is that of the manifest's numbers."""
    assert "\n".join(table(*manifest())) in (ROOT / "docs/OPERATIONS.md").read_text()


def altered(change):
    spec, slots = manifest()
    spec = copy.deepcopy(spec)
    change(spec, {trigger["name"]: trigger["metadata"] for trigger in spec["triggers"]})
    return complaints(spec, slots)


def higher(spec, triggers):
    del spec
    triggers["lag"]["lagThreshold"] = "10000000"
    triggers["posts"]["threshold"] = "100000"


def lower(spec, triggers):
    del spec
    triggers["posts"]["threshold"] = "100"


def unlimited(spec, triggers):
    del spec
    triggers["lag"]["limitToPartitionsWithLag"] = "false"


def hasty(spec, triggers):
    del triggers
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    behavior["scaleDown"] = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def slow(spec, triggers):
    del triggers
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    behavior["scaleUp"] = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]}


@pytest.mark.parametrize("change", [higher, lower, unlimited, hasty, slow])
def test_numbers_that_are_wrong_are_found(change):
    """The simulation itself: each way to spoil the rule is objected to."""
    assert altered(change)


def test_the_sums_of_the_autoscaler():
    """ceil, tolerance, and what the policies let through, against sums done by hand."""
    from autoscaler import Hpa

    spec, _ = manifest()
    hpa = Hpa(spec)
    idle = [0.0] * PARTITIONS
    assert hpa.wanted(2, idle, 1401) == 2, "within a tenth of 2 x 700"
    assert hpa.wanted(2, idle, 1600) == 3, "1600 / 700, rounded up"
    assert hpa.wanted(2, [5000.0] + [0.0] * 23, 0) == 1, "lag of one partition is work for one worker"
    assert hpa.wanted(2, [1000.0] * 4 + [0.0] * 20, 0) == 4
    assert hpa.limit(0, 2, True) == 6, "four more, or doubled"
    assert hpa.limit(0, 10, True) == 20
    assert hpa.limit(0, 10, False) == 7, "a quarter less, cut to whole workers"
