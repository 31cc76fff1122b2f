"""The key that seals is replaced: everything that is sealed with the old one is re-wrapped by one command, and the old one leaves the
key file. Nobody notices: secrets sign, client certificates are shown, headers are sent."""

import json
import threading

import pytest
from harness.api import new_key, start_api
from harness.contract import check_signature, make_event, signature
from harness.ctl import Ctl
from harness.stack import ACCOUNT
from harness.tls import Authority, TlsEndpoint
from harness.waiting import wait_until

TOKEN = "Bearer token-of-a-customer"


class Keys:
    """The key file of all programs, exchanged as Kubernetes exchanges a mounted secret."""

    def __init__(self, stack):
        self.stack, self.lines = stack, {}
        self.old = self.keep(stack.key_file.read_text())
        fresh = stack.folder / "fresh"
        stack.ctl("key-file", "create", "--file", fresh, "--key-id", "fresh")
        self.keep(fresh.read_text())

    def keep(self, text):
        key_id = text.split()[0]
        self.lines[key_id] = text
        return key_id

    def write(self, *key_ids):
        fresh = self.stack.key_file.with_name("keys.fresh")
        fresh.write_text("".join(self.lines[key_id] for key_id in key_ids))
        fresh.chmod(0o600)
        fresh.rename(self.stack.key_file)

    def put(self, *key_ids):
        """Writes the file with these keys, and waits until all that runs has read it."""
        running = self.stack.running()
        times = {service.name: len(service.facts("key_file_read")) for service in running}
        self.write(*key_ids)
        for service in running:
            wait_until(f"{service.name} has read the keys", lambda s=service: len(s.facts("key_file_read")) > times[s.name], watch=[service])
            assert service.facts("key_file_read")[-1]["writing_key"] == key_ids[0]


@pytest.fixture
def keys(stack):
    return Keys(stack)


@pytest.fixture
def api(stack, keys):
    return start_api(stack)


@pytest.fixture
def mutual(tmp_path):
    """(endpoint that wants a client certificate, the member tls for it)."""
    authority = Authority(tmp_path / "authority")
    server, ours = authority.issue("server"), authority.issue("client")
    endpoint = TlsEndpoint(server, client_authority=authority)
    yield endpoint, {"ca_certificates": authority.own.certificate, "client_certificate": ours.certificate, "client_key": ours.key}
    endpoint.close()


def last_records(stack):
    """The newest record of each webhook, as it stands in the topic."""
    return {r.key: r.value for r in stack.topics.read("webhooks") if r.value}


def test_the_old_key_can_go_when_all_was_rewrapped(stack, keys, api, endpoint, mutual):
    secured, tls = mutual
    client, ctl = api.client(new_key(api, ACCOUNT)), Ctl(stack, api)
    plain = client.post("/webhooks", {"url": endpoint.url("/plain"), "headers": {"Authorization": TOKEN}}).body
    second = client.post(f"/webhooks/{plain['id']}/rotate-secret", {"overlap_s": 3600}, 200).body["secret"]
    paused = client.post("/webhooks", {"url": endpoint.url("/paused"), "enabled": False}).body
    with_tls = client.post("/webhooks", {"url": secured.url(), "tls": tls}).body
    # Of a time before headers were sealed: their values stand in the clear.
    of_old = stack.webhook("/of-old", headers={"X-Old": TOKEN, "X-|-Odd": "b"})
    wait_until("the API has read it", lambda: client.ask("GET", f"/webhooks/{of_old.id}").status == 200)
    worker = stack.worker()

    keys.put(keys.old, "fresh")
    keys.put("fresh", keys.old)
    seen = {w["id"]: w for w in client.get("/webhooks").body["data"]}
    assert ctl.json("secrets", "rewrap") == {"key_id": "fresh", "rewrapped": 4, "newest": 0, "failed": 0}
    assert ctl.json("secrets", "rewrap") == {"key_id": "fresh", "rewrapped": 0, "newest": 4, "failed": 0}, "nothing is left to do"
    records = last_records(stack)
    assert set(records) == {plain["id"], paused["id"], with_tls["id"], of_old.id}
    for record in records.values():
        assert "v1.fresh." in record and f"v1.{keys.old}." not in record and TOKEN not in record
    for now in client.get("/webhooks").body["data"]:
        assert now == {**seen[now["id"]], "version": seen[now["id"]]["version"] + 1}, "a change of nothing that a customer sees"
    entries = [e for e in ctl.lines("accounts", "audit", ACCOUNT) if e["action"] == "webhook.rewrap"]
    assert {e["target"] for e in entries} == set(records) and {e["actor"] for e in entries} == {"admin"}

    keys.put("fresh")
    assert worker.stop() == 0
    fresh_worker = stack.worker("fresh-worker")  # nothing is open from before
    assert not fresh_worker.facts("webhook_unusable"), "also not of the old records, which the topic still has"
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    watch = stack.running()
    [post] = endpoint.wait_posts(1, "/plain", watch=watch)
    check_signature(post, second)
    first = signature(plain["secret"], post.header("X-TrueFTP-Timestamp"), post.body)
    assert post.header("X-TrueFTP-Signature-Previous") == first and post.header("Authorization") == TOKEN
    [post] = endpoint.wait_posts(1, "/of-old", watch=watch)
    check_signature(post, of_old.secret)
    assert post.header("X-Old") == TOKEN and post.header("X-|-Odd") == "b"
    [post] = secured.wait_posts(1, watch=watch)
    check_signature(post, with_tls["secret"])
    assert secured.peers == ["client"]
    client.patch(f"/webhooks/{paused['id']}", {"enabled": True})
    endpoint.wait_posts(1, "/paused", watch=watch)
    check_signature(endpoint.posts_to("/paused")[0], paused["secret"])
    assert client.get(f"/webhooks/{plain['id']}").body["headers"] == {"Authorization": TOKEN}


def test_without_it_the_missing_key_is_named(stack, keys, api, endpoint):
    """The old key went too early: what is owed waits and uses up no attempt, the reason stands in log and answer, and putting the key
    back and re-wrapping mends it."""
    client, ctl = api.client(new_key(api, ACCOUNT)), Ctl(stack, api)
    made = client.post("/webhooks", {"url": endpoint.url("/hook"), "headers": {"Authorization": TOKEN}}).body
    keys.put("fresh")
    worker = stack.worker()
    reason = f"the secret is sealed with key {keys.old}, which is not in the key file"
    worker.wait_fact("webhook_unusable", webhook_id=made["id"], reason=reason)
    failed = ctl.run("secrets", "rewrap")
    assert failed.returncode == 1 and made["id"] in failed.stdout and f"secrets: {reason}" in failed.stdout
    lines = [json.loads(line) for line in ctl.run("secrets", "rewrap", "-o", "json").stdout.splitlines()]
    assert lines[0] == {"webhook_id": made["id"], "account_id": ACCOUNT, "reason": f"secrets: {reason}"}
    assert lines[1] == {"key_id": "fresh", "rewrapped": 0, "newest": 0, "failed": 1}
    assert client.get(f"/webhooks/{made['id']}").body["headers"] == {"Authorization": None}, "not shown, and no error"
    api.wait_fact("header_unreadable", webhook_id=made["id"], header="Authorization", error=reason)
    assert TOKEN not in api.output()
    stack.topics.publish(make_event(ACCOUNT, "/waits"))
    wait_until("the event is read", lambda: worker.metric("trueftp_worker_events_total") == 1, watch=[worker])
    assert not endpoint.posts

    keys.put("fresh", keys.old)
    assert ctl.json("secrets", "rewrap") == {"key_id": "fresh", "rewrapped": 1, "newest": 0, "failed": 0}
    keys.put("fresh")
    [post] = endpoint.wait_posts(1, seconds=60, watch=[worker])
    check_signature(post, made["secret"])
    [record] = stack.wait_statuses({"delivered": 1}).values()
    assert record["attempt"] == 1, "our own trouble uses up no attempt"


def test_a_secret_whose_key_is_missing_bars_no_other_change(stack, keys, api, endpoint):
    client = api.client(new_key(api, ACCOUNT))
    made = client.post("/webhooks", {"url": endpoint.url("/hook"), "signature": "both"}).body
    keys.put("fresh")
    [error] = client.patch(f"/webhooks/{made['id']}", {"signature": "standard"}, 422).body["errors"]
    assert (error["field"], error["message"]) == ("signature", "the secret cannot be opened at present: rotate it first")
    assert api.wait_fact("secret_unreadable", webhook_id=made["id"])["error"]
    assert not client.patch(f"/webhooks/{made['id']}", {"enabled": False}).body["enabled"]
    client.post(f"/webhooks/{made['id']}/rotate-secret", {}, 200)
    assert client.patch(f"/webhooks/{made['id']}", {"signature": "standard"}).body["signature"] == "standard"


def test_it_is_begun_again_where_it_was_cut_short(stack, keys, api, endpoint):
    """Portion by portion, each on another replica; the first one dies, and what it has done is not done again."""
    client = api.client(new_key(api, ACCOUNT))
    made = sorted(client.post("/webhooks", {"url": endpoint.url("/hook")}).body["id"] for _ in range(7))
    other = start_api(stack, "other")
    keys.put("fresh", keys.old)
    first = api.admin().post("/secrets/rewrap?limit=2", status=200).body
    assert (first["rewrapped"], first["newest"]) == (2, 0)
    wait_until("the other has read it", lambda: sum("v1.fresh" in r for r in last_records(stack).values()) == 2)
    second = other.admin().post(f"/secrets/rewrap?limit=2&cursor={first['next_cursor']}", status=200).body
    assert (second["rewrapped"], second["newest"]) == (2, 0), "it goes on behind the first portion"
    api.kill()
    done = {key for key, record in last_records(stack).items() if "v1.fresh" in record}
    assert done == set(made[:4]), "in the order of their ids"
    assert Ctl(stack, other).json("secrets", "rewrap") == {"key_id": "fresh", "rewrapped": 3, "newest": 4, "failed": 0}
    versions = {key: json.loads(record)["version"] for key, record in last_records(stack).items()}
    assert versions == {key: 2 for key in made}, "each was changed once"
    for query, code in (("cursor=x", "invalid_cursor"), ("limit=101", "invalid_parameter"), ("limit=0", "invalid_parameter")):
        assert other.admin().post(f"/secrets/rewrap?{query}", status=400).body["code"] == code


def test_a_change_at_the_same_moment_is_not_lost(stack, keys, api, endpoint):
    """Customers change their webhooks while the operator re-wraps, on another replica and from one key to the other and back: what was
    answered with 200 stands, and in the end all has the newest key."""
    other = start_api(stack, "other", TRUEFTP_API_REQUESTS_PER_SECOND="10000")
    key = new_key(api, ACCOUNT)
    made = [api.client(key).post("/webhooks", {"url": endpoint.url("/hook"), "headers": {"X-A": TOKEN}}).body for _ in range(12)]
    stop, answered, lost, wrong = threading.Event(), {}, [], []

    def change(webhook, client):
        number = 0
        while not stop.is_set():
            number += 1
            reply = client.ask("PATCH", f"/webhooks/{webhook}", {"description": str(number)})
            if reply.status == 200:
                answered[webhook] = str(number)
            else:
                (lost if reply.status == 412 else wrong).append(reply)

    wait_until("the other knows the key", lambda: other.client(key).ask("GET", f"/webhooks/{made[-1]['id']}").status == 200)
    threads = [threading.Thread(target=change, args=(w["id"], other.client(key))) for w in made[:6]]
    for thread in threads:
        thread.start()
    counts = []
    try:
        for order in (("fresh", keys.old), (keys.old, "fresh"), ("fresh", keys.old)):
            keys.put(*order)
            counts.append(Ctl(stack, api).run("secrets", "rewrap", "-o", "json"))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong and len(answered) == 6
    for done in counts:  # what is changed all the time may be left, and is said so
        last = json.loads(done.stdout.splitlines()[-1])
        assert last["rewrapped"] >= 6 and last["rewrapped"] + last["newest"] + last["failed"] == 12, done
    final = Ctl(stack, api).json("secrets", "rewrap")
    assert final["failed"] == 0
    records = {key: json.loads(record) for key, record in last_records(stack).items()}
    for webhook in made:
        record = records[webhook["id"]]
        assert record.get("description") == answered.get(webhook["id"], ""), "the last change that was answered"
        assert record["secrets"][0]["sealed"].startswith("v1.fresh.") and record["headers"]["X-A"]["sealed"].startswith("v1.fresh.")
    keys.put("fresh")
    worker = stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    posts = endpoint.wait_posts(12, watch=[worker])
    assert all(post.header("X-A") == TOKEN for post in posts)
