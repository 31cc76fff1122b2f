"""The autoscaler's rule: KEDA's triggers and the HorizontalPodAutoscaler's formulas, as in their sources; and a recording to run it over.

`tests/bench/lab.sh burst` obeys the rule with real workers and writes burst.tsv. What KEDA's `pollingInterval` and `cooldownPeriod` are for
(from zero, and to zero) does not come up, since there is never none."""

import dataclasses
import math
import pathlib

PARTITIONS = 24
SYNC_S = 15  # --horizontal-pod-autoscaler-sync-period
TOLERANCE = 0.1  # --horizontal-pod-autoscaler-tolerance
RECORDING = pathlib.Path(__file__).with_name("burst.tsv")
COLUMNS = ("second", "wanted", "workers", "due", "posts", "scheduled", "delivered", "lag")  # lag: partition:events,...


class Hpa:
    """desiredReplicas of a ScaledObject, each time it is asked."""

    def __init__(self, spec):
        self.least, self.most = spec["minReplicaCount"], spec["maxReplicaCount"]
        self.behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        self.triggers = {trigger["name"]: trigger for trigger in spec["triggers"]}
        self.recommended = []  # (second, replicas)
        self.changes = []  # (second, by how many)

    def metric(self, name, lags, posts, due):
        """(total, target) that KEDA tells for a trigger."""
        metadata = self.triggers[name]["metadata"]
        if name in ("posts", "due"):
            return {"posts": posts, "due": due}[name], float(metadata["threshold"])
        target, total = float(metadata["lagThreshold"]), sum(lags)
        with_lag = sum(lag >= 1 for lag in lags)
        cap = with_lag if metadata.get("limitToPartitionsWithLag") == "true" else len(lags)
        return min(total, cap * target), target

    def wanted(self, current, lags, posts, due):
        """The greatest of what each trigger asks for (metricType AverageValue)."""
        asked = []
        for name in self.triggers:
            total, target = self.metric(name, lags, posts, due)
            ratio = total / (target * current)
            asked.append(current if abs(1 - ratio) <= TOLERANCE else math.ceil(total / target))
        return max(asked)

    def changed_within(self, now, seconds):
        """How many there are more than then."""
        return sum(by for at, by in self.changes if at > now - seconds)

    def limit(self, now, current, up):
        """How far the policies let it go now."""
        side = self.behavior["scaleUp" if up else "scaleDown"]
        proposals = []
        for policy in side["policies"]:
            start = current - self.changed_within(now, policy["periodSeconds"])
            if policy["type"] == "Pods":
                proposals.append(start + policy["value"] if up else start - policy["value"])
            elif up:
                proposals.append(math.ceil(start * (1 + policy["value"] / 100)))
            else:
                proposals.append(int(start * (1 - policy["value"] / 100)))
        widest = max(proposals) if up else min(proposals)
        return max(widest, current) if up else min(widest, current)

    def decide(self, now, current, lags, posts, due):
        wanted = min(max(self.wanted(current, lags, posts, due), self.least), self.most)
        self.recommended.append((now, wanted))
        up_window = self.behavior["scaleUp"]["stabilizationWindowSeconds"]
        down_window = self.behavior["scaleDown"]["stabilizationWindowSeconds"]
        lowest = min(replicas for at, replicas in self.recommended if at >= now - up_window)
        highest = max(replicas for at, replicas in self.recommended if at >= now - down_window)
        stable = min(max(current, lowest), highest)
        if stable > current:
            stable = min(stable, self.limit(now, current, True), self.most)
        elif stable < current:
            stable = max(stable, self.limit(now, current, False), self.least)
        if stable != current:
            self.changes.append((now, stable - current))
        return stable


# ---- the recording


@dataclasses.dataclass
class Sample:
    """One second. wanted: by the autoscaler; workers: processes there were; delivered: in all until then."""

    second: int
    wanted: int
    workers: int
    due: int
    posts: int
    scheduled: int
    delivered: int
    lags: list

    @property
    def lag(self):
        return sum(self.lags)


def sample_of(line):
    *numbers, with_lag = line.split("\t")
    lags = [0] * PARTITIONS
    for pair in with_lag.split(",") if with_lag != "-" else []:
        partition, events = map(int, pair.split(":"))
        lags[partition] = events
    return Sample(*map(int, numbers), lags)


@dataclasses.dataclass
class Recorded:
    command: str
    burst: tuple  # seconds
    samples: list


def recording(path=RECORDING):
    lines = path.read_text().splitlines()
    head = [line[2:] for line in lines if line.startswith("# ")]
    first, end = head[-1].removeprefix("burst=").split("-")
    rows = [line for line in lines if not line.startswith("#")]
    assert tuple(rows[0].split("\t")) == COLUMNS
    return Recorded(head[0], (int(first), int(end)), [sample_of(row) for row in rows[1:]])


def replay(spec, samples):
    """The rule, asked every SYNC_S over what was recorded; [(sample, desired)]."""
    hpa, moments, replicas, asked = Hpa(spec), [], spec["minReplicaCount"], -1
    for sample in samples:
        if sample.second // SYNC_S > asked:
            asked = sample.second // SYNC_S
            replicas = hpa.decide(sample.second, replicas, sample.lags, sample.posts, sample.due)
            moments.append((sample, replicas))
    return moments
