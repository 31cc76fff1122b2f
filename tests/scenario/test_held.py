"""Paused webhooks and downgraded accounts: deliveries wait, none is sent, none is lost."""

from harness.contract import delivery_id, make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until


def events_of(count, word, account=ACCOUNT):
    return [make_event(account, f"/{word}-{n}.csv") for n in range(count)]


def ids_of(events, webhook):
    return {delivery_id(event["event_id"], webhook.id) for event in events}


def wait_held(stack, ids, why):
    records = stack.wait_deliveries(
        lambda found: {key for key, r in found.items() if r.get("held_at")} == ids, f"{len(ids)} deliveries are held"
    )
    held = [records[key] for key in ids]
    assert {(r["status"], r["detail"]) for r in held} == {("parked", f"held: {why}")}
    assert all(r["body"] and r["next_attempt_at"] > r["updated_at"] for r in held)
    return held


def wait_delivered(stack, ids, seconds=30):
    return stack.wait_deliveries(
        lambda found: {key for key, r in found.items() if r["status"] == "delivered"} >= ids, f"{len(ids)} deliveries are made", seconds
    )


def retrying(stack, endpoint, count):
    """A webhook with so many retries that wait, and the worker."""
    webhook = stack.webhook(max_attempts=5)
    endpoint.script("/hook", Status(500))
    worker = stack.worker(TRUEFTP_RETRY_BASE_MS="60000", TRUEFTP_RETRY_MAX_MS="60000")
    events = events_of(count, "first")
    stack.topics.publish(*events)
    stack.wait_statuses({"retrying": count})
    endpoint.script("/hook", Status(200))
    return webhook, worker, events


def test_what_is_scheduled_and_what_comes_is_held_and_sent_when_it_is_resumed(stack, endpoint):
    webhook, worker, first = retrying(stack, endpoint, 5)
    stack.definitions.change_webhook(webhook.id, enabled=False)
    wait_held(stack, ids_of(first, webhook), "the webhook is paused")
    second = events_of(20, "second")
    stack.topics.publish(*second)
    wait_held(stack, ids_of(first + second, webhook), "the webhook is paused")
    assert len(endpoint.posts) == 5, "a paused webhook was sent to"
    assert worker.metric("trueftp_worker_held_total") == 25
    wait_until("the gauge shows them", lambda: worker.metric("trueftp_worker_deliveries_held") == 25, watch=[worker])

    stack.definitions.change_webhook(webhook.id, enabled=True)
    records = wait_delivered(stack, ids_of(first + second, webhook))
    wait_until("the gauge shows none", lambda: worker.metric("trueftp_worker_deliveries_held") == 0, watch=[worker])
    assert len(endpoint.posts) == 30, "each once more, and not when its retry would have been due"
    assert not any(r.get("held_at") or r.get("detail") for r in records.values())


def test_a_pause_that_ends_while_no_worker_runs(stack, redis, endpoint):
    """Nobody hears of it: the index tells the next worker what is held. So does the log, when the index is empty."""
    webhook, worker, events = retrying(stack, endpoint, 3)
    stack.definitions.change_webhook(webhook.id, enabled=False)
    wait_held(stack, ids_of(events, webhook), "the webhook is paused")
    assert worker.stop() == 0
    stack.definitions.change_webhook(webhook.id, enabled=True)
    redis.command("FLUSHALL")
    stack.worker("next")
    wait_delivered(stack, ids_of(events, webhook), 60)


def test_what_is_held_for_a_webhook_that_is_deleted_is_cancelled(stack, endpoint):
    webhook, _worker, events = retrying(stack, endpoint, 5)
    stack.definitions.change_webhook(webhook.id, enabled=False)
    wait_held(stack, ids_of(events, webhook), "the webhook is paused")
    stack.definitions.delete_webhook(webhook.id)
    records = stack.wait_statuses({"cancelled": 5})
    assert {r["detail"] for r in records.values()} == {"the webhook was deleted"}
    assert len(endpoint.posts) == 5


def test_a_free_plan_gets_no_deliveries_and_loses_none(stack, endpoint):
    """An account goes down to the free plan and comes back; another that pays is served meanwhile."""
    stack.definitions.account("acc_paid")
    webhook = stack.webhook("/free")
    stack.webhook("/paid", account="acc_paid")
    worker = stack.worker()
    stack.definitions.change_account(ACCOUNT, plan="free")
    probes = []

    def a_probe_is_held():
        probes.append(make_event(ACCOUNT, "/probe.csv"))
        stack.topics.publish(probes[-1])
        return worker.metric("trueftp_worker_held_total") > 0

    wait_until("the free plan is known", a_probe_is_held, every=0.2, watch=[worker])
    before = len(endpoint.posts_to("/free"))
    events = events_of(20, "free")
    stack.topics.publish(*events, *events_of(20, "paid", "acc_paid"))
    endpoint.wait_posts(20, "/paid", watch=[worker])
    stack.wait_deliveries(
        lambda found: {key for key, r in found.items() if r.get("held_at")} >= ids_of(events, webhook), "20 deliveries are held"
    )
    assert len(endpoint.posts_to("/free")) == before

    stack.definitions.change_account(ACCOUNT, plan="pro")
    wait_delivered(stack, ids_of(events + probes, webhook))
