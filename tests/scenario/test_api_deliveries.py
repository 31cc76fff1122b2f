"""The deliveries view over the API: what happened can be seen, page by page and attempt by attempt; a view that was killed goes on, and
one made anew is the same."""

import json
import re
import subprocess

import pytest
from harness.api import eventually, new_account, new_key, start_api
from harness.broker import PARTITIONS
from harness.contract import delivery_id, make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until


@pytest.fixture
def api(stack):
    return start_api(stack)


@pytest.fixture
def client(api):
    return api.client(new_key(api, ACCOUNT))


def pages(client, path, limit=7):
    """All items of a list, page after page."""
    items, cursor = [], None
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        page = client.get(f"{path}{'&' if '?' in path else '?'}limit={limit}{more}").body
        items += page["data"]
        cursor = page["next_cursor"]
        if not cursor:
            return items


def wait_list(client, webhook, count, query=""):
    path = f"/webhooks/{webhook.id}/deliveries?limit=100{query}"
    return eventually(f"{count} deliveries are listed", lambda: client.get(path), lambda r: len(r.body["data"]) == count, 30).body["data"]


def seen(client, webhook):
    """Everything that the API shows of a webhook's deliveries and the account's events."""
    deliveries = pages(client, f"/webhooks/{webhook.id}/deliveries", 100)
    each = [client.get(f"/webhooks/{webhook.id}/deliveries/{d['delivery_id']}").body for d in deliveries[:20]]
    health = client.get(f"/webhooks/{webhook.id}/health").body
    return {"deliveries": deliveries, "each": each, "events": pages(client, "/events", 100), "health": health}


def test_a_delivery_that_failed_and_succeeded_is_shown_whole(stack, client, endpoint):
    webhook = stack.webhook()
    endpoint.script("/hook", Status(503, b"busy"), Status(200, b"thanks"))
    stack.worker()
    event = make_event(ACCOUNT, "/in/<img src=x onerror=alert(1)>.csv")
    stack.topics.publish(event)
    [summary] = wait_list(client, webhook, 1, "&status=delivered")
    assert summary["delivery_id"] == delivery_id(event["event_id"], webhook.id)
    assert (summary["path"], summary["attempt"], summary["http_status"], summary["test"]) == (event["data"]["path"], 2, 200, False)
    whole = client.get(f"/webhooks/{webhook.id}/deliveries/{summary['delivery_id']}").body
    assert [(a["attempt"], a["http_status"], a["response"]) for a in whole["attempts"]] == [(1, 503, "busy"), (2, 200, "thanks")]
    assert all(a["duration_ms"] >= 0 and a["first_byte_ms"] >= 0 for a in whole["attempts"])
    [first, second] = endpoint.posts_to("/hook")
    assert whole["body"].encode() == first.body == second.body, "read back from the event, byte for byte"
    for name, value in whole["request_headers"].items():
        assert first.header(name) == value
    assert [d["delivery_id"] for d in whole["history"]] == [summary["delivery_id"]]
    [shown] = client.get("/events").body["data"]
    assert shown["event_id"] == event["event_id"] and shown["data"] == event["data"]
    health = client.get(f"/webhooks/{webhook.id}/health?window=15m").body
    assert (health["attempts"], health["success_rate"], health["state"], health["consecutive_failures"]) == (2, 0.5, "degraded", 0)
    assert sum(span["delivered"] for span in health["series"]) == 1


def test_lists_are_filtered_and_paged(stack, client, endpoint):
    webhook = stack.webhook(max_attempts=1)
    stack.worker()
    events = [make_event(ACCOUNT, f"/a/{n}", event="file.deleted" if n % 2 else "file.uploaded") for n in range(30)]
    endpoint.script("/hook", Status(500))
    stack.topics.publish(*events[:10])
    wait_list(client, webhook, 10)
    endpoint.script("/hook", Status(200))
    stack.topics.publish(*events[10:])
    everything = wait_list(client, webhook, 30)
    path = f"/webhooks/{webhook.id}/deliveries"
    assert pages(client, path) == everything
    created = [d["created_at"] for d in everything]
    assert created == sorted(created, reverse=True)
    failed = pages(client, path + "?status=failed")
    assert failed == [d for d in everything if d["status"] == "failed"] and len(failed) == 10
    deleted = pages(client, path + "?event=file.deleted")
    assert deleted == [d for d in everything if d["event"] == "file.deleted"] and len(deleted) == 15
    both = pages(client, path + "?status=failed&event=file.deleted", limit=2)
    assert both == [d for d in failed if d["event"] == "file.deleted"]
    middle = created[15]
    assert pages(client, f"{path}?until={middle}") == [d for d in everything if d["created_at"] < middle]
    assert pages(client, f"{path}?since={middle}") == [d for d in everything if d["created_at"] >= middle]
    assert len(pages(client, "/events?path_prefix=/a/1")) == 11
    assert client.get(path + "?status=lost", 400).body["code"] == "invalid_parameter"
    assert client.get(path + "?cursor=abc", 400).body["code"] == "invalid_cursor"
    next_cursor = client.get(path + "?limit=2").body["next_cursor"]
    assert client.get(f"{path}?status=failed&cursor={next_cursor}", 400).body["code"] == "invalid_cursor"


def test_what_is_anothers_cannot_be_seen(stack, api, client, endpoint):
    webhook = stack.webhook()
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/a"))
    [summary] = wait_list(client, webhook, 1)
    _other, key = new_account(api)
    stranger = api.client(key)
    own = stranger.post("/webhooks", {"url": endpoint.url("/other"), "events": ["*"]}).body
    path = f"/webhooks/{webhook.id}/deliveries"
    for hidden in (path, f"{path}/{summary['delivery_id']}", f"/webhooks/{webhook.id}/health"):
        stranger.get(hidden, 404)
    stranger.get(f"/webhooks/{own['id']}/deliveries/{summary['delivery_id']}", 404)
    assert stranger.get("/events").body["data"] == []
    assert stranger.get("/reconciliation").body["owed"] == 0
    assert [h["webhook_id"] for h in stranger.get("/health").body["data"]] == [own["id"]]


def test_a_view_killed_in_the_midst_loses_nothing_and_equals_a_new_one(stack, api, client):
    """The API is killed while it reads; another replica reads everything from the beginning."""
    webhook = stack.webhook()
    stack.worker()
    for part in range(3):
        stack.topics.publish(*[make_event(ACCOUNT, f"/{part}/{n}") for n in range(200)])
        if part < 2:
            wait_until("the view reads", lambda: api.metric("trueftp_api_view_records_total", 'topic="deliveries"') > 20, watch=[api])
            api.kill()
            api = start_api(stack, TRUEFTP_API_REQUESTS_PER_SECOND="1000")
    stack.wait_statuses({"delivered": 600}, seconds=120)
    client = api.client(client.token)
    eventually("all are read", lambda: client.get("/reconciliation"), lambda r: r.body["delivered"] == 600, 60)
    anew = start_api(stack, "anew", TRUEFTP_API_REQUESTS_PER_SECOND="1000")
    assert anew.metric("trueftp_api_view_unusable_records_total", 'topic="deliveries"') == 0
    assert seen(anew.client(client.token), webhook) == seen(client, webhook)


def test_reconciliation_says_what_is_owed(stack, client, endpoint):
    webhook = stack.webhook(max_attempts=1)
    worker = stack.worker()
    endpoint.script("/hook", Status(500))
    stack.topics.publish(make_event(ACCOUNT, "/fails"))
    wait_list(client, webhook, 1, "&status=failed")
    endpoint.script("/hook", Status(200))
    stack.topics.publish(*[make_event(ACCOUNT, f"/{n}") for n in range(20)])
    ask = lambda: client.get("/reconciliation")  # noqa: E731
    balance = eventually("all are delivered", ask, lambda r: r.body["delivered"] == 20, 30).body
    assert (balance["events"], balance["owed"], balance["failed"], balance["missing"], balance["unproven"]) == (21, 21, 1, 0, 0)
    [owed] = balance["data"]
    assert (owed["status"], owed["path"], owed["webhook_id"]) == ("failed", "/fails", webhook.id)
    worker.stop()
    stack.topics.publish(make_event(ACCOUNT, "/waits"))
    balance = eventually("one waits", ask, lambda r: r.body["events"] == 22, 30).body
    assert balance["pending"] + balance["unproven"] == 1 and balance["missing"] == 0
    stack.worker("worker-2")
    balance = eventually("none waits", ask, lambda r: r.body["delivered"] == 21, 30).body
    assert (balance["owed"], balance["pending"], balance["missing"]) == (22, 0, 0)
    client.post(f"/webhooks/{webhook.id}/deliveries/{owed['delivery_id']}/redeliver", None, 202)
    balance = eventually("what failed was sent again", ask, lambda r: r.body["failed"] == 0, 30).body
    if balance["pending"]:
        balance = eventually("and has arrived", ask, lambda r: r.body["delivered"] == 22, 30).body
    assert (balance["owed"], balance["delivered"], balance["redelivered"], balance["data"]) == (22, 22, 1, [])
    told = json.loads(stack.ctl("reconcile", "--output", "json").splitlines()[-1])
    assert (told["owed"], told["delivered"], told["redelivered"], told["failed"]) == (22, 22, 1, 0)


@pytest.mark.real_kafka
def test_a_pool_that_comes_later_is_noticed(stack, api, client):
    stack.ctl("topics", "ensure", "--partitions", PARTITIONS, "--pool", "big")
    webhook = stack.webhook()
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/shared"))
    wait_list(client, webhook, 1)
    stack.worker("worker-big", TRUEFTP_POOL="big")
    stack.ctl("events", "publish", "--account", ACCOUNT, "--event", "file.uploaded", "--path", "/big", "--pool", "big")
    assert {d["path"] for d in wait_list(client, webhook, 2)} == {"/shared", "/big"}
    assert {e["path"] for e in client.get("/events").body["data"]} == {"/shared", "/big"}
    assert api.metric("trueftp_api_view_complete") == 1


def test_records_that_nobody_understands_do_not_stop_it(stack, api, client):
    webhook = stack.webhook()
    stack.topics.write("deliveries", "x", b'{"schema":"trueftp.delivery/9"}')
    stack.topics.write("events", "x", b"\xff\x00")
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/good"))
    [summary] = wait_list(client, webhook, 1)
    assert json.dumps(summary["path"]) == '"/good"'
    assert api.metric("trueftp_api_view_unusable_records_total", 'topic="deliveries"') == 1


@pytest.fixture
def small_disk(stack):
    """The replica's folder as a file system of its own, of 4 MB; its function makes it large enough."""
    folder = stack.folder / "api-data"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], check=False, capture_output=True).returncode != 0:
        pytest.skip("may not mount a file system here")
    yield lambda: subprocess.run(["mount", "-o", "remount,size=256m", folder], check=True)
    subprocess.run(["umount", "-l", folder], check=False)


def test_a_full_disk_stops_the_reading_and_nothing_else(stack, small_disk, endpoint):
    api = start_api(stack)
    client = api.client(new_key(api, ACCOUNT))
    stack.topics.publish(make_event(ACCOUNT, "/first"))
    eventually("one is there", lambda: client.get("/events"), lambda r: len(r.body["data"]) == 1)
    for part in range(40):
        stack.topics.publish(*[make_event(ACCOUNT, f"/{part}/{number}/" + "x" * 2000) for number in range(100)])
    eventually("the disk is full", lambda: api.metric("trueftp_api_view_store_errors_total"), lambda n: n >= 2, 60)
    assert client.get("/events").body["data"], "what was read before is shown"
    made = client.post("/webhooks", {"url": endpoint.url("/hook")}).body
    assert client.get(f"/webhooks/{made['id']}").body["version"] == 1, "and what needs no view is done"
    assert api.get("/readyz").status == 200
    log = api.output()
    assert log.count("view_store_failed") == 1, "said once"
    assert re.search(r"view_store_failed.*(disk is full|disk I/O error)", log), "and why"
    small_disk()
    eventually("all are there", lambda: client.get("/reconciliation"), lambda r: r.body["events"] == 4001, 60)
    assert "view_store_recovered" in api.output() and api.metric("trueftp_api_view_rebuilds_total") == 0


def test_trueftpctl_reconciles_the_topics_themselves(stack, endpoint):
    """No API runs."""
    stack.webhook(max_attempts=1)
    worker = stack.worker()
    stack.topics.publish(*[make_event(ACCOUNT, f"/{n}") for n in range(20)])
    stack.wait_statuses({"delivered": 20})
    endpoint.wait_posts(20)
    assert worker.stop() == 0
    done = stack.ctl_run("reconcile", "--output", "json")
    balance = json.loads(done.stdout.decode().splitlines()[-1])
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert (balance["events"], balance["owed"], balance["delivered"], balance["missing"], balance["unproven"]) == (20, 20, 20, 0, 0)
    stack.topics.publish(make_event(ACCOUNT, "/waits"))
    balance = json.loads(stack.ctl("reconcile", "--output", "json", "--account", ACCOUNT).splitlines()[-1])
    assert balance["pending"] + balance["unproven"] == 1 and balance["missing"] == 0
    assert stack.ctl("reconcile", "--until", "2020-01-01T00:00:00Z").startswith("events 0  owed 0")
    assert stack.ctl_run("reconcile", "--since", "yesterday").returncode == 64
