"""Webhooks that are of no use any more: gone, or failing for longer than anybody could want."""

import json
import time

from harness.contract import make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until

GONE = "the endpoint answered 410 Gone"
DAY_S = 24 * 3600


def disabled_events(stack):
    """webhook.disabled events in the events topic."""
    events = [json.loads(record.value) for record in stack.topics.read("events")]
    return [event for event in events if event["event"] == "webhook.disabled"]


def wait_disabled(stack, seconds=20.0):
    events = wait_until("webhook.disabled is published", lambda: disabled_events(stack), seconds, every=0.2, watch=stack.running())
    assert len(events) == 1
    return events[0]


def mark_key(stack, webhook, version=1):
    return f"{{{stack.topics.name('events')}}}:failing:{webhook.id}:{version}"


def test_an_endpoint_that_is_gone_is_left_alone(stack, endpoint):
    """410: nothing more is sent, also no retry; those who want to know are told, and a new definition makes it good again."""
    webhook = stack.webhook(events="file.uploaded", max_attempts=5)
    stack.webhook(path="/watch", events="webhook.disabled")
    endpoint.script("/hook", Status(500))
    worker = stack.worker(TRUEFTP_RETRY_BASE_MS="600000", TRUEFTP_RETRY_MAX_MS="600000")
    stack.topics.publish(make_event(ACCOUNT, "/first"))
    stack.wait_statuses({"retrying": 1})
    endpoint.script("/hook", Status(410))
    stack.topics.publish(make_event(ACCOUNT, "/second"))

    [told] = endpoint.wait_posts(1, path="/watch", watch=stack.running())
    event = wait_disabled(stack)
    assert told.json["event"] == "webhook.disabled"
    assert told.json["data"] == event["data"]
    assert {name: event["data"][name] for name in ("webhook_id", "reason", "version")} == {
        "webhook_id": webhook.id,
        "reason": "gone",
        "version": 1,
    }
    worker.wait_fact("webhook_gone", webhook_id=webhook.id)

    stack.topics.publish(make_event(ACCOUNT, "/third"))
    records = stack.wait_deliveries(
        lambda found: len(found) == 4 and not any(r["status"] in ("retrying", "parked") for r in found.values()), "all have ended"
    )
    by_path = {record["path"]: record for record in records.values() if record["webhook_id"] == webhook.id}
    assert {path: record["status"] for path, record in by_path.items()} == {"/first": "cancelled", "/second": "failed", "/third": "cancelled"}
    assert {record["detail"] for record in by_path.values()} == {GONE}
    assert len(endpoint.posts_to("/hook")) == 2, "one attempt of the first, one of the second"
    assert worker.metric("trueftp_worker_webhooks_disabled_total", 'reason="gone"') == 1

    endpoint.script("/hook", Status(200))
    stack.definitions.change_webhook(webhook.id, description="moved back")
    wait_until("the new definition is in use", lambda: send_and_see(stack, endpoint), every=0.5, watch=stack.running())


def send_and_see(stack, endpoint):
    stack.topics.publish(make_event(ACCOUNT, "/again"))
    time.sleep(0.3)
    return len(endpoint.posts_to("/hook")) > 2


def test_nothing_but_failures_is_warned_about_and_told(stack, endpoint):
    """The whole time in seconds; attempts go on, since a definition is the API's to change."""
    webhook = stack.webhook(events="file.uploaded", max_attempts=20)
    endpoint.script("/hook", Status(500))
    worker = stack.worker(TRUEFTP_DISABLE_AFTER_S="8", TRUEFTP_RETRY_BASE_MS="600", TRUEFTP_RETRY_FACTOR="1")
    began = time.time()
    for number in range(3):
        stack.topics.publish(make_event(ACCOUNT, f"/{number}"))
    event = wait_disabled(stack, 30)
    assert time.time() - began >= 8
    assert (event["data"]["webhook_id"], event["data"]["reason"]) == (webhook.id, "failing")
    assert [fact["percent"] for fact in worker.facts("webhook_failing")] == [50, 70, 90]
    assert [worker.metric("trueftp_worker_webhook_warnings_total", f'stage="{n}"') for n in (50, 70, 90)] == [1, 1, 1]
    assert worker.metric("trueftp_worker_webhooks_disabled_total", 'reason="failing"') == 1
    so_far = len(endpoint.posts_to("/hook"))
    endpoint.wait_posts(so_far + 1, watch=stack.running())
    assert len(disabled_events(stack)) == 1, "told once"


def test_a_success_ends_the_time_of_failures(stack, endpoint, redis):
    webhook = stack.webhook(max_attempts=1)
    endpoint.script("/hook", Status(500))
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/fails"))
    first = wait_until("the failure is marked", lambda: redis.command("EXISTS", mark_key(stack, webhook)) == "1", watch=stack.running())
    assert first
    endpoint.script("/hook", Status(200))
    stack.topics.publish(make_event(ACCOUNT, "/works"))
    wait_until("the mark is gone", lambda: redis.command("EXISTS", mark_key(stack, webhook)) == "0", watch=stack.running())


def test_the_time_of_failures_outlives_the_worker(stack, endpoint, redis):
    """What an earlier worker has marked counts: six days of failures, and one more now."""
    webhook = stack.webhook(max_attempts=1)
    since_ms = int((time.time() - 6 * DAY_S) * 1000)
    redis.command("SET", mark_key(stack, webhook), str(since_ms))
    endpoint.script("/hook", Status(503))
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    event = wait_disabled(stack)
    assert event["data"]["reason"] == "failing"
    assert event["data"]["since"] == time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_ms // 1000)) + f".{since_ms % 1000:03d}Z"


def test_two_workers_tell_it_once(stack, endpoint):
    """Each finds it by itself, and makes the same event: whoever watches is called once."""
    stack.webhook(events="file.uploaded", max_attempts=1)
    stack.webhook(path="/watch", events="webhook.disabled")
    endpoint.script("/hook", Status(410))
    first, second = stack.worker("one"), stack.worker("two")
    wait_until("both serve", lambda: all(w.metric("trueftp_worker_partitions_serving") == 2 for w in (first, second)), 60)
    stack.topics.publish(*[make_event(ACCOUNT, f"/{number}") for number in range(40)])
    wait_until("both have found it", lambda: all(w.facts("webhook_gone") for w in (first, second)), watch=stack.running())
    stack.wait_deliveries(
        lambda found: len(found) == 41 and not any(r["status"] in ("retrying", "parked") for r in found.values()), "all have ended"
    )
    assert len({event["event_id"] for event in disabled_events(stack)}) == 1
    assert len({post.delivery_id for post in endpoint.posts_to("/watch")}) == len(endpoint.posts_to("/watch")) == 1
