"""One key of a partition's index in Redis is deleted by itself, as an eviction or a person would: it is noticed within seconds, the index is
built again from the log, and nothing is lost."""

import pytest
from harness.contract import delivery_id, make_event
from harness.endpoint import Hold, Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until

EVENTS = 4
DELETE = "local keys = redis.call('KEYS', '*:' .. ARGV[1]) for _, key in ipairs(keys) do redis.call('DEL', key) end return #keys"


def ids_of(events, webhook):
    return {delivery_id(event["event_id"], webhook.id) for event in events}


def delete_alone(redis, name):
    """In each partition; in how many it was."""
    return int(redis.command("EVAL", DELETE, "0", name))


def taken(worker):
    return worker.metric("trueftp_worker_partition_changes_total", 'state="taking"')


def wait_delivered(stack, ids):
    stack.wait_deliveries(lambda found: {key for key, r in found.items() if r["status"] == "delivered"} >= ids, f"{len(ids)} deliveries are made", 60)


@pytest.mark.parametrize("key", ["m", "due", "inf", "pl", "low", "held"])
def test_a_key_that_is_deleted_alone(stack, redis, endpoint, key):
    """Some retries wait, some are being sent, and some deliveries are held."""
    hold = Hold()
    waiting, flying, paused = stack.webhook("/waiting", max_attempts=5), stack.webhook("/flying", max_attempts=5), stack.webhook("/paused")
    endpoint.script("/waiting", Status(500), Status(500), Status(200))
    endpoint.script("/flying", Status(500), hold)
    stack.definitions.change_webhook(paused.id, enabled=False)
    worker = stack.worker(TRUEFTP_RETRY_BASE_MS="2500")
    events = [make_event(ACCOUNT, f"/k-{n}.csv") for n in range(EVENTS)]
    stack.topics.publish(*events)
    wait_until("some are in hand", lambda: len(endpoint.posts_to("/flying")) == 2 * EVENTS, watch=[worker])
    wait_until("some wait", lambda: len(endpoint.posts_to("/waiting")) == 2 * EVENTS, watch=[worker])
    wait_until("some are held", lambda: worker.metric("trueftp_worker_deliveries_held") == EVENTS, watch=[worker])

    before = taken(worker)
    assert delete_alone(redis, key) > 0
    wait_until("it is noticed", lambda: taken(worker) > before, 10, watch=[worker])
    hold.release()
    wait_delivered(stack, ids_of(events, waiting) | ids_of(events, flying))
    assert len(endpoint.posts_to("/waiting")) == 3 * EVENTS
    assert len(endpoint.posts_to("/flying")) == 2 * EVENTS
    assert worker.metric("trueftp_worker_deliveries_held") == EVENTS
    stack.definitions.change_webhook(paused.id, enabled=True)
    wait_delivered(stack, ids_of(events, paused))


def test_the_list_of_what_is_held_is_deleted_while_no_worker_runs(stack, redis, endpoint):
    """The next worker notices when it takes the index: nobody else knows that the webhook was resumed."""
    webhook = stack.webhook()
    stack.definitions.change_webhook(webhook.id, enabled=False)
    worker = stack.worker()
    events = [make_event(ACCOUNT, f"/h-{n}.csv") for n in range(EVENTS)]
    stack.topics.publish(*events)
    wait_until("all are held", lambda: worker.metric("trueftp_worker_deliveries_held") == EVENTS, watch=[worker])
    assert worker.stop() == 0
    stack.definitions.change_webhook(webhook.id, enabled=True)
    assert delete_alone(redis, "held") > 0
    stack.worker("next")
    wait_delivered(stack, ids_of(events, webhook))
