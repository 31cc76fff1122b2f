"""A tenant's data is erased from the delivery log; the worker that owns the partitions goes on as if it had always been so."""

import json

from harness.contract import make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT

OTHER = "acc_other"


def test_purging_an_account(stack, endpoint):
    stack.definitions.account(OTHER)
    stack.webhook(path="/ours", max_attempts=1)
    stack.webhook(path="/theirs", account=OTHER)
    endpoint.script("/ours", Status(200), Status(500))
    worker = stack.worker()
    stack.topics.publish(*[make_event(ACCOUNT, f"/secret-{number}") for number in range(5)], make_event(OTHER, "/theirs"))
    kept = stack.wait_deliveries(lambda found: len(found) == 6 and not any(r["status"] == "retrying" for r in found.values()), "all ended")

    assert json.loads(stack.ctl("log", "purge", "--account", ACCOUNT, "--dry-run", "--output", "json")) == {"purged": 5, "dry_run": True}
    assert stack.topics.last_deliveries() == kept
    assert "5 deliveries purged" in stack.ctl("log", "purge", "--account", ACCOUNT)

    records = [record for record in stack.topics.read("deliveries") if not record.key.startswith("!")]
    purged = [json.loads(record.value) for record in records if record.value and json.loads(record.value)["status"] == "purged"]
    assert {record["delivery_id"] for record in purged} == {key for key, record in kept.items() if record["account_id"] == ACCOUNT}
    for record in purged:
        assert record["revision"] > kept[record["delivery_id"]]["revision"]
        assert record["path"] == "" and record["attempts"] == [] and "body" not in record
    for key, record in kept.items():
        own = [r.value for r in records if r.key == key]
        assert (not own[-1]) == (record["account_id"] == ACCOUNT), "a tombstone is last, for its deliveries alone"
    assert "0 deliveries purged" in stack.ctl("log", "purge", "--account", ACCOUNT)

    stack.topics.publish(make_event(ACCOUNT, "/afterwards"))
    endpoint.wait_posts(6, path="/ours", watch=[worker])


def test_open_deliveries_are_not_purged(stack, endpoint):
    stack.webhook(max_attempts=5)
    endpoint.script("/hook", Status(500))
    stack.worker(TRUEFTP_RETRY_BASE_MS="600000", TRUEFTP_RETRY_MAX_MS="600000")
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    stack.wait_statuses({"retrying": 1})
    refused = stack.ctl_run("log", "purge", "--account", ACCOUNT)
    assert refused.returncode == 1 and b"1 of its deliveries are open" in refused.stderr
    stack.wait_statuses({"retrying": 1})
