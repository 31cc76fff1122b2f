"""Poison: a delivery that whoever has it in hand dies of. It must not take the workers down for ever, nor what is beside it."""

import json

from harness.contract import delivery_id, make_event
from harness.stack import ACCOUNT

DEATHS = 5


def short_sessions(stack):
    """A dead member is missed soon."""
    config = stack.folder / "kafka.conf"
    config.write_text("session.timeout.ms=4000\nheartbeat.interval.ms=500\n")
    return {"TRUEFTP_KAFKA_CONFIG": str(config)}


def test_a_delivery_that_kills_five_workers_is_a_dead_letter(stack, endpoint):
    webhook = stack.webhook()
    quick = short_sessions(stack)
    event = make_event(ACCOUNT, "/poison.csv")
    stack.topics.publish(event)
    for number in range(DEATHS):
        worker = stack.worker(f"dies-{number}", ready=False, TRUEFTP_CRASH_AT="before_post:1", **quick)
        assert worker.wait_end(120) == -9, worker.tail()
    worker = stack.worker("lives", ready=False, **quick)

    [(found, record)] = stack.wait_statuses({"failed": 1}, seconds=120).items()
    assert found == delivery_id(event["event_id"], webhook.id)
    assert record["attempt"] == 0 and "poison" in record["detail"] and record["body"]
    assert not endpoint.posts
    worker.wait_fact("delivery_is_poison", delivery_id=found, level="error")
    assert worker.metric("trueftp_worker_poison_total") == 1
    [letter] = [json.loads(line) for line in stack.ctl("dlq", "list", "--output", "json").splitlines()]
    assert letter["code"] == "poison" and "5 workers" in letter["reason"]
    assert json.loads(letter["value"])["target"] == {
        "webhook_id": webhook.id,
        "reason": "redeliver",
        "generation": 1,
        "original_delivery_id": found,
    }

    # Whatever killed the workers is mended: it is sent after all.
    assert "1 reinjected" in stack.ctl("dlq", "reinject", "--all", "--code", "poison")
    [post] = endpoint.wait_posts(1, watch=[worker])
    assert post.json["data"] == event["data"] and post.delivery_id == delivery_id(event["event_id"], webhook.id, 1)
    stack.wait_statuses({"failed": 1, "delivered": 1})
