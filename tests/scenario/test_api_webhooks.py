"""Webhooks over the API: what a client writes it can read, on every replica; two who change one webhook never overwrite each other
unseen; workers follow."""

import concurrent.futures
import json

import pytest
from harness.api import eventually, new_account, new_key, start_api
from harness.contract import check_signature, make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT


@pytest.fixture
def api(stack):
    return start_api(stack)


@pytest.fixture
def client(api):
    return api.client(new_key(api, ACCOUNT))


def test_a_webhook_from_creation_to_deletion(client, endpoint):
    made = client.post("/webhooks", {"url": endpoint.url("/hook"), "events": ["file.uploaded"], "description": "orders"})
    webhook = made.body
    assert webhook["secret"].startswith("whsec_") and webhook["version"] == 1 and made.headers["ETag"] == '"1"'
    assert made.headers["Location"].endswith(webhook["id"])
    path = f"/webhooks/{webhook['id']}"
    shown = client.get(path)
    assert "secret" not in shown.body, "a secret is shown once"
    assert shown.body == {name: value for name, value in webhook.items() if name != "secret"}
    assert client.get("/webhooks").body == {"data": [shown.body], "next_cursor": None}
    changed = client.patch(path, {"max_attempts": 7}, If_Match='"1"')
    assert (changed.body["max_attempts"], changed.body["version"], changed.headers["ETag"]) == (7, 2, '"2"')
    assert client.patch(path, {"max_attempts": 8}, 412, If_Match='"1"').body["code"] == "version_conflict"
    client.delete(path, 412, If_Match='"1"')
    client.delete(path, If_Match='"2"')
    assert client.get(path, 404).body["code"] == "not_found"
    assert client.get("/webhooks").body["data"] == []


def test_each_wrong_field_is_named(client):
    body = {
        "url": "https://10.0.0.1/",
        "events": ["file.uploaded", "file.eaten"],
        "path_patterns": [7],
        "max_attempts": 0,
        "timeout_ms": "long",
        "headers": [],
        "signature": "md5",
        "enabled": 1,
        "colour": "red",
    }
    refused = client.post("/webhooks", body, 422).body
    assert refused["code"] == "validation_failed"
    named = {error["field"] for error in refused["errors"]}
    assert named == {"url", "events[1]", "path_patterns[0]", "max_attempts", "timeout_ms", "headers", "signature", "enabled", "colour"}
    url = {"url": "http://127.0.0.1:9/x"}
    [error] = client.post("/webhooks", {**url, "headers": {"Host": "x"}}, 422).body["errors"]
    assert error["field"] == "headers"
    [error] = client.post("/webhooks", {}, 422).body["errors"]
    assert (error["field"], error["code"]) == ("url", "required")


def test_a_target_inside_is_refused_at_once(client):
    for url in ("http://169.254.169.254/latest", "http://localhost/", "http://[::1]/", "ftp://example.com/", "http://user@example.com/"):
        [error] = client.post("/webhooks", {"url": url}, 422).body["errors"]
        assert (error["field"], error["code"]) == ("url", "refused")


def test_a_repeated_creation_makes_nothing_new_on_any_replica(stack, api, client, endpoint):
    other = start_api(stack, "other")
    body = {"url": endpoint.url("/hook")}
    first = client.post("/webhooks", body, Idempotency_Key="order-7")
    again = client.post("/webhooks", body, 200, Idempotency_Key="order-7")
    assert again.headers["Idempotent-Replayed"] == "true" and again.body["id"] == first.body["id"]
    assert "secret" not in again.body
    elsewhere = other.client(client.token).post("/webhooks", body, 200, Idempotency_Key="order-7")
    assert elsewhere.body["id"] == first.body["id"]
    refused = client.post("/webhooks", {**body, "max_attempts": 1}, 409, Idempotency_Key="order-7")
    assert refused.body["code"] == "idempotency_conflict"
    assert len(client.get("/webhooks").body["data"]) == 1


def test_two_replicas_told_the_same_at_once_make_one_webhook(stack, api, client, endpoint):
    clients = [client, start_api(stack, "other").client(client.token)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda c: c.ask("POST", "/webhooks", {"url": endpoint.url("/hook")}, Idempotency_Key="one"), clients))
    assert {reply.status for reply in replies} <= {200, 201} and sum(reply.status == 201 for reply in replies) == 1
    assert len({reply.body["id"] for reply in replies}) == 1


def test_of_two_changes_at_once_one_wins_and_the_other_is_told(stack, api, client, endpoint):
    """Over and over: each round both replicas change the version they have just read."""
    clients = [client, start_api(stack, "other").client(client.token)]
    path = "/webhooks/" + client.post("/webhooks", {"url": endpoint.url("/hook")}).body["id"]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(8):
            version = client.get(path).body["version"]
            eventually("both have it", lambda: clients[1].ask("GET", path), lambda r, v=version: r.status == 200 and r.body["version"] == v)
            changes = [(c, {"description": f"{number} by {who}"}) for who, c in enumerate(clients)]
            replies = list(pool.map(lambda change, p=path, v=version: change[0].ask("PATCH", p, change[1], If_Match=f'"{v}"'), changes))
            assert sorted(reply.status for reply in replies) == [200, 412], replies
            winner = next(reply for reply in replies if reply.status == 200).body["description"]
            for c in clients:
                eventually("the winner is there", lambda c=c: c.get(path), lambda r, w=winner: r.body["description"] == w)
            # The loser's repair makes one more version, of the winner's content.
            for c in clients:
                eventually("the log's end is the winner", lambda c=c: c.get(path), lambda r, v=version: r.body["version"] > v + 1)
    last = [record for record in stack.topics.read("webhooks") if record.key == path.rsplit("/", 1)[1]][-1]
    assert json.loads(last.value)["description"] == client.get(path).body["description"]


def test_what_one_replica_was_told_the_others_know_within_a_second(stack, api, client, endpoint):
    other = start_api(stack, "other").client(client.token)
    for number in range(5):
        path = "/webhooks/" + client.post("/webhooks", {"url": endpoint.url(f"/{number}")}).body["id"]
        eventually("the other replica shows it", lambda p=path: other.ask("GET", p), lambda r: r.status == 200, seconds=1.0)
        client.delete(path)
        assert client.ask("GET", path).status == 404
        eventually("the other replica has forgotten it", lambda p=path: other.ask("GET", p), lambda r: r.status == 404, seconds=1.0)


def test_a_worker_follows_without_a_restart(stack, api, client, endpoint):
    worker = stack.worker()
    made = client.post("/webhooks", {"url": endpoint.url("/hook"), "max_attempts": 5}).body
    stack.topics.publish(make_event(ACCOUNT, "/first"))
    [post] = endpoint.wait_posts(1, watch=[worker])
    check_signature(post, made["secret"])
    endpoint.script("/hook", Status(503))
    stack.topics.publish(make_event(ACCOUNT, "/second"))
    stack.wait_statuses({"delivered": 1, "retrying": 1})
    client.delete(f"/webhooks/{made['id']}")
    stack.wait_statuses({"delivered": 1, "cancelled": 1})


def test_a_disabled_webhook_ends_its_retries(stack, api, client, endpoint):
    stack.worker()
    endpoint.script("/hook", Status(503))
    made = client.post("/webhooks", {"url": endpoint.url("/hook"), "max_attempts": 5}).body
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    stack.wait_statuses({"retrying": 1})
    shown = client.patch(f"/webhooks/{made['id']}", {"enabled": False, "disabled_reason": "moving house"}).body
    assert (shown["enabled"], shown["disabled_reason"]) == (False, "moving house")
    stack.wait_statuses({"cancelled": 1})
    assert client.patch(f"/webhooks/{made['id']}", {"enabled": True}).body["disabled_reason"] is None


def test_both_secrets_sign_during_a_rotation(stack, api, client, endpoint):
    worker = stack.worker()
    made = client.post("/webhooks", {"url": endpoint.url("/hook")}).body
    rotated = client.post(f"/webhooks/{made['id']}/rotate-secret", {"overlap_s": 600}, 200).body
    assert rotated["secret"] != made["secret"] and rotated["previous_expires_at"] and rotated["version"] == 2
    assert len(client.get(f"/webhooks/{made['id']}").body["secrets"]) == 2
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    [post] = endpoint.wait_posts(1, watch=[worker])
    check_signature(post, rotated["secret"])
    assert post.header("X-TrueFTP-Signature-Previous")


def test_a_test_delivery_says_that_it_is_one(stack, api, client, endpoint):
    worker = stack.worker()
    made = client.post("/webhooks", {"url": endpoint.url("/hook"), "events": ["dir.created"]}).body
    accepted = client.post(f"/webhooks/{made['id']}/test", {"event": "file.uploaded", "path": "/try/it.csv"}, 202).body
    [post] = endpoint.wait_posts(1, watch=[worker])
    assert (post.json["event"], post.json["data"]["path"], post.json["data"]["test"]) == ("file.uploaded", "/try/it.csv", True)
    assert post.delivery_id == accepted["delivery_id"]
    refused = [client.ask("POST", f"/webhooks/{made['id']}/test", {}) for _ in range(6)][-1]
    assert refused.status == 429 and int(refused.headers["Retry-After"]) >= 1


def test_webhooks_are_for_paid_plans(api, endpoint):
    account, key = new_account(api, plan="free")
    client = api.client(key)
    assert client.post("/webhooks", {"url": endpoint.url("/hook")}, 403).body["code"] == "plan_required"
    api.admin().patch(f"/accounts/{account}", {"plan": "pro", "limits": {"webhooks": 1}})
    made = client.post("/webhooks", {"url": endpoint.url("/hook")}).body
    assert client.post("/webhooks", {"url": endpoint.url("/hook")}, 403).body["code"] == "webhook_limit"
    api.admin().patch(f"/accounts/{account}", {"plan": "free"})
    assert client.get(f"/webhooks/{made['id']}").body["paused"] is True, "nothing is lost of it"
    assert client.post(f"/webhooks/{made['id']}/test", {}, 403).body["code"] == "plan_required"
