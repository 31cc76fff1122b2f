"""What the manifests of k8s/ and the autoscaler assume of the programs: lag is honest, pools are apart, workers that come and go stop nobody."""

import json
import socket
import struct
import threading
import time

import pytest
from harness.contract import delivery_id, make_event
from harness.endpoint import Stall, Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until

pytestmark = pytest.mark.real_kafka
HEAVY = "acc_heavy"
OFFSET_FETCH = 9


class Pace:
    """Answers 200 after so many seconds."""

    def __init__(self, seconds):
        self.seconds = seconds

    def give(self, connection, endpoint):
        endpoint.closing.wait(self.seconds)
        return Status(200).give(connection, endpoint)


def events_of(account, count, word="f"):
    return [make_event(account, f"/{word}-{n}.csv") for n in range(count)]


# ---- lag, as Kafka tells it to the autoscaler


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


def committed(stack, group, topic, partitions):
    """The group's committed offset of each partition (-1: none), by OffsetFetch version 1: what KEDA asks for."""
    host, _, port = stack.topics.broker.servers.split(",")[0].rpartition(":")
    body = struct.pack(">hhi", OFFSET_FETCH, 1, 1) + text("scenario") + text(group) + struct.pack(">i", 1) + text(topic)
    body += struct.pack(f">i{partitions}i", partitions, *range(partitions))
    with socket.create_connection((host, int(port)), timeout=10) as kafka, kafka.makefile("rb") as answer:
        kafka.sendall(struct.pack(">i", len(body)) + body)
        answer.read(4 + 4 + 4)  # size, correlation id, one topic
        assert answer.read(struct.unpack(">h", answer.read(2))[0]).decode() == topic
        found = {}
        for _ in range(struct.unpack(">i", answer.read(4))[0]):
            partition, offset, length = struct.unpack(">iqh", answer.read(14))
            answer.read(max(length, 0))
            assert struct.unpack(">h", answer.read(2)) == (0,)
            found[partition] = offset
    return found


def lag(stack, partitions=4):
    """end - committed, over all partitions; one without a commit counts from its beginning, as KEDA does it."""
    ends = dict.fromkeys(range(partitions), 0)
    for record in stack.topics.read("events"):
        ends[record.partition] = max(ends[record.partition], record.offset + 1)
    offsets = committed(stack, f"{stack.topics.prefix}-worker", stack.topics.name("events"), partitions)
    return sum(ends[p] - max(offsets[p], 0) for p in ends)


def test_lag_counts_what_is_not_read_and_nothing_else(stack, endpoint):
    """Without a worker all events are lag. With one, an endpoint that never answers keeps none of them: what cannot be sent is parked,
    the offsets go on, and the autoscaler is not told of work that more workers could not do."""
    stack.webhook(timeout_ms=20000)
    endpoint.script("/hook", Stall())
    stack.worker("claims").stop()  # a group that has committed
    stack.topics.publish(*events_of(ACCOUNT, 400))
    assert lag(stack) == 400
    worker = stack.worker()
    wait_until("what stays is no more than what is in flight", lambda: lag(stack) <= 32, 60, every=0.5, watch=[worker])
    assert worker.metric("trueftp_worker_posts_in_flight") > 0, "the endpoint still has not answered"
    statuses = {record["status"] for record in stack.topics.last_deliveries().values()}
    assert statuses <= {"parked", "retrying"}, "nothing has ended: the lag fell by parking alone"
    endpoint.close()  # or the worker would wait for it before it stops


# ---- pools


@pytest.fixture
def pooled(stack):
    """A tenant with a pool of its own."""
    stack.ctl("topics", "ensure", "--pool", "big", "--partitions", 4, "--timeout-s", 60)
    stack.definitions.account(HEAVY, pool="big")
    return stack


def test_a_pools_tenant_does_not_touch_the_shared_pool(pooled, endpoint, tmp_path):
    """The tenant's endpoint hangs under thousands of events, and its worker is killed on top. The shared pool's worker sees none of its
    events and retries, and delivers at once."""
    pooled.webhook("/heavy", account=HEAVY, timeout_ms=20000)
    mine = pooled.webhook("/mine")
    endpoint.script("/heavy", Stall())
    shared, big = pooled.worker("shared"), pooled.worker("big", TRUEFTP_POOL="big")
    log = tmp_path / "app.log"
    with open(log, "w", encoding="utf-8") as out:
        for n in range(2000):
            member = {"event": "file.uploaded", "timestamp": "2026-06-08T12:00:00Z", "path": f"/{n}", "account_id": HEAVY}
            out.write(json.dumps(member) + "\n")
    pooled.producer(f"[app]\nformat = jsonl\npath = {log}\naccount = record\n")
    wait_until("the pool's worker has its hands full", lambda: big.metric("trueftp_worker_scheduled") > 1000, 60, watch=[big, shared])
    events = events_of(ACCOUNT, 200)
    pooled.topics.publish(*events)
    endpoint.wait_posts(200, "/mine", seconds=20, watch=[big, shared])
    big.kill()
    more = events_of(ACCOUNT, 100, "more")
    pooled.topics.publish(*more)
    records = pooled.wait_statuses({"delivered": 300}, seconds=20)
    assert set(records) == {delivery_id(e["event_id"], mine.id) for e in events + more}, "the shared log has nothing of the tenant"
    assert shared.metric("trueftp_worker_events_total") == 300
    assert shared.metric("trueftp_worker_scheduled") == 0
    assert shared.metric("trueftp_worker_rebalances_total") == 1, "its own joining alone"
    again = pooled.worker("big-again", TRUEFTP_POOL="big")
    wait_until("the pool has what it had", lambda: again.metric("trueftp_worker_scheduled") > 1000, 60, watch=[again])
    endpoint.close()


# ---- a heavy account


def test_partitions_spread_a_heavy_account(stack, endpoint, tmp_path):
    """Its paths go to four of the 12 partitions, evenly, so that it can be shared by as many workers; each path always to the same."""
    stack.settings["TRUEFTP_TOPIC_PREFIX"] = stack.topics.prefix = f"{stack.topics.prefix}-wide"
    stack.ctl("topics", "ensure", "--partitions", 12, "--timeout-s", 60)
    stack.definitions.account(ACCOUNT)
    stack.webhook(max_concurrency=64)
    log = tmp_path / "app.log"
    lines = [json.dumps({"event": "file.uploaded", "timestamp": "2026-06-08T12:00:00Z", "path": f"/{n % 400}"}) for n in range(800)]
    log.write_text("\n".join(lines) + "\n")
    producer = stack.producer(f"[app]\nformat = jsonl\npath = {log}\naccount = constant:{ACCOUNT}\n")
    wait_until("all are acknowledged", lambda: producer.metric("trueftp_producer_events_acknowledged_total") == 800, 30, watch=[producer])
    where, counts = {}, {}
    for record in stack.topics.read("events"):
        path = json.loads(record.value)["data"]["path"]
        assert where.setdefault(path, record.partition) == record.partition, "the events of one path stay in order"
        counts[record.partition] = counts.get(record.partition, 0) + 1
    assert len(counts) == 4
    assert min(counts.values()) > 100, f"about 200 each: {counts}"
    stack.worker()
    stack.wait_statuses({"delivered": 800}, seconds=90)
    assert len(endpoint.posts) == 800


# ---- workers that come and go


class Stream(threading.Thread):
    """A few events every 50 ms, until ended."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.stack, self.events, self.ending = stack, [], threading.Event()

    def run(self):
        while not self.ending.wait(0.05):
            batch = events_of(ACCOUNT, 10, f"s{len(self.events)}")
            self.stack.topics.publish(*batch)
            self.events += batch

    def end(self):
        self.ending.set()
        self.join()
        return self.events


def silence(posts, begin, end):
    """The longest time without a POST."""
    times = [begin] + sorted(post.monotonic for post in posts if begin <= post.monotonic <= end) + [end]
    return max(b - a for a, b in zip(times, times[1:]))


def serving(workers, partitions=4):
    counts = [worker.metric("trueftp_worker_partitions_serving") for worker in workers]
    return all(counts) and sum(counts) == partitions


def test_rebalances_do_not_stall_the_others(stack, endpoint):
    """Under a steady stream one worker joins, and leaves again by SIGTERM: POSTs never stop for as long as a session's timeout (45 s) or
    a drain (25 s) would take, the leaver is gone within its time, and everything is delivered once."""
    webhook = stack.webhook(max_concurrency=64)
    endpoint.script("/hook", Pace(0.1))
    stays, second = stack.worker("stays"), stack.worker("second")
    stream = Stream(stack)
    stream.start()
    wait_until("two share the work", lambda: serving([stays, second]), 40, watch=[stays, second])
    endpoint.wait_posts(100, watch=[stays, second])
    begin = time.monotonic()
    third = stack.worker("third")
    wait_until("three share the work", lambda: serving([stays, second, third]), 40, watch=[stays, second, third])
    asked = time.monotonic()
    assert third.stop() == 0, third.tail()
    drained_s = time.monotonic() - asked
    wait_until("two share it again", lambda: serving([stays, second]), 40, watch=[stays, second])
    seen = len(endpoint.posts)
    endpoint.wait_posts(seen + 100, watch=[stays, second])
    end = time.monotonic()
    events = stream.end()
    stack.wait_deliveries(
        lambda found: all(found.get(delivery_id(e["event_id"], webhook.id), {}).get("status") == "delivered" for e in events),
        f"all {len(events)} are delivered",
        seconds=60,
    )
    gap = silence(endpoint.posts, begin, end)
    print(f"longest silence {gap:.2f} s, drained in {drained_s:.2f} s")
    assert gap < 8, "POSTs stood still while the group changed"
    assert drained_s < 20, "nothing in flight takes longer than 0.1 s"
    assert all(len(posts) == 1 for posts in endpoint.by_delivery().values()), "a handover sends nothing twice"
