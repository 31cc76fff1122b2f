"""The promises under faults: whatever dies, no event and no retry is lost, and what comes twice has the same id and body."""

import json
import threading

import pytest
from harness.contract import delivery_id, make_event
from harness.endpoint import Hold, Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until


def events_of(count, word="f"):
    return [make_event(ACCOUNT, f"/{word}-{n}.txt") for n in range(count)]


def expected_ids(events, *webhooks):
    return {delivery_id(event["event_id"], webhook.id) for event in events for webhook in webhooks}


def pending_retries(stack, endpoint, *answers, **retry):
    """96 deliveries to 12 endpoints that wait for their second attempt: the worker, and the deliveries' ids. Eight an endpoint are too few
    failures to open its breaker, which is another story."""
    webhooks = [stack.webhook(f"/hook-{n}", max_attempts=5) for n in range(12)]
    for webhook in webhooks:
        endpoint.script(webhook.path, *answers)
    worker = stack.worker(**retry)
    events = events_of(8)
    stack.topics.publish(*events)
    stack.wait_statuses({"retrying": 96})
    return worker, expected_ids(events, *webhooks)


def check_twins(endpoint):
    """What arrived more than once is the same delivery: one id, one body."""
    for posts in endpoint.by_delivery().values():
        assert len({post.body for post in posts}) == 1
    bodies = {}
    for post in endpoint.posts:
        data = post.json["data"]
        bodies.setdefault((post.path, post.json["event"], data["path"]), set()).add(post.delivery_id)
    assert all(len(ids) == 1 for ids in bodies.values()), "one event was delivered under two ids"


def wait_all_posted(stack, endpoint, ids, seconds=60):
    wait_until(f"all {len(ids)} deliveries are posted", lambda: ids <= set(endpoint.by_delivery()), seconds, watch=stack.running())


def test_a_worker_killed_in_the_middle_of_1000_uploads_loses_none(stack, ftp, endpoint):
    """Four clients upload 250 files each over real FTP; the worker is killed twice while they do."""
    webhook = stack.webhook()
    stack.producer(ftp.source())
    worker = stack.worker()
    confirmed = []

    def client(number):
        confirmed.extend(ftp.upload_many("pipeline", [f"c{number}-{n}.bin" for n in range(250)]))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in clients:
        thread.start()
    endpoint.wait_posts(100, watch=[worker])
    worker.kill()
    middle = stack.worker("worker-2", ready=False)
    endpoint.wait_posts(400, seconds=60, watch=[middle])
    middle.kill()
    stack.worker("worker-3", ready=False)
    for thread in clients:
        thread.join()
    assert len(confirmed) == 1000, "the client saw 226 for each"

    wanted = {f"/{path}" for path in confirmed}
    wait_until(
        "every upload is posted",
        lambda: {post.json["data"]["path"] for post in endpoint.posts_to("/hook")} == wanted,
        seconds=90,
        watch=stack.running(),
    )
    check_twins(endpoint)
    records = stack.wait_statuses({"delivered": 1000}, seconds=60)
    assert {r["path"] for r in records.values()} == wanted
    assert {r["webhook_id"] for r in records.values()} == {webhook.id}


def test_retries_survive_a_killed_worker(stack, endpoint):
    worker, ids = pending_retries(stack, endpoint, Status(500), Status(200), TRUEFTP_RETRY_BASE_MS="3000")
    worker.kill()
    stack.worker("worker-2", ready=False)
    records = stack.wait_statuses({"delivered": 96}, seconds=60)
    assert set(records) == ids
    check_twins(endpoint)


@pytest.mark.parametrize("how", ["flushed", "restarted empty"])
def test_retries_survive_the_loss_of_redis(stack, redis, endpoint, how):
    short = {"TRUEFTP_RETRY_BASE_MS": "3000", "TRUEFTP_RETRY_FACTOR": "1"}
    _worker, ids = pending_retries(stack, endpoint, Status(503), Status(503), Status(200), **short)
    assert redis.key_count() > 0
    if how == "flushed":
        redis.command("FLUSHALL")
    else:
        redis.restart_empty()
    records = stack.wait_statuses({"delivered": 96}, seconds=60)
    assert set(records) == ids
    # Nothing that was recorded is done again.
    assert {r["attempt"] for r in records.values()} == {3}
    assert len(endpoint.posts) == 3 * 96
    check_twins(endpoint)


def test_redis_away_for_a_while(stack, redis, endpoint):
    """Without Redis nothing is claimed, so nothing is sent; when it is back, empty, everything goes on."""
    webhook = stack.webhook()
    worker = stack.worker()
    stack.topics.publish(*events_of(20, "before"))
    endpoint.wait_posts(20, watch=[worker])
    redis.program.kill()
    wait_until("the worker is not ready", lambda: worker.get("/readyz").status == 503, watch=[worker])
    assert worker.get("/livez").status == 200
    events = events_of(50, "while")
    stack.topics.publish(*events)
    redis.start()
    wait_all_posted(stack, endpoint, expected_ids(events, webhook))
    stack.wait_statuses({"delivered": 70})
    assert len(endpoint.posts) == 70


@pytest.mark.real_kafka
@pytest.mark.parametrize("kill", [False, True], ids=["restarted", "killed"])
def test_a_broker_restart_in_the_middle(stack, own_kafka, ftp, endpoint, kill):
    stack.webhook(max_attempts=8)
    endpoint.script("/hook", Status(500), Status(200))
    stack.producer(ftp.source())
    stack.worker()
    uploads = threading.Thread(target=ftp.upload_many, args=("pipeline", [f"u-{n}.bin" for n in range(300)]))
    uploads.start()
    endpoint.wait_posts(50, watch=stack.running())
    own_kafka.restart(kill=kill)
    uploads.join()
    records = stack.wait_statuses({"delivered": 300}, seconds=120)
    assert {r["path"] for r in records.values()} == {f"/u-{n}.bin" for n in range(300)}
    check_twins(endpoint)


@pytest.mark.real_kafka
def test_a_log_full_of_long_paths_is_published_at_once(stack, tmp_path):
    """More bytes for one partition than the topic takes in one request: 3,000 events of a kilobyte and a half, read in one go."""
    log, path = tmp_path / "events.jsonl", "/" + "x" * 900
    line = json.dumps({"event": "file.uploaded", "timestamp": "2026-06-08T12:00:00Z", "path": path})
    log.write_text((line + "\n") * 3000)
    producer = stack.producer(f"[app]\nformat = jsonl\npath = {log}\naccount = constant:{ACCOUNT}\n")
    wait_until("all are acknowledged", lambda: producer.metric("trueftp_producer_events_acknowledged_total") == 3000, 30, watch=[producer])
    assert producer.metric("trueftp_producer_events_retried_total") == 0
    assert len(stack.topics.read("events")) == 3000


def test_a_worker_that_is_told_to_stop_drains(stack, endpoint):
    """Two workers share the partitions; one is stopped while POSTs are in flight. All arrive, none twice."""
    webhook = stack.webhook(max_concurrency=64)
    held = Hold()
    endpoint.script("/hook", held)
    leaving, _staying = stack.worker("leaving"), stack.worker("staying")
    wait_until(
        "both workers serve partitions",
        lambda: all(w.metric("trueftp_worker_partitions_serving") > 0 for w in stack.running()),
        seconds=40,
        watch=stack.running(),
    )
    events = events_of(300)
    stack.topics.publish(*events)
    wait_until("POSTs of both are in flight", lambda: all(w.metric("trueftp_worker_posts_in_flight") > 0 for w in stack.running()))
    leaving.process.terminate()
    leaving.wait_fact("signal")
    held.release()
    assert leaving.wait_end() == 0, leaving.tail()
    records = stack.wait_statuses({"delivered": 300}, seconds=60)
    assert set(records) == expected_ids(events, webhook)
    assert all(len(posts) == 1 for posts in endpoint.by_delivery().values()), "a drained worker sends nothing twice"


def test_an_event_published_twice_is_delivered_once(stack, endpoint):
    """Frontends may send again what they are not sure of."""
    stack.webhook()
    stack.worker()
    events = events_of(50)
    stack.topics.publish(*events)
    stack.wait_statuses({"delivered": 50})
    stack.topics.publish(*events, make_event(ACCOUNT, "/last.txt"))
    stack.wait_statuses({"delivered": 51})
    wait_until("all was looked at", lambda: stack.services[0].metric("trueftp_worker_events_total") == 101)
    assert len(endpoint.posts) == 51


def test_a_worker_started_late_finds_what_was_published_before(stack, endpoint):
    webhook = stack.webhook()
    events = events_of(100)
    stack.topics.publish(*events)
    stack.worker()
    wait_all_posted(stack, endpoint, expected_ids(events, webhook))
    assert len(endpoint.posts) == 100
