"""The autoscaler's rule over a load: KEDA's triggers and the HorizontalPodAutoscaler's formulas, as in their sources.

What is scaled is a model of the workers, second by second: 24 partitions shared by range, 1024 slots each, endpoints that take a fixed time.
An event that has no slot waits in its partition (lag). A change of the number of workers is a rebalance, which stops all of them for a moment."""

import dataclasses
import math

PARTITIONS = 24
SYNC_S = 15  # --horizontal-pod-autoscaler-sync-period
TOLERANCE = 0.1  # --horizontal-pod-autoscaler-tolerance
START_S = 20  # from a new pod to its place in the group
REBALANCE_S = 3
ENDPOINT_S = 0.5


@dataclasses.dataclass
class Moment:
    second: int
    replicas: int
    desired: int
    lag: float
    posts: float


class Hpa:
    """desiredReplicas of a ScaledObject, each time it is asked."""

    def __init__(self, spec):
        self.least, self.most = spec["minReplicaCount"], spec["maxReplicaCount"]
        self.behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        self.triggers = {trigger["name"]: trigger for trigger in spec["triggers"]}
        self.recommended = []  # (second, replicas)
        self.changes = []  # (second, by how many)

    def metric(self, name, lags, posts):
        """(total, target) that KEDA tells for a trigger."""
        metadata = self.triggers[name]["metadata"]
        if name == "posts":
            return posts, float(metadata["threshold"])
        if name == "due":
            return 0.0, float(metadata["threshold"])
        target, total = float(metadata["lagThreshold"]), sum(lags)
        with_lag = sum(lag >= 1 for lag in lags)
        cap = with_lag if metadata.get("limitToPartitionsWithLag") == "true" else len(lags)
        return min(total, cap * target), target

    def wanted(self, current, lags, posts):
        """The greatest of what each trigger asks for (metricType AverageValue)."""
        asked = []
        for name in self.triggers:
            total, target = self.metric(name, lags, posts)
            ratio = total / (target * current)
            asked.append(current if abs(1 - ratio) <= TOLERANCE else math.ceil(total / target))
        return max(asked)

    def changed_within(self, now, seconds, up):
        return sum(abs(by) for at, by in self.changes if at > now - seconds and (by > 0) == up)

    def limit(self, now, current, up):
        """How far the policies let it go now."""
        side = self.behavior["scaleUp" if up else "scaleDown"]
        proposals = []
        for policy in side["policies"]:
            moved = self.changed_within(now, policy["periodSeconds"], up)
            start = current - moved if up else current + moved
            if policy["type"] == "Pods":
                proposals.append(start + policy["value"] if up else start - policy["value"])
            elif up:
                proposals.append(math.ceil(start * (1 + policy["value"] / 100)))
            else:
                proposals.append(int(start * (1 - policy["value"] / 100)))
        widest = max(proposals) if up else min(proposals)
        return max(widest, current) if up else min(widest, current)

    def decide(self, now, current, lags, posts):
        wanted = min(max(self.wanted(current, lags, posts), self.least), self.most)
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


def owners(workers):
    """Range: partition -> worker."""
    each, more = divmod(PARTITIONS, workers)
    return [w for w in range(workers) for _ in range(each + (w < more))]


class Workers:
    def __init__(self, count, slots):
        self.count, self.slots = count, slots
        self.coming = []  # (second, count)
        self.stopped_until = 0
        self.backlog = [0.0] * PARTITIONS
        self.posts = 0.0

    def second(self, now, arrivals):
        """One second: what comes, and what leaves within the slots."""
        while self.coming and self.coming[0][0] <= now:
            self.count = self.coming.pop(0)[1]
            self.stopped_until = now + REBALANCE_S
        for p, came in enumerate(arrivals):
            self.backlog[p] += came
        left = [0.0 if now < self.stopped_until else self.slots / ENDPOINT_S] * self.count
        sent = 0.0
        own = owners(self.count)
        for p in sorted(range(PARTITIONS), key=lambda p: self.backlog[p]):
            takes = min(self.backlog[p], left[own[p]])
            self.backlog[p] -= takes
            left[own[p]] -= takes
            sent += takes
        self.posts = sent * ENDPOINT_S

    def scale(self, now, count):
        going_up = count > (self.coming[-1][1] if self.coming else self.count)
        self.coming.append((now + (START_S if going_up else 0), count))


def simulate(spec, slots, load, seconds):
    """Runs the rule over load(second) -> events of each partition in that second; the moments at which it was asked."""
    hpa, workers, moments = Hpa(spec), Workers(spec["minReplicaCount"], slots), []
    replicas = spec["minReplicaCount"]
    for now in range(seconds):
        workers.second(now, load(now))
        if now % SYNC_S == 0:
            desired = hpa.decide(now, replicas, workers.backlog, workers.posts)
            if desired != replicas:
                workers.scale(now, desired)
            replicas = desired
            moments.append(Moment(now, workers.count, desired, sum(workers.backlog), workers.posts))
    return moments
