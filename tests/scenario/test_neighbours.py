"""One endpoint that hangs, drips or is flooded does not delay the others; and when it comes back, it is not run over."""

import threading
import time

import pytest
from harness.contract import delivery_id, make_event
from harness.endpoint import Drip, Stall, Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until

NEIGHBOUR = "acc_neighbour"


class Switch:
    """Hangs until turn() was called; then each answer takes so long. begun and ended hold when."""

    def __init__(self, seconds):
        self.seconds, self.turned_at = seconds, None
        self.lock = threading.Lock()
        self.in_flight = self.most = 0

    def turn(self):
        self.turned_at = time.monotonic()

    def give(self, connection, endpoint):
        if self.turned_at is None:
            return Stall().give(connection, endpoint)
        with self.lock:
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
        time.sleep(self.seconds)
        with self.lock:
            self.in_flight -= 1  # before the answer: who has it may send the next one
        return Status(200).give(connection, endpoint)


def events_of(account, count):
    return [make_event(account, f"/f{n}.csv") for n in range(count)]


def settled(worker, count):
    """So many events were read, and each of them is settled: nothing keeps their offsets from being committed."""
    return worker.metric("trueftp_worker_events_total") == count and worker.metric("trueftp_worker_events_unsettled") == 0


@pytest.mark.parametrize("answer", [Stall(), Drip()], ids=["hangs", "drips"])
def test_a_backlog_for_a_dead_endpoint_holds_nobody_up(stack, endpoint, answer):
    """2,000 events for an endpoint that gives no answer. They are parked, the offsets go on, and another account's events, which came
    after them, are delivered long before the first timeout would end."""
    stack.definitions.account(NEIGHBOUR)
    stack.webhook("/dead", account=NEIGHBOUR, timeout_ms=20000)
    quick = stack.webhook("/quick")
    endpoint.script("/dead", answer)
    worker = stack.worker()
    stack.topics.publish(*events_of(NEIGHBOUR, 2000))
    endpoint.wait_posts(1, "/dead", watch=[worker])
    began = time.monotonic()
    mine = events_of(ACCOUNT, 200)
    stack.topics.publish(*mine)
    endpoint.wait_posts(200, "/quick", watch=[worker])
    wanted = {delivery_id(event["event_id"], quick.id) for event in mine}
    assert {post.delivery_id for post in endpoint.posts_to("/quick")} == wanted
    assert time.monotonic() - began < 15, "they waited for the dead endpoint's timeout"
    wait_until("the backlog is parked, only what is in flight is not", lambda: worker.metric("trueftp_worker_events_unsettled") <= 16, 30,
               watch=[worker])
    statuses = {r["status"] for r in stack.topics.last_deliveries().values() if r["account_id"] == NEIGHBOUR}
    assert statuses <= {"parked", "retrying"}
    endpoint.close()  # or the worker would wait for it before it stops


def test_a_worker_that_is_busy_parks_a_backlog_too(stack, endpoint):
    """All that may be in hand is in hand, of an account that has work for a long time: what was kept for a dead endpoint is parked meanwhile."""
    stack.definitions.account(NEIGHBOUR)
    stack.webhook("/dead", account=NEIGHBOUR, timeout_ms=20000)
    stack.webhook("/busy", max_concurrency=64)
    endpoint.script("/dead", Stall())
    busy = Switch(0.02)
    busy.turn()
    endpoint.script("/busy", busy)
    count = 8000
    for some in (events_of(ACCOUNT, 1000), events_of(NEIGHBOUR, 1500), *[events_of(ACCOUNT, 1000) for _ in range(count // 1000 - 1)]):
        stack.topics.publish(*some)
    worker = stack.worker(TRUEFTP_WORKER_SLOTS="16")
    wait_until("much is kept", lambda: worker.metric("trueftp_worker_backlog") > 500, 20, watch=[worker])
    wait_until("all of it is parked", lambda: worker.metric("trueftp_worker_backlog") == 0, 60, watch=[worker])
    assert len(endpoint.posts_to("/busy")) < count, "it was not busy any more"
    endpoint.close()


def test_a_heavy_account_has_what_others_leave(stack, endpoint):
    """Twenty slots, six accounts that use one each, and one that could use all: it gets four times as many as stay free, not a seventh; and
    since some stay free, a newcomer's event is posted at once, though it stands behind the heavy account's in the same partitions: while
    those are tried, and again when they are parked and come due."""
    light = [f"acc_light_{n}" for n in range(6)]
    for account in (NEIGHBOUR, *light):
        stack.definitions.account(account)
    for account in light:
        stack.webhook(f"/{account}", account=account, timeout_ms=20000)
        endpoint.script(f"/{account}", Stall())
    for n in range(4):
        stack.webhook(f"/heavy-{n}", account=NEIGHBOUR, timeout_ms=20000, max_concurrency=64)
        endpoint.script(f"/heavy-{n}", Stall())
    stack.webhook("/quick")
    worker = stack.worker(TRUEFTP_WORKER_SLOTS="20")
    for account in light:
        stack.topics.publish(make_event(account, "/one"))
        endpoint.wait_posts(1, f"/{account}", watch=[worker])
    stack.topics.publish(*events_of(NEIGHBOUR, 200))

    def heavy():
        return sum(len(endpoint.posts_to(f"/heavy-{n}")) for n in range(4))

    wait_until("it has most of what is left", lambda: heavy() == 12, 20, watch=[worker])
    assert worker.metric("trueftp_worker_posts_in_flight") == 18
    stack.topics.publish(make_event(ACCOUNT, "/new"))
    endpoint.wait_posts(1, "/quick", seconds=5, watch=[worker])
    wait_until("what is left is parked", lambda: worker.metric("trueftp_worker_parked_total") >= 4 * 200 - 64, 20, watch=[worker])
    stack.topics.publish(make_event(ACCOUNT, "/another"))
    endpoint.wait_posts(2, "/quick", seconds=5, watch=[worker])
    assert heavy() == 12, "it had what others leave, and no more"
    endpoint.close()


def test_an_account_of_many_webhooks_fills_no_partition(stack, endpoint):
    """Twenty webhooks of one account, each of which answers and none of which is behind by itself, but together they have all the slots
    that an account gets: what waits for them is kept, and a newcomer's event that stands behind it in the same partitions is posted at
    once; in the end everything of theirs is posted too."""
    stack.definitions.account(NEIGHBOUR)
    steady = Switch(0.1)
    steady.turn()
    endpoint.script("/steady", steady)
    for _ in range(20):
        stack.webhook("/steady", account=NEIGHBOUR)
    stack.webhook("/quick")
    worker = stack.worker(TRUEFTP_WORKER_SLOTS="20")
    stack.topics.publish(*events_of(NEIGHBOUR, 16))
    endpoint.wait_posts(16 * 20, "/steady", watch=[worker])
    stack.topics.publish(*events_of(NEIGHBOUR, 150))
    endpoint.wait_posts((16 + 10) * 20, "/steady", watch=[worker])
    jobs = []
    for n in range(1, 6):
        stack.topics.publish(*[make_event(ACCOUNT, f"/new-{n}-{m}") for m in range(4)])
        endpoint.wait_posts(4 * n, "/quick", seconds=5, watch=[worker])
        jobs.append(worker.metric("trueftp_worker_jobs"))
    assert len(endpoint.posts_to("/steady")) < 165 * 20, "nothing waited any more"
    assert max(jobs) <= 4 * 20 + 20, "more in hand than the credit, and what one event owes"
    stack.wait_statuses({"delivered": (16 + 150) * 20 + 20}, seconds=90)


def test_an_endpoint_that_returns_is_drained_at_its_cap(stack, endpoint):
    """2,500 parked deliveries, at most 8 at once. When it is back they are called in, but never more than 8 at once."""
    stack.webhook(max_concurrency=8, max_attempts=20, timeout_ms=1000)
    switch = Switch(0.02)
    endpoint.script("/hook", switch)
    worker = stack.worker()
    stack.topics.publish(*events_of(ACCOUNT, 2500))
    wait_until("the backlog is parked", lambda: settled(worker, 2500), 40, watch=[worker])
    wait_until("the endpoint is known to be dead", lambda: worker.metric("trueftp_worker_breakers_open") == 4, 40, watch=[worker])
    switch.turn()
    stack.wait_statuses({"delivered": 2500}, seconds=90)
    assert switch.most <= 8, "more at once than the webhook allows"


def test_an_accounts_limit_holds_for_each_of_its_webhooks(stack, endpoint):
    """A burst of 100 events for an account of 20 a second: each of its webhooks gets a second's worth at once and the rest at that rate,
    all of it; another account gets its own at once. A new limit holds within a second."""
    limited, count, rate = "acc_limited", 100, 20
    stack.definitions.account(limited, limits={"webhooks": 0, "events_per_second": rate})
    for path in ("/limited/a", "/limited/b"):
        stack.webhook(path, account=limited)
    stack.webhook("/free")
    worker = stack.worker()
    began = time.monotonic()
    stack.topics.publish(*events_of(limited, count), *events_of(ACCOUNT, count))
    endpoint.wait_posts(count, "/free", watch=[worker])
    assert len(endpoint.posts_to("/limited/a")) < count, "the limit did not hold"
    for path in ("/limited/a", "/limited/b"):
        endpoint.wait_posts(count, path, seconds=60, watch=[worker])
        took = max(post.monotonic for post in endpoint.posts_to(path)) - began
        assert took > (count - rate) / rate * 0.9, f"{path}: {count} in {took:.1f} s"
    stack.definitions.change_account(limited, limits={"webhooks": 0, "events_per_second": 0})
    time.sleep(1)
    stack.topics.publish(*events_of(limited, 3 * count))
    endpoint.wait_posts(4 * count, "/limited/a", seconds=3 * count / rate - 3, watch=[worker])  # the old limit would take 14 s


def test_a_rate_limit_holds_when_an_endpoint_returns(stack, endpoint):
    """40 a second, whatever is waiting: in no five seconds more than that, and one second's worth of burst."""
    stack.webhook(rate_limit=40, max_concurrency=64, max_attempts=20, timeout_ms=1000)
    switch = Switch(0.005)
    endpoint.script("/hook", switch)
    worker = stack.worker()
    stack.topics.publish(*events_of(ACCOUNT, 300))
    wait_until("the backlog is parked", lambda: settled(worker, 300), 40, watch=[worker])
    switch.turn()
    stack.wait_statuses({"delivered": 300}, seconds=90)
    times = sorted(post.monotonic for post in endpoint.posts if post.monotonic > switch.turned_at)
    for i, first in enumerate(times):
        within = sum(1 for t in times[i:] if t < first + 5)
        assert within <= 40 * 5 + 40, f"{within} POSTs within five seconds"
