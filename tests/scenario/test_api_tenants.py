"""Accounts and keys: who may do what, and that nobody ever sees another's things."""

import datetime
import json
import pathlib
import re
import uuid

import pytest
from harness.api import ADMIN_TOKEN, EXT, eventually, new_account, new_key, start_api
from harness.contract import make_event
from harness.stack import ACCOUNT

DESCRIPTION = pathlib.Path(__file__).resolve().parents[2] / "api/openapi.json"


@pytest.fixture
def api(stack):
    return start_api(stack)


def described(prefix):
    """(method, path, operation) of every call below the prefix."""
    paths = json.loads(DESCRIPTION.read_text())["paths"]
    return [(m.upper(), p, op) for p, ops in paths.items() if p.startswith(prefix) for m, op in ops.items()]


def test_an_account_from_creation_to_its_last_key(api):
    admin = api.admin()
    account = f"acc_{uuid.uuid4().hex[:8]}"
    made = admin.post("/accounts", {"id": account, "name": "Acme", "plan": "starter"})
    assert (made.body["paid"], made.body["limits"]) == (True, {"webhooks": 10, "events_per_second": 20})
    admin.post("/accounts", {"id": account}, 409)
    changed = admin.patch(f"/accounts/{account}", {"pool": "acme", "limits": {"webhooks": 3}}, If_Match=made.headers["ETag"])
    assert (changed.body["pool"], changed.body["limits"]["webhooks"], changed.body["version"]) == ("acme", 3, 2)
    admin.patch(f"/accounts/{account}", {"name": "x"}, 412, If_Match=made.headers["ETag"])
    wrong = admin.patch(f"/accounts/{account}", {"plan": "gold", "pool": "dlq", "limits": {"webhooks": -1, "x": 1}, "id": "y"}, 422).body
    assert {e["field"] for e in wrong["errors"]} == {"plan", "pool", "limits.webhooks", "limits.x", "id"}
    key = admin.post(f"/accounts/{account}/keys", {"description": "ci", "scopes": ["read"]}).body
    client = api.client(key["key"])
    assert client.get("/account").body["key"]["scopes"] == ["read"]
    listed = admin.get(f"/accounts/{account}/keys").body["data"]
    assert "key" not in listed[0] and listed[0]["last_used_at"], "shown once; its use is known"
    assert client.post("/webhooks", {"url": "https://example.com/"}, 403).body["code"] == "scope_required"
    admin.delete(f"/accounts/{account}/keys/{key['id']}")
    assert client.get("/account", 401).body["code"] == "unauthorized"
    actions = lambda: [entry["action"] for entry in admin.get(f"/accounts/{account}/audit").body["data"]]
    eventually("all is on record", actions, lambda a: a == ["key.revoke", "key.create", "account.update", "account.create"])
    assert {"free", "pro"} <= {plan["name"] for plan in admin.get("/plans").body["data"]}


def test_a_key_ends_on_every_replica_within_five_seconds(stack, api):
    other = start_api(stack, "other")
    account, key = new_account(api)
    clients = [api.client(key), other.client(key)]
    for client in clients:
        eventually("the key is known", lambda c=client: c.ask("GET", "/account"), lambda r: r.status == 200, seconds=5)
    api.admin().delete(f"/accounts/{account}/keys/{key.split('_')[1]}")
    for client in clients:
        eventually("the key has ended", lambda c=client: c.ask("GET", "/account"), lambda r: r.status == 401, seconds=5)
    soon = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=2)).isoformat().replace("+00:00", "Z")
    passing = api.client(new_key(api, account, expires_at=soon))
    passing.get("/account")
    eventually("it has expired", lambda: passing.ask("GET", "/account"), lambda r: r.status == 401, seconds=5)


def test_the_last_use_of_a_key_outlives_the_replica(stack, api):
    account, key = new_account(api)
    api.client(key).get("/account")
    other = start_api(stack, "other")
    used = lambda: other.admin().get(f"/accounts/{account}/keys").body["data"][0]["last_used_at"]
    eventually("the other replica knows of the use", used, bool, seconds=5)


def test_who_changed_what_is_complete_and_outlives_the_replica(stack, api, endpoint):
    """More than fits in a page, on a replica that has read it all from the topic."""
    account, key = new_account(api)
    client = api.client(key)
    webhook = client.post("/webhooks", {"url": endpoint.url("/hook")}).body
    for number in range(120):
        client.patch(f"/webhooks/{webhook['id']}", {"description": f"No. {number}"})
    fresh = start_api(stack, "fresh").client(key)
    for replica in (client, fresh):
        def trail(r=replica):
            entries, cursor = [], ""
            while cursor is not None:
                page = r.get(f"/audit?limit=50&cursor={cursor}" if cursor else "/audit?limit=50").body
                entries += page["data"]
                cursor = page["next_cursor"]
            return entries
        entries = eventually("all of it is there", trail, lambda e: len(e) == 123)
        assert [e["action"] for e in entries] == ["webhook.update"] * 120 + ["webhook.create", "key.create", "account.create"]
        assert [e["version"] for e in entries[:120]] == list(range(121, 1, -1))
        assert all(e["account_id"] == account and e["actor"] for e in entries) and entries[0]["fields"] == ["description"]
    first = client.get("/audit?limit=50").body["next_cursor"]
    assert fresh.get(f"/audit?limit=1&cursor={first}").body["data"][0]["version"] == 71, "a cursor of one works at the other"


def test_without_the_right_key_nothing_is_told(api):
    _account, key = new_account(api)
    broken = [None, "x", "tfk_", "tfk_00", key[:-1], key + "0", key.replace("tfk_", "tfk"), ADMIN_TOKEN, "tfk_" + "0" * 16 + key[20:]]
    for method, path, operation in described("/api/"):
        if operation.get("security") == []:
            continue
        url = re.sub(r"\{\w+\}", "x", path)
        wrong = [None, key] if path.startswith("/api/admin/") else broken
        for token in wrong:
            reply = api.client(token).raw(method, url)
            assert reply.status == 401 and reply.headers["WWW-Authenticate"] == "Bearer", (method, path, token, reply)


def test_nobody_reaches_another_accounts_things(stack, api, endpoint):
    """Every call that names something, with ids that are right and a key that is another's."""
    owner, key = new_account(api)
    client = api.client(key)
    webhook = client.post("/webhooks", {"url": endpoint.url("/hook")}).body
    expectation = client.post(f"/webhooks/{webhook['id']}/expectations", {"path": "/x", "schedule": "0 3 * * *"}).body
    recovery = client.post(f"/webhooks/{webhook['id']}/recover", {"since": "2026-01-01T00:00:00Z"}, 202).body
    client.post("/session", {"key": key})
    [session] = client.get("/sessions").body["data"]
    stack.worker()
    stack.topics.publish(make_event(owner, "/of the owner"))
    deliveries = lambda: client.get(f"/webhooks/{webhook['id']}/deliveries").body["data"]
    [delivery] = eventually("a delivery is shown", deliveries, bool)
    ids = {
        "webhook_id": webhook["id"],
        "expectation_id": expectation["id"],
        "recovery_id": recovery["recovery_id"],
        "delivery_id": delivery["delivery_id"],
        "session_id": session["id"],
    }
    _stranger, other_key = new_account(api)
    stranger = api.client(other_key)
    own = stranger.post("/webhooks", {"url": endpoint.url("/hook")}).body
    bodies = {"PATCH": b'{"description":"mine now"}', "POST": b'{"since":"2026-01-01T00:00:00Z"}', "GET": None, "DELETE": None}
    tried = 0
    for method, path, operation in described(EXT):
        if "{" not in path:
            continue
        assert set(re.findall(r"\{(\w+)\}", path)) <= set(ids), f"{path} names what this test does not know: give it one that is there"
        body = bodies[method] if "requestBody" in operation else None
        reply = stranger.raw(method, re.sub(r"\{(\w+)\}", lambda m: ids[m[1]], path), body)
        assert reply.status == 404 and reply.body["code"] == "not_found", (method, path, reply)
        tried += 1
        if path.count("{") > 1:  # their own webhook, and what is another's below it
            mixed = re.sub(r"\{(\w+)\}", lambda m: {**ids, "webhook_id": own["id"]}[m[1]], path)
            assert stranger.raw(method, mixed, body).status == 404, (method, mixed)
    assert tried >= 15
    assert client.get(f"/webhooks/{webhook['id']}").body["version"] == 1
    assert client.get("/sessions").body["data"] == [session]
    assert [w["id"] for w in stranger.get("/webhooks").body["data"]] == [own["id"]]
    told = [v for v in (*ids.values(), owner, "/of the owner") if v]
    lists = [path for method, path, operation in described(EXT) if method == "GET" and "{" not in path and operation.get("security") != []]
    assert len(lists) >= 7
    for path in lists:  # what names nothing tells of one's own things alone
        reply = stranger.raw("GET", path)
        assert not [word for word in told if word in json.dumps(reply.body)], path
    theirs = client.get("/events").body["data"]
    assert [e["path"] for e in theirs] == ["/of the owner"], "the owner sees it there"


def test_no_secret_is_in_any_log_or_record(stack, api, endpoint):
    account, key = new_account(api)
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook?token=canary-query"), "headers": {"X-Mine": "canary-header"}}).body
    rotated = api.client(key).post(f"/webhooks/{made['id']}/rotate-secret", {}, 200).body
    api.client(key[:-1] + "0").get("/account?key=canary-query", 401)
    log = api.output()
    for secret in (key, made["secret"], rotated["secret"], ADMIN_TOKEN, "canary-query", "canary-header"):
        assert secret not in log
    records = "".join(r.value or "" for kind in ("webhooks", "accounts", "audit") for r in stack.topics.read(kind))
    for secret in (key, made["secret"], rotated["secret"], ADMIN_TOKEN, "canary-header"):
        assert secret not in records
    assert account in records and ACCOUNT in records
