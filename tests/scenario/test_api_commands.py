"""Sending again: one delivery, a range of them; what workers find out about a webhook comes back as its definition."""

import datetime

import pytest
from harness.api import eventually, new_key, start_api
from harness.contract import delivery_id, make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT


@pytest.fixture
def api(stack):
    return start_api(stack)


@pytest.fixture
def client(api):
    return api.client(new_key(api, ACCOUNT))


def make_webhook(client, endpoint, path="/hook", **members):
    return client.post("/webhooks", {"url": endpoint.url(path), **members}).body


def shown(client, webhook, status, count=1):
    """Waits until the view shows so many deliveries of that status."""
    path = f"/webhooks/{webhook['id']}/deliveries?status={status}&limit=100"
    return eventually(f"{count} {status}", lambda: client.ask("GET", path), lambda r: len(r.body.get("data", [])) == count).body["data"]


def ago(seconds):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_failed_delivery_is_sent_again_as_the_next_generation(stack, client, endpoint):
    stack.worker()
    webhook = make_webhook(client, endpoint, max_attempts=1)
    endpoint.script("/hook", Status(500))
    event = make_event(ACCOUNT, "/in/\u00fcber order.csv")
    stack.topics.publish(event)
    [failed] = shown(client, webhook, "failed")
    endpoint.script("/hook", Status(200))
    path = f"/webhooks/{webhook['id']}/deliveries/{failed['delivery_id']}"
    accepted = client.post(path + "/redeliver", None, 202).body
    assert accepted["delivery_id"] == delivery_id(event["event_id"], webhook["id"], 1)
    assert (accepted["generation"], accepted["original_delivery_id"]) == (1, failed["delivery_id"])
    [delivered] = shown(client, webhook, "delivered")
    assert delivered["delivery_id"] == accepted["delivery_id"]
    first, second = endpoint.posts_to("/hook")
    assert second.json["data"] == first.json["data"] and second.json["timestamp"] == first.json["timestamp"]
    history = client.get(path).body["history"]
    assert [(d["generation"], d["status"]) for d in history] == [(0, "failed"), (1, "delivered")]
    # A delivered one again: its body is read back from the events.
    again = client.post(f"/webhooks/{webhook['id']}/deliveries/{delivered['delivery_id']}/redeliver", None, 202).body
    assert again["generation"] == 2
    endpoint.wait_posts(3, watch=stack.running())
    client.post(f"/webhooks/{webhook['id']}/deliveries/{webhook['id']}/redeliver", None, 404)


def test_a_range_is_recovered_and_any_replica_tells_how_far(stack, api, client, endpoint):
    other = start_api(stack, "other").client(client.token)
    stack.worker()
    webhook = make_webhook(client, endpoint, max_attempts=1)
    endpoint.script("/hook", Status(500))
    stack.topics.publish(*[make_event(ACCOUNT, f"/{number}") for number in range(25)])
    failed = shown(client, webhook, "failed", 25)
    again = client.post(f"/webhooks/{webhook['id']}/deliveries/{failed[0]['delivery_id']}/redeliver", None, 202).body
    shown(client, webhook, "failed", 26)  # sent again, and failed again
    endpoint.script("/hook", Status(200))
    started = client.post(f"/webhooks/{webhook['id']}/recover", {"since": ago(3600)}, 202)
    path = f"/webhooks/{webhook['id']}/recoveries/{started.body['recovery_id']}"
    for replica in (client, other):
        done = eventually("it is done", lambda r=replica: r.ask("GET", path), lambda r: r.body.get("state") == "done").body
        assert (done["total"], done["sent"], done["skipped"]) == (25, 25, 0), "each event once"
    delivered = shown(client, webhook, "delivered", 25)
    assert [d["generation"] for d in delivered if d["original_delivery_id"] == again["original_delivery_id"]] == [2]
    repeated = client.post(f"/webhooks/{webhook['id']}/recover", {"since": ago(3600)}, 202).body["recovery_id"]
    path = f"/webhooks/{webhook['id']}/recoveries/{repeated}"
    assert eventually("it is done", lambda: client.ask("GET", path), lambda r: r.body["state"] == "done").body["sent"] == 0
    actions = lambda: [entry["action"] for entry in client.get("/audit").body["data"]]  # noqa: E731
    told = eventually("both are on record", actions, lambda a: a.count("recovery.end") == 2)
    assert told.count("recovery.start") == 2 and "recovery.progress" not in told


def test_a_webhook_that_answers_410_is_disabled(stack, api, client, endpoint):
    other = start_api(stack, "other").client(client.token)
    stack.worker()
    webhook = make_webhook(client, endpoint)
    endpoint.script("/hook", Status(410))
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    for replica in (client, other):
        gone = eventually("it is disabled", lambda r=replica: r.get(f"/webhooks/{webhook['id']}"), lambda r: not r.body["enabled"]).body
        assert (gone["disabled_reason"], gone["version"]) == ("gone", 2)
    assert client.post(f"/webhooks/{webhook['id']}/test", {}, 409).body["code"] == "webhook_disabled"
    assert client.patch(f"/webhooks/{webhook['id']}", {"enabled": True}).body["enabled"]


def test_a_webhook_that_fails_for_too_long_is_disabled_also_by_a_replica_that_was_down(stack, api, client, endpoint):
    stack.worker(TRUEFTP_DISABLE_AFTER_S="1")
    webhook = make_webhook(client, endpoint, max_attempts=20)
    endpoint.script("/hook", Status(500))
    port = api.port
    assert api.stop() == 0
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    stack.wait_deliveries(lambda records: any(r["attempt"] >= 4 for r in records.values()), "it has failed for a while")
    said = lambda: any('"webhook.disabled"' in record.value for record in stack.topics.read("events"))
    eventually("the worker has said so", said, bool, seconds=20)
    api.settings["TRUEFTP_API_LISTEN"] = f"127.0.0.1:{port}"
    api.start()
    api.wait_ready()
    eventually("it is disabled", lambda: client.ask("GET", f"/webhooks/{webhook['id']}"), lambda r: r.body.get("disabled_reason") == "failing")
