"""The autoscaler's rule, with the numbers of the manifest, over what real workers told during one tenant's burst (burst.tsv): they follow, hold
still, and settle back."""

import copy

import pytest
from autoscaler import PARTITIONS, Hpa, recording, replay
from harness import ROOT, of_kind, overlay

FOLLOWS_S = 180
MOST = 12  # of 24: what one tenant may take of all workers there may be
REBALANCES = 10


def manifest():
    [scaled] = [s for s in of_kind(overlay("prod"), "ScaledObject") if s["metadata"]["name"] == "trueftp-worker"]
    return scaled["spec"]


def directions(counts):
    """+1 and -1 for each change of the number of workers, repeats left out; and how many changes."""
    steps = [b - a for a, b in zip(counts, counts[1:]) if a != b]
    signs = [1 if step > 0 else -1 for step in steps]
    return [sign for number, sign in enumerate(signs) if number == 0 or sign != signs[number - 1]], len(steps)


def complaints(spec):
    """What an operator would object to."""
    recorded = recording()
    begin, end = recorded.burst
    moments = replay(spec, recorded.samples)
    counts = [desired for _, desired in moments]
    during = [(sample.second, desired) for sample, desired in moments if begin <= sample.second < end]
    turns, changes = directions(counts)
    found = []
    if any(desired > spec["minReplicaCount"] for sample, desired in moments if sample.second < begin):
        found.append("it scales without a reason")
    if all(desired == spec["minReplicaCount"] for second, desired in during if second < begin + FOLLOWS_S):
        found.append("it does not follow")
    if max(desired for _, desired in during) < 4:
        found.append("a tenant's four partitions do not get a worker each")
    if max(counts) > MOST:
        found.append("one tenant's burst takes more than half of all workers there may be")
    if turns not in ([1, -1], []):
        found.append(f"it swings: {turns}")
    if changes > REBALANCES:
        found.append(f"{changes} rebalances")
    if counts[-1] != spec["minReplicaCount"]:
        found.append("it does not settle")
    return found


def test_workers_follow_a_burst_and_settle():
    assert complaints(manifest()) == []


def test_the_recording_is_of_these_numbers():
    """The real workers were as many as the manifest's rule asks for; otherwise `tests/bench/lab.sh burst` is due again."""
    moments = replay(manifest(), recording().samples)
    assert [(sample.second, desired) for sample, desired in moments] == [(sample.second, sample.wanted) for sample, _ in moments]


def rate(samples, begin, end):
    """Deliveries a second from one second to another."""
    inside = [s for s in samples if begin <= s.second <= end]
    return (inside[-1].delivered - inside[0].delivered) / (inside[-1].second - inside[0].second)


def test_the_workers_that_came_were_of_use():
    """More was delivered a second with them than by those there were, lag stayed what it is without a burst, and nothing was left."""
    recorded = recording()
    begin, end = recorded.burst
    least = recorded.samples[0].wanted
    first = next(s.second for s in recorded.samples if s.workers > least)
    assert rate(recorded.samples, end, end + 40) > 1.25 * rate(recorded.samples, first - 40, first)
    assert max(s.lag for s in recorded.samples if s.second >= begin) < 5000, "what endpoints do not take is no lag"
    last = recorded.samples[-1]
    assert (last.workers, last.scheduled, last.due) == (least, 0, 0)
    assert all(b.second - a.second <= 5 for a, b in zip(recorded.samples, recorded.samples[1:])), "it was looked at throughout"


def table(recorded):
    """The moments at which another number of workers was asked for: the table of docs/OPERATIONS.md."""
    head = "| second | workers wanted | lag | due | POSTs in flight | in the schedule | delivered a second, 30 s before |"
    lines, last = [head, "|---" * 7 + "|"], None
    for s in recorded.samples:
        if s.wanted != last:
            before = f"{rate(recorded.samples, s.second - 30, s.second):.0f}" if s.second >= 30 else "–"
            lines.append(f"| {s.second} | {s.wanted} | {s.lag} | {s.due} | {s.posts} | {s.scheduled} | {before} |")
        last = s.wanted
    return lines


def test_the_manual_shows_what_was_recorded():
    recorded = recording()
    manual = (ROOT / "docs/OPERATIONS.md").read_text()
    assert "\n".join(table(recorded)) in manual
    assert recorded.command.partition(";")[0] in manual


def altered(change):
    spec = copy.deepcopy(manifest())
    change(spec, {trigger["name"]: trigger["metadata"] for trigger in spec["triggers"]})
    return complaints(spec)


def higher(spec, triggers):
    del spec
    triggers["lag"]["lagThreshold"] = triggers["posts"]["threshold"] = triggers["due"]["threshold"] = "100000"


def lower(spec, triggers):
    del spec
    triggers["posts"]["threshold"] = "100"


def early(spec, triggers):
    del spec
    triggers["due"]["threshold"] = "5"


def hasty(spec, triggers):
    del triggers
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    behavior["scaleDown"] = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def slow(spec, triggers):
    del triggers
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    behavior["scaleUp"] = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 1, "periodSeconds": 300}]}


@pytest.mark.parametrize("change", [higher, lower, early, hasty, slow])
def test_numbers_that_are_wrong_are_found(change):
    """The replay itself: each way to spoil the rule is objected to."""
    assert altered(change)


def test_the_sums_of_the_autoscaler():
    """ceil, tolerance, and what the policies let through, against sums done by hand."""
    hpa = Hpa(manifest())
    idle = [0] * PARTITIONS
    assert hpa.wanted(2, idle, 1401, 0) == 2, "within a tenth of 2 x 700"
    assert hpa.wanted(2, idle, 1600, 0) == 3, "1600 / 700, rounded up"
    assert hpa.wanted(2, idle, 0, 5097) == 11, "5097 / 500, rounded up"
    assert hpa.wanted(2, [5000] + [0] * 23, 0, 0) == 1, "lag of one partition is work for one worker"
    assert hpa.wanted(2, [1000] * 4 + [0] * 20, 0, 0) == 4
    assert hpa.limit(0, 2, True) == 6, "four more, or doubled"
    assert hpa.limit(0, 10, True) == 20
    assert hpa.limit(0, 10, False) == 7, "a quarter less, cut to whole workers"
    hpa.changes = [(90, 3)]
    assert hpa.limit(100, 6, True) == 7, "four more than the three of a minute ago"
    hpa.changes = [(90, 3), (95, -1)]
    assert hpa.limit(100, 5, True) == 7
