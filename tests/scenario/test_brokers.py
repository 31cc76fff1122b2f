"""Three brokers, several workers, and what operators do to them under load."""

import pathlib
import subprocess
import threading
import time

import pytest
from harness.broker import Kafka, Topics
from harness.contract import delivery_id, make_event
from harness.stack import ACCOUNT, Stack
from harness.waiting import wait_until

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow]
IN_FLIGHT = 64
KAFKA_SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "deploy/kafka/kafka.sh"


class Load(threading.Thread):
    """Publishes a handful of events after the other until ended; events are those that Kafka has acknowledged."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.events, self.ending = stack, [], threading.Event()

    def run(self):
        while not self.ending.wait(0.1):
            batch = [make_event(ACCOUNT, f"/f{len(self.events) + n}.txt") for n in range(20)]
            try:
                self.stack.topics.publish(*batch)
            except (AssertionError, subprocess.TimeoutExpired):
                continue  # a broker is away: not acknowledged, so not in the ledger, and sent again under other ids
            self.events += batch

    def end(self):
        self.ending.set()
        self.join()
        return self.events


@pytest.fixture
def three_brokers(tmp_path):
    brokers = Kafka(KAFKA_SCRIPT, tmp_path / "kafka", nodes=3).start()
    yield brokers
    brokers.stop()


@pytest.fixture
def cluster(bin_dir, tmp_path, three_brokers, prefix, redis, endpoint):
    """A system whose topics have three copies, two of which must have a record before it counts; nothing is lenient."""
    made = Stack(bin_dir, tmp_path, Topics(three_brokers, prefix), redis, endpoint)
    made.settings["TRUEFTP_DEV"] = "0"
    yield made.prepare(8)
    wrong = made.close()
    assert not wrong, "\n".join(wrong)


class Silences:
    """The longest time without a POST after each step."""

    def __init__(self, endpoint):
        self.endpoint, self.steps = endpoint, []

    def step(self, name):
        self.steps.append((name, time.monotonic()))

    def told(self):
        times = sorted(post.monotonic for post in self.endpoint.posts)
        ends = [begin for _, begin in self.steps[1:]] + [times[-1]]
        for (name, begin), end in zip(self.steps, ends):
            inside = [begin, *[t for t in times if begin <= t < end], end]
            yield f"{name}: {max(b - a for a, b in zip(inside, inside[1:])):.1f} s"


def serving(worker):
    return worker.metric("trueftp_worker_partitions_serving")


def test_a_broker_lost_a_worker_drained_another_added(cluster, three_brokers, endpoint):
    """Under load throughout: two workers; a broker is killed; a worker is told to stop; another one joins; the broker comes back."""
    webhook = cluster.webhook(max_concurrency=IN_FLIGHT)
    first, second = cluster.worker("first"), cluster.worker("second")
    load = Load(cluster)
    load.start()
    wait_until("both work", lambda: serving(first) > 0 and serving(second) > 0, 60, watch=[first, second])
    endpoint.wait_posts(200, seconds=60, watch=[first, second])

    silences = Silences(endpoint)
    silences.step("a broker is killed")
    three_brokers.run("kill-node", "--node", "2")
    seen = len(endpoint.posts)
    endpoint.wait_posts(seen + 200, seconds=90, watch=[first, second])

    silences.step("a worker is drained")
    assert first.stop() == 0, first.tail()
    silences.step("another joins")
    third = cluster.worker("third")
    wait_until("the newcomer works", lambda: serving(third) > 0 and serving(second) + serving(third) == 8, 90, watch=[second, third])
    seen = len(endpoint.posts)
    endpoint.wait_posts(seen + 200, seconds=90, watch=[second, third])

    silences.step("the broker is back")
    three_brokers.run("start-node", "--node", "2")
    seen = len(endpoint.posts)
    endpoint.wait_posts(seen + 200, seconds=90, watch=[second, third])
    events = load.end()
    records = cluster.wait_deliveries(
        lambda found: all(delivery_id(e["event_id"], webhook.id) in found for e in events) and all(r["status"] == "delivered" for r in found.values()),
        f"the delivery log shows all {len(events)} acknowledged events as delivered",
        seconds=120,
    )
    twice = sum(len(posts) - 1 for posts in endpoint.by_delivery().values())
    print(f"\n{len(events)} events, {twice} POSTs a second time; longest silence after each step: {', '.join(silences.told())}")
    assert len(records) >= len(events) > 800
    assert twice <= IN_FLIGHT, "more than what was in flight when the group lost its coordinator"


def test_below_the_minimum_of_copies_everything_waits(cluster, three_brokers, endpoint):
    """Two of three brokers are away: nothing can be recorded, so nothing counts as done; when one is back, all of it does."""
    webhook = cluster.webhook()
    worker = cluster.worker()
    before = [make_event(ACCOUNT, f"/before-{n}") for n in range(50)]
    cluster.topics.publish(*before)
    cluster.wait_statuses({"delivered": 50})
    meanwhile = [make_event(ACCOUNT, f"/while-{n}") for n in range(50)]
    cluster.topics.publish(*meanwhile)
    three_brokers.run("kill-node", "--node", "2")
    three_brokers.run("kill-node", "--node", "3")
    began = time.monotonic()
    wait_until("some time has gone by", lambda: time.monotonic() - began > 5, watch=[worker])
    assert worker.get("/livez").status == 200
    three_brokers.run("start-node", "--node", "3")
    three_brokers.run("start-node", "--node", "2")
    records = cluster.wait_statuses({"delivered": 100}, seconds=120)
    assert set(records) == {delivery_id(e["event_id"], webhook.id) for e in before + meanwhile}
