"""Endpoints that do the worst they can, many at once: each delivery to them ends with what happened, in time; the worker neither
falls over nor grows; and the deliveries of others go on as if they were not there."""

import collections
import os
import time

import pytest
from harness.api import new_account, start_api
from harness.contract import make_event
from harness.endpoint import Endpoint
from harness.hostile import AFTER_A_REQUEST, Early, early_cases, unused_port
from harness.tls import Authority
from harness.waiting import wait_until

EVENTS = 20  # for each behaviour: as many as an endpoint may fail in a row before it is left alone for a while
NEIGHBOURS = 200
NEIGHBOUR_S = 10.0  # from publishing to the POST, on a machine that is busy with many other things
GROWTH_MIB = 160


def memory_mib(worker, field):
    with open(f"/proc/{worker.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field + ":"))


@pytest.fixture
def hostile(tmp_path):
    """name -> (url, Case). Each has a port of its own: what one leaves on a kept connection must not be taken for another's answer."""
    closers, cases = [], {}
    for name, case in AFTER_A_REQUEST.items():
        endpoint = Endpoint()
        closers.append(endpoint)
        endpoint.script(f"/{name}", case.does)
        cases[name] = (endpoint.url(f"/{name}"), case)
    for name, (scheme, case) in early_cases(Authority(tmp_path / "authority").issue("server")).items():
        server = Early(case.does) if case.does else None
        closers += [server] if server else []
        cases[name] = (f"{scheme}://127.0.0.1:{server.port if server else unused_port()}/{name}", case)
    yield cases
    for server in closers:
        server.close()


def make_webhooks(client, cases, each):
    """each webhooks for a behaviour; webhook id -> the behaviour's name."""
    named = {}
    for name, (url, case) in cases.items():
        timeout_ms = 1500 if case.error == "timeout" else 15000  # the endpoints are slow themselves on a busy machine
        body = {"url": url, "path_patterns": [f"/{name}/*"], "max_attempts": 1, "timeout_ms": timeout_ms, "max_concurrency": 64}
        for _ in range(each):
            named[client.post("/webhooks", body).body["id"]] = name
    return named


def publish_in_turns(stack, hostile_account, names):
    """Neighbours' events among the hostile ones' all the way; path -> when it was published."""
    published = {}
    for turn in range(EVENTS):
        events = [make_event(hostile_account, f"/{name}/{turn}") for name in names]
        quiet = [f"/neighbour/{turn}-{n}" for n in range(NEIGHBOURS // EVENTS)]
        published.update({path: time.monotonic() for path in quiet})
        stack.topics.publish(*events, *[make_event(stack.neighbour, path) for path in quiet])
    return published


@pytest.mark.parametrize("each", [1, pytest.param(50, marks=pytest.mark.slow)], ids=["twenty", "thousand"])
def test_fifty_hostile_endpoints_and_a_neighbour(stack, hostile, endpoint, each):
    """20 deliveries, or 1,000 of them in a full run, to each of fifty hostile endpoints."""
    api = start_api(stack, TRUEFTP_API_REQUESTS_PER_SECOND="1000")
    account, key = new_account(api, limits={"webhooks": len(hostile) * each})
    stack.neighbour, neighbour_key = new_account(api)
    named = make_webhooks(api.client(key), hostile, each)
    api.client(neighbour_key).post("/webhooks", {"url": endpoint.url("/neighbour")})
    leaks = 1 if os.geteuid() == 0 else 0
    worker = stack.worker(ASAN_OPTIONS=f"detect_leaks={leaks}:exitcode=99:quarantine_size_mb=8")
    before_mib = memory_mib(worker, "VmRSS")

    published = publish_in_turns(stack, account, hostile)
    posts = endpoint.wait_posts(NEIGHBOURS, "/neighbour", seconds=60 + 4 * each, watch=[worker])
    late = {post.json["data"]["path"]: post.monotonic - published[post.json["data"]["path"]] for post in posts}

    expected = len(named) * EVENTS + NEIGHBOURS
    ended = ("delivered", "failed")

    def all_ended():
        counts = collections.Counter(record["status"] for record in stack.topics.last_deliveries().values())
        return sum(counts[status] for status in ended) == expected

    wait_until("every delivery has ended", all_ended, 120 + 10 * each, every=1.0, watch=[worker])
    found = collections.defaultdict(collections.Counter)
    for record in stack.topics.last_deliveries().values():
        name = named.get(record["webhook_id"])
        if name:
            found[name][(record["status"], record["http_status"], record["error"], record["attempt"])] += 1
    wrong = {}
    for name, (_, case) in hostile.items():
        right = {(case.status, case.http_status, case.error, 1): EVENTS * each}
        if dict(found[name]) != right:
            wrong[name] = dict(found[name])
    assert not wrong, "\n".join(f"{name}: {what}" for name, what in wrong.items())
    wait_until("nothing is in flight", lambda: worker.metric("trueftp_worker_http_requests_in_flight") == 0, watch=[worker])
    grown_mib = memory_mib(worker, "VmHWM") - before_mib
    print(f"{expected} deliveries, neighbours' {max(late.values()):.1f} s late at most, the worker grew by {grown_mib:.0f} MiB")
    assert grown_mib < GROWTH_MIB, f"the worker grew by {grown_mib:.0f} MiB"
    assert len(late) == NEIGHBOURS and max(late.values()) < NEIGHBOUR_S, max(late.values())
