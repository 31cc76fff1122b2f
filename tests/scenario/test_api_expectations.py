"""Expected arrivals: a file that does not come in time is told as file.missing, once; one that came is not."""

import datetime
import sqlite3

import pytest
from harness.api import eventually, new_key, start_api
from harness.contract import make_event
from harness.stack import ACCOUNT
from harness.waiting import wait_until


@pytest.fixture
def api(stack):
    return start_api(stack)


@pytest.fixture
def client(api):
    return api.client(new_key(api, ACCOUNT))


def next_minute():
    """The minute that begins next, at least 8 s from now, as a schedule."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=68)
    return f"{at.minute} {at.hour} * * *"


@pytest.mark.slow
def test_what_does_not_come_is_told_once_by_two_replicas(stack, client, endpoint):
    replicas = [client, start_api(stack, "other").client(client.token)]
    stack.worker()
    webhook = client.post("/webhooks", {"url": endpoint.url("/hook"), "events": ["file.missing"]}).body
    path = f"/webhooks/{webhook['id']}/expectations"
    schedule = next_minute()
    expected = client.post(path, {"path": "/nightly/*.zst", "schedule": schedule, "grace_s": 1}).body
    there = client.post(path, {"path": "/orders/**", "schedule": schedule, "grace_s": 1}).body
    stack.topics.publish(make_event(ACCOUNT, "/orders/2026/7.csv"), make_event(ACCOUNT, "/nightly/7.txt"))
    [post] = endpoint.wait_posts(1, seconds=100, watch=stack.running())
    assert post.json["event"] == "file.missing"
    assert (post.json["data"]["path"], post.json["data"]["expectation_id"]) == ("/nightly/*.zst", expected["id"])
    states = {"missing": expected["id"], "arrived": there["id"]}
    for replica in replicas:
        for state, which in states.items():
            ask = lambda r=replica, w=which: r.get(f"{path}/{w}")
            eventually(f"{which} is {state}", ask, lambda r, s=state: r.body["last_state"] == s, seconds=20)
    stack.wait_statuses({"delivered": 1})
    assert len(endpoint.posts_to("/hook")) == 1
    assert [e["event"] for e in client.get("/events?event=file.missing").body["data"]] == ["file.missing"]


@pytest.mark.slow
def test_a_replica_that_lags_tells_nothing_missing_that_has_arrived(stack, api, client, endpoint):
    """Its view cannot be written while the file arrives in the topic, and until long after it was due."""
    webhook = client.post("/webhooks", {"url": endpoint.url("/hook"), "events": ["file.missing"]}).body
    path = f"/webhooks/{webhook['id']}/expectations"
    expected = client.post(path, {"path": "/nightly/*", "schedule": next_minute(), "grace_s": 0}).body
    due = datetime.datetime.fromisoformat(expected["next_due_at"].replace("Z", "+00:00"))
    lock = sqlite3.connect(stack.folder / "api-data/view.db", isolation_level=None, timeout=30)
    lock.execute("BEGIN IMMEDIATE")
    stack.topics.publish(make_event(ACCOUNT, "/nightly/db.zst"))
    late = due + datetime.timedelta(seconds=10)  # it would have told after 2 to 4 s
    wait_until("it is long past due", lambda: datetime.datetime.now(datetime.timezone.utc) > late, seconds=110)
    assert client.get(f"{path}/{expected['id']}").body["last_state"] == "waiting"
    assert api.metric("trueftp_api_view_store_errors_total") > 0 and api.metric("trueftp_api_view_lag_seconds") > 10
    lock.execute("ROLLBACK")
    eventually("it has arrived", lambda: client.get(f"{path}/{expected['id']}"), lambda r: r.body["last_state"] == "arrived", seconds=20)
    assert api.metric("trueftp_api_files_missing_total") == 0
    assert [e["path"] for e in client.get("/events").body["data"]] == ["/nightly/db.zst"]


def test_expectations_are_made_shown_and_deleted(client, endpoint):
    webhook = client.post("/webhooks", {"url": endpoint.url("/hook"), "events": ["file.missing"]}).body
    path = f"/webhooks/{webhook['id']}/expectations"
    made = client.post(path, {"path": "/nightly/db*.zst", "schedule": "0 3 * * mon-fri", "time_zone": "Europe/Berlin"}, Idempotency_Key="a").body
    again = client.post(path, {"path": "/nightly/db*.zst", "schedule": "0 3 * * mon-fri", "time_zone": "Europe/Berlin"}, 200, Idempotency_Key="a").body
    assert again["id"] == made["id"]
    assert (made["grace_s"], made["event"], made["last_state"]) == (900, "file.uploaded", None)
    due = datetime.datetime.fromisoformat(made["next_due_at"].replace("Z", "+00:00"))
    assert due.minute == 0 and due.hour in (1, 2) and due > datetime.datetime.now(datetime.timezone.utc)
    assert client.get(f"{path}/{made['id']}").body["path"] == "/nightly/db*.zst"
    assert [e["id"] for e in client.get(path).body["data"]] == [made["id"]]
    client.delete(f"{path}/{made['id']}")
    client.get(f"{path}/{made['id']}", 404)
    wrong = client.post(path, {"path": "x", "schedule": "61 * * * *", "time_zone": "Mars/Base", "grace_s": -1, "event": "dir.created"}, 422).body
    assert {e["field"] for e in wrong["errors"]} == {"path", "schedule", "time_zone", "grace_s", "event"}
    assert client.post(path, {"path": "/x", "schedule": "0 0 30 2 *"}, 422).body["errors"][0]["field"] == "schedule"


def test_a_deleted_webhook_takes_its_expectations_along(stack, client, endpoint):
    webhook = client.post("/webhooks", {"url": endpoint.url("/hook")}).body
    made = client.post(f"/webhooks/{webhook['id']}/expectations", {"path": "/x", "schedule": "0 3 * * *"}).body
    client.delete(f"/webhooks/{webhook['id']}")
    gone = lambda: [r for r in stack.topics.read("expectations") if r.key == made["id"]][-1]
    eventually("its tombstone is written", gone, lambda record: not record.value)
