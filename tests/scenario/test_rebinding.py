"""A customer's name that is permitted when it is looked at and forbidden the next time: nothing ever goes where it must not, the record
says `blocked_target`, and the delivery goes on by the same rules as after any other failure.

Permitted is 127.0.0.1, the address of the operator's list. At the same port of 127.0.0.2 and ::1 somebody listens whom nobody may
reach."""

import socket
import threading

import pytest
from harness.contract import make_event
from harness.endpoint import Close, Hold, Status
from harness.names import Names, can_be_had
from harness.stack import ACCOUNT
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(not can_be_had(), reason="needs root, for a name server and a mount namespace of its own")

GOOD = "127.0.0.1"
LISTENED = ["127.0.0.2", "::1"]
# 0.0.0.0 would reach the permitted endpoint itself.
FORBIDDEN = [*LISTENED, "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1", "fd00::1", "fe80::1", "::ffff:127.0.0.2", "64:ff9b::7f00:2"]
OLD_MS = 1000  # an answer is used for so long, whatever its time to live says


class Inner:
    """Listens where nobody may come, and counts who comes."""

    def __init__(self, port):
        self.came = 0
        self.listeners = []
        for address in LISTENED:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self.listeners.append(socket.create_server((address, port), family=family))
            threading.Thread(target=self.accept, args=(self.listeners[-1],), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return
            self.came += 1

    def close(self):
        for listener in self.listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@pytest.fixture
def names(tmp_path):
    server = Names(tmp_path)
    yield server
    server.close()


@pytest.fixture
def inner(endpoint):
    server = Inner(endpoint.port)
    yield server
    server.close()
    assert server.came == 0, "somebody was reached whom nobody may reach"


def worker_of(stack, names, **settings):
    """A worker that asks our name server; between two attempts an answer has become old."""
    stack.command = names.command
    waits = {"TRUEFTP_RETRY_BASE_MS": str(2 * OLD_MS), "TRUEFTP_RETRY_FACTOR": "1"}
    return stack.worker(**{**waits, **settings})


def webhook_of(stack, endpoint, name, path, **options):
    return stack.webhook(path, url=f"http://{name}:{endpoint.port}{path}", path_pattern=f"{path}/*", **options)


def errors(record):
    return [at["error"] for at in record["attempts"]]


def by_path(records):
    return {record["path"].split("/")[1]: record for record in records.values()}


def test_between_two_attempts(stack, endpoint, names, inner):
    """The first attempt gets 503 from the permitted address; at the next the name has a forbidden one."""
    for i, forbidden in enumerate(FORBIDDEN):
        name = names.turns(f"w{i}.rebinding.example", GOOD, forbidden)
        endpoint.script(f"/w{i}", Status(503), Status(200))
        webhook_of(stack, endpoint, name, f"/w{i}", max_attempts=3)
    worker_of(stack, names)
    stack.topics.publish(*[make_event(ACCOUNT, f"/w{i}/x") for i in range(len(FORBIDDEN))])
    records = by_path(stack.wait_statuses({"failed": len(FORBIDDEN)}, 60))
    wrong = {FORBIDDEN[i]: errors(records[f"w{i}"]) for i in range(len(FORBIDDEN))}
    assert wrong == {address: ["http_status", "blocked_target", "blocked_target"] for address in FORBIDDEN}
    assert len(endpoint.posts) == len(FORBIDDEN), "each was asked once, by its first attempt"
    for record in records.values():
        assert record["attempts"][1].get("http_status") is None and not record["attempts"][1].get("response")


def test_it_comes_back(stack, endpoint, names, inner):
    """A forbidden answer is a failed attempt like any other: when the name is permitted again, the delivery arrives."""
    name = names.turns("back.rebinding.example", GOOD, "10.0.0.1", GOOD)
    endpoint.script("/back", Status(503), Status(200))
    webhook_of(stack, endpoint, name, "/back", max_attempts=3)
    worker_of(stack, names)
    stack.topics.publish(make_event(ACCOUNT, "/back/x"))
    [record] = stack.wait_statuses({"delivered": 1}, 60).values()
    assert errors(record)[:2] == ["http_status", "blocked_target"] and record["attempt"] == 3
    assert len(endpoint.posts) == 2


def test_between_the_check_and_the_connection(stack, endpoint, names, inner):
    """The name is asked for once, and where it pointed to then is where the connection goes: nobody asks again."""
    name = names.turns("once.rebinding.example", GOOD, LISTENED[0])
    webhook_of(stack, endpoint, name, "/once", max_attempts=1)
    worker_of(stack, names)
    stack.topics.publish(make_event(ACCOUNT, "/once/x"))
    stack.wait_statuses({"delivered": 1})
    assert names.questions(name) == 1 and len(endpoint.posts) == 1


@pytest.mark.parametrize("turn", [f"{GOOD} 10.0.0.1", f"10.0.0.1 {GOOD}", f"{GOOD} {LISTENED[0]}", f"{GOOD} {LISTENED[1]}"])
def test_one_forbidden_address_among_several(stack, endpoint, names, inner, turn):
    """No connection is made to any of them, in whatever order and family they come."""
    name = names.turns("mixed.rebinding.example", turn)
    webhook_of(stack, endpoint, name, "/mixed", max_attempts=1)
    worker_of(stack, names)
    stack.topics.publish(make_event(ACCOUNT, "/mixed/x"))
    [record] = stack.wait_statuses({"failed": 1}).values()
    assert errors(record) == ["blocked_target"] and not endpoint.posts


def test_at_the_end_of_a_chain_of_aliases(stack, endpoint, names, inner):
    """Aliases say nothing; the addresses at their end are looked at, each time."""
    chain = "one.rebinding.example two.rebinding.example"
    good = names.turns("good.rebinding.example", f"{chain} {GOOD}")
    turning = names.turns("turning.rebinding.example", f"{chain} {GOOD}", f"{chain} {LISTENED[0]}")
    inwards = names.turns("inwards.rebinding.example", f"localhost {LISTENED[0]}")
    endpoint.script("/turning", Status(503), Status(200))
    for name, path in ((good, "/good"), (turning, "/turning"), (inwards, "/inwards")):
        webhook_of(stack, endpoint, name, path, max_attempts=2)
    worker_of(stack, names)
    stack.topics.publish(*[make_event(ACCOUNT, f"/{path}/x") for path in ("good", "turning", "inwards")])
    records = by_path(stack.wait_statuses({"delivered": 1, "failed": 2}, 60))
    assert records["good"]["status"] == "delivered"
    assert errors(records["turning"]) == ["http_status", "blocked_target"]
    assert errors(records["inwards"]) == ["blocked_target", "blocked_target"]
    assert len(endpoint.posts) == 2


def test_a_kept_connection(stack, endpoint, names, inner):
    """A connection to the permitted address is open, and would do: once the name is known to lead elsewhere, nothing goes over it."""
    name = names.turns("kept.rebinding.example", GOOD, LISTENED[0])
    webhook_of(stack, endpoint, name, "/kept", max_attempts=1)
    worker = worker_of(stack, names)
    stack.topics.publish(make_event(ACCOUNT, "/kept/first"))
    stack.wait_statuses({"delivered": 1})
    wait_until("the answer is old", lambda: old(endpoint), watch=[worker])
    stack.topics.publish(make_event(ACCOUNT, "/kept/second"))
    records = stack.wait_statuses({"delivered": 1, "failed": 1})
    assert [errors(r) for r in records.values() if r["status"] == "failed"] == [["blocked_target"]]
    assert len(endpoint.posts) == 1


def old(endpoint):
    """The last POST is longer ago than an answer holds."""
    return endpoint.seconds_since_last_post() * 1000 > 1.5 * OLD_MS


def test_under_a_request_on_a_kept_connection(stack, endpoint, names, inner):
    """A request waits for its answer on a kept connection; another of the same name finds it forbidden; then the endpoint closes. What
    would be sent once more over a new connection is not, and the worker lives."""
    name = names.turns("under.rebinding.example", GOOD, LISTENED[0])
    hold = Hold(Close())
    endpoint.script("/slow", hold)
    for path in ("/quick", "/slow"):
        webhook_of(stack, endpoint, name, path, max_attempts=1, timeout_ms=20000)
    worker = worker_of(stack, names)
    stack.topics.publish(make_event(ACCOUNT, "/quick/first"))
    stack.wait_statuses({"delivered": 1})
    stack.topics.publish(make_event(ACCOUNT, "/slow/x"))
    endpoint.wait_posts(1, "/slow", watch=[worker])
    assert worker.metric("trueftp_worker_http_connections_opened_total") == 1, "it is on the kept connection"
    wait_until("the answer is old", lambda: old(endpoint), watch=[worker])
    stack.topics.publish(make_event(ACCOUNT, "/quick/second"))
    stack.wait_deliveries(lambda records: any(r["error"] == "blocked_target" for r in records.values()), "the second is blocked")
    hold.release()
    records = stack.wait_statuses({"delivered": 1, "failed": 2})
    assert sorted(errors(r) for r in records.values() if r["status"] == "failed") == [["blocked_target"]] * 2
    assert len(endpoint.posts) == 2
    worker.expect_running("after all that")
