"""Servers that are away when the worker starts, or go away while it works; and how it ends."""

import json
import signal
import socket
import threading
import time

import pytest
from harness.broker import PARTITIONS
from harness.contract import delivery_id, make_event
from harness.endpoint import Hold, Status
from harness.ports import free_port
from harness.stack import ACCOUNT
from harness.waiting import wait_until

SESSION = "session.timeout.ms=6000\nheartbeat.interval.ms=1000\n"


def events_of(count, word="f"):
    return [make_event(ACCOUNT, f"/{word}-{n}.txt") for n in range(count)]


def ids_of(events, webhook):
    return {delivery_id(event["event_id"], webhook.id) for event in events}


def short_session(stack):
    """A group that notices a silent member within seconds."""
    config = stack.folder / "kafka.conf"
    config.write_text(SESSION)
    return {"TRUEFTP_KAFKA_CONFIG": str(config)}


class Door:
    """A port in front of a server, which can be shut: what is open is reset, and nothing new is taken."""

    def __init__(self, port):
        self.to, self.port = port, free_port()
        self.listener, self.pairs = None, []

    def open(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()
        return self

    def accept(self, listener):
        while True:
            try:
                here, _ = listener.accept()
                there = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                return
            self.pairs += [here, there]
            for a, b in ((here, there), (there, here)):
                threading.Thread(target=self.carry, args=(a, b), daemon=True).start()

    @staticmethod
    def carry(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for side in (a, b):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def shut(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for side in self.pairs:
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.pairs = []


# ---- the start


def test_a_start_without_redis_waits_and_says_so(stack, redis, endpoint):
    webhook = stack.webhook()
    redis.program.kill()
    worker = stack.worker(ready=False)
    assert worker.wait_fact("waiting", **{"for": "Redis"})["reason"]
    wait_until("the reason is Redis", lambda: worker.get("/readyz").text.strip() == "waiting for Redis", 30, watch=[worker])
    assert worker.get("/readyz").status == 503
    assert worker.get("/livez").status == 200
    events = events_of(10)
    stack.topics.publish(*events)
    redis.start()
    worker.wait_ready()
    stack.wait_statuses({"delivered": 10})
    assert set(endpoint.by_delivery()) == ids_of(events, webhook)


@pytest.mark.real_kafka
def test_a_start_without_kafka_waits_and_says_so(stack, own_kafka, endpoint):
    stack.webhook()
    stack.topics.publish(*events_of(10))
    own_kafka.run("stop")
    worker = stack.worker(ready=False)
    worker.wait_fact("waiting", **{"for": "Kafka"})
    assert worker.get("/readyz").status == 503
    assert worker.get("/livez").status == 200
    own_kafka.start()
    worker.wait_ready()
    stack.wait_statuses({"delivered": 10}, seconds=60)
    assert len(endpoint.posts) == 10


# ---- servers go away


@pytest.mark.real_kafka
def test_what_was_sent_while_kafka_was_away_is_recorded_when_it_is_back(stack, own_kafka, endpoint):
    """The POSTs are in flight when Kafka goes, and answered while it is away. Nothing is sent a second time."""
    webhook = stack.webhook(max_concurrency=64, timeout_ms=20000)
    held = Hold()
    endpoint.script("/hook", held)
    worker = stack.worker()
    events = events_of(16)
    for partition in range(PARTITIONS):  # four each: a new endpoint gets no more at once
        stack.topics.write_lines("events", [(ACCOUNT, json.dumps(e)) for e in events[partition::PARTITIONS]], partition=partition)
    endpoint.wait_posts(16, watch=[worker])
    own_kafka.run("kill-node", "--node", "1")
    held.release()
    wait_until("all are answered", lambda: worker.metric("trueftp_worker_posts_in_flight") == 0, 30, watch=[worker])
    assert worker.metric("trueftp_worker_records_total", 'status="delivered"') == 0
    own_kafka.run("start-node", "--node", "1")
    records = stack.wait_statuses({"delivered": 16}, seconds=90)
    assert set(records) == ids_of(events, webhook)
    assert all(len(posts) == 1 for posts in endpoint.by_delivery().values()), "recorded, not sent again"


@pytest.mark.real_kafka
def test_kafka_and_redis_away_at_once(stack, own_kafka, redis, endpoint):
    """Redis comes back with nothing, Kafka with everything."""
    webhook = stack.webhook(max_attempts=8)
    endpoint.script("/hook", Status(500), Status(200))
    worker = stack.worker(**short_session(stack), TRUEFTP_RETRY_BASE_MS="4000", TRUEFTP_RETRY_FACTOR="1")
    events = events_of(40)
    stack.topics.publish(*events)
    stack.wait_statuses({"retrying": 40})
    redis.program.kill()
    own_kafka.run("kill-node", "--node", "1")
    wait_until("the worker is not ready", lambda: worker.get("/readyz").status == 503, 30, watch=[worker])
    assert worker.get("/livez").status == 200
    own_kafka.run("start-node", "--node", "1")
    redis.start()
    records = stack.wait_statuses({"delivered": 40}, seconds=90)
    assert set(records) == ids_of(events, webhook)
    assert {r["attempt"] for r in records.values()} == {2}, "nobody's attempt was used up by our own trouble"


def test_redis_shut_off_while_events_come(stack, redis, endpoint):
    """Connections are cut and new ones refused: events wait, nothing fails, and what Redis knew is still right afterwards."""
    door = Door(redis.port).open()
    webhook = stack.webhook()
    worker = stack.worker(TRUEFTP_REDIS_URL=f"redis://127.0.0.1:{door.port}")
    before = events_of(20, "before")
    stack.topics.publish(*before)
    stack.wait_statuses({"delivered": 20})
    door.shut()
    worker.wait_fact("redis_down")
    meanwhile = events_of(30, "meanwhile")
    stack.topics.publish(*meanwhile)
    wait_until("the events were read", lambda: worker.metric("trueftp_worker_events_total") == 50, watch=[worker])
    assert len(endpoint.posts) == 20, "without a claim nothing is sent"
    assert worker.metric("trueftp_worker_events_unsettled") == 30
    door.open()
    stack.wait_statuses({"delivered": 50}, seconds=60)
    assert set(endpoint.by_delivery()) == ids_of(before + meanwhile, webhook)
    assert len(endpoint.posts) == 50


# ---- changes take effect at once


@pytest.mark.parametrize("how", ["disabled", "deleted", "free plan"])
def test_a_closed_webhook_gets_nothing_a_second_later(stack, endpoint, how):
    """Its retries come every 200 ms; they end within a second of the change's record, and so does what is scheduled for later."""
    webhook = stack.webhook(max_attempts=20)
    endpoint.script("/hook", Status(500))
    worker = stack.worker(TRUEFTP_RETRY_BASE_MS="200", TRUEFTP_RETRY_FACTOR="1")
    stack.topics.publish(*events_of(10))
    endpoint.wait_posts(20, watch=[worker])
    if how == "disabled":
        stack.definitions.change_webhook(webhook.id, enabled=False, disabled_reason="the customer asked")
    elif how == "deleted":
        stack.definitions.delete_webhook(webhook.id)
    else:
        stack.definitions.change_account(ACCOUNT, plan="free")
    topic = "accounts" if how == "free plan" else "webhooks"
    changed_s = max(stack.topics.written_s(topic))
    wait_until("a dozen more retries would have been due", lambda: time.time() > changed_s + 3, watch=[worker])
    late = [post.wall - changed_s for post in endpoint.posts if post.wall > changed_s + 1.0]
    assert not late, f"POSTs so many seconds after the change: {late}"


# ---- the end


def test_a_second_sigterm_ends_it_at_once(stack, endpoint):
    """The first one waits for what is in flight; who cannot wait says so again. Nothing is lost by it."""
    stack.webhook(timeout_ms=20000)
    held = Hold()
    endpoint.script("/hook", held)
    worker = stack.worker("hasty")
    stack.topics.publish(*events_of(4))
    endpoint.wait_posts(4, watch=[worker])
    worker.signal(signal.SIGTERM)
    worker.wait_fact("signal")
    worker.expect_running("its POSTs are in flight")
    worker.signal(signal.SIGTERM)
    assert worker.wait_end(10) == 1, worker.tail()
    assert worker.facts("stopped_at_once")
    held.release()
    stack.worker("next", ready=False)
    stack.wait_statuses({"delivered": 4}, seconds=60)


@pytest.mark.real_kafka
def test_a_worker_that_was_stopped_for_longer_than_its_session(stack, endpoint):
    """SIGSTOP, as by a frozen virtual machine: another worker takes over; the sleeper wakes, sends nothing, and takes part again."""
    webhook = stack.webhook(max_attempts=20)
    endpoint.script("/hook", Status(500), Status(200))
    settings = {**short_session(stack), "TRUEFTP_RETRY_BASE_MS": "3000", "TRUEFTP_RETRY_FACTOR": "1"}
    sleeper = stack.worker("sleeper", **settings)
    events = events_of(40)
    stack.topics.publish(*events)
    stack.wait_statuses({"retrying": 40})
    sleeper.signal(signal.SIGSTOP)
    other = stack.worker("other", ready=False, **settings)
    stack.wait_statuses({"delivered": 40}, seconds=90)
    sleeper.signal(signal.SIGCONT)
    sleeper.wait_fact("posts_held", seconds=30)
    wait_until("both share the partitions", lambda: all(w.metric("trueftp_worker_partitions_serving") > 0 for w in (sleeper, other)), 60,
               watch=[sleeper, other])
    assert all(len(posts) == 2 for posts in endpoint.by_delivery().values()), "nothing was sent again"
    assert set(endpoint.by_delivery()) == ids_of(events, webhook)


def test_it_ends_when_redis_has_answered_that_everything_is_given_back(stack, redis, endpoint):
    """Redis hangs for a moment as the worker ends: what it gives back would stand there as left behind by a dead owner."""
    stack.webhook()
    worker = stack.worker()
    stack.topics.publish(*events_of(5))
    stack.wait_statuses({"delivered": 5})
    redis.program.signal(signal.SIGSTOP)
    try:
        worker.signal(signal.SIGTERM)
        time.sleep(1.5)
        assert worker.running(), "it ended while the answer was still awaited"
    finally:
        redis.program.signal(signal.SIGCONT)
    assert worker.wait_end(20) == 0
