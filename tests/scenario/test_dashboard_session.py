"""Sessions, files and streams of the dashboard, over plain HTTP: what a browser gets, and what others do not."""

import hashlib
import json
import pathlib
import re
import signal
import socket

import pytest
from harness.api import new_account, new_key, start_api
from harness.contract import make_event
from harness.stack import ACCOUNT
from harness.waiting import wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = ROOT / "api/dashboard/assets"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)


@pytest.fixture
def api(stack):
    return start_api(stack)


def origin(api):
    return f"http://127.0.0.1:{api.port}"


class Session:
    """What a browser keeps of one."""

    def __init__(self, api, key, agent="a browser"):
        self.made = api.client().post("/session", {"key": key}, Origin=origin(api), User_Agent=agent)
        self.cookie = self.made.headers["Set-Cookie"].split(";")[0]
        self.csrf = self.made.body["csrf_token"]

    def ask(self, api, method, path, body=None, **headers):
        return api.client().ask(method, path, body, Cookie=self.cookie, **headers)

    def change(self, api, method, path, body=None, **headers):
        return self.ask(api, method, path, body, **{"X_CSRF_Token": self.csrf, "Origin": origin(api), **headers})


# ---- sessions


def test_a_session_from_sign_in_to_sign_out(api):
    key = new_key(api, ACCOUNT)
    session = Session(api, key)
    attributes = session.made.headers["Set-Cookie"]
    assert attributes.startswith("__Host-trueftp=") and key.split("_")[2] not in attributes
    for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=Strict"):
        assert attribute in attributes.split("; ")
    shown = session.ask(api, "GET", "/session")
    assert shown.status == 200 and shown.body == session.made.body
    assert shown.body["account"]["id"] == ACCOUNT
    assert session.ask(api, "GET", "/webhooks").body["data"] == []
    assert session.ask(api, "GET", "/accounts").status == 404
    out = session.change(api, "DELETE", "/session")
    assert out.status == 204 and "Max-Age=0" in out.headers["Set-Cookie"]
    assert session.ask(api, "GET", "/session").status == 401, "a copy of the cookie opens nothing any more"


def test_every_replica_accepts_a_session(stack, api, endpoint):
    other = start_api(stack, "other")
    session = Session(api, new_key(api, ACCOUNT))
    wait_until("the other replica accepts it", lambda: session.ask(other, "GET", "/session").status == 200)
    assert session.change(other, "POST", "/webhooks", {"url": endpoint.url("/hook")}).status == 201


def test_a_change_needs_the_token_and_the_origin(api, endpoint):
    session = Session(api, new_key(api, ACCOUNT))
    body = {"url": endpoint.url("/hook")}
    for headers in (
        {},
        {"X_CSRF_Token": session.csrf},
        {"Origin": origin(api)},
        {"X_CSRF_Token": session.csrf, "Origin": "https://evil.example"},
        {"X_CSRF_Token": session.csrf, "Origin": "null"},
        {"X_CSRF_Token": session.csrf[:-1], "Origin": origin(api)},
        {"X_CSRF_Token": "0" * len(session.csrf), "Origin": origin(api)},
    ):
        refused = session.ask(api, "POST", "/webhooks", body, **headers)
        assert (refused.status, refused.body["code"]) == (403, "csrf_failed"), headers
    assert session.change(api, "POST", "/webhooks", body).status == 201
    elsewhere = api.client().ask("POST", "/session", {"key": "x"}, Origin="https://evil.example")
    assert elsewhere.body["code"] == "csrf_failed", "a page of elsewhere signs nobody in"


def test_what_is_no_session_opens_nothing(api):
    session = Session(api, new_key(api, ACCOUNT))
    for cookie in ("__Host-trueftp=", "__Host-trueftp=v1.x.y.z", session.cookie[:-4], session.cookie.replace("__Host-", ""), session.cookie + "AAAA"):
        assert api.client().ask("GET", "/session", Cookie=cookie).status == 401
    assert api.client().ask("POST", "/session", {"key": "tfk_0_0"}, Origin=origin(api)).status == 401
    for body, field in (({}, "key"), ({"key": 7}, "key"), ({"key": "x", "more": 1}, "more"), ({"key": "x" * 300}, "key")):
        [error] = api.client().post("/session", body, 422).body["errors"]
        assert error["field"] == field
    assert api.client(new_key(api, ACCOUNT)).ask("GET", "/session").status == 401, "a key is no session"


def test_a_session_may_do_what_its_key_may(api, endpoint):
    session = Session(api, new_key(api, ACCOUNT, scopes=["read"]))
    assert session.ask(api, "GET", "/webhooks").status == 200
    refused = session.change(api, "POST", "/webhooks", {"url": endpoint.url("/hook")})
    assert refused.body["code"] == "scope_required"


def test_a_revoked_key_ends_its_session_and_streams(stack, api, endpoint):
    account, key = new_account(api)
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook")}).body
    session = Session(api, key)
    stream = Stream(api, session, made["id"])
    stream.wait("id: ")
    key_id = key.split("_")[1]
    api.admin().delete(f"/accounts/{account}/keys/{key_id}")
    wait_until("the session is over", lambda: session.ask(api, "GET", "/session").status == 401, seconds=5)
    stream.wait_end(5)


# ---- which there are, and ending one


def is_over(api, session):
    wait_until(f"the session is over at {api.name}", lambda: session.ask(api, "GET", "/session").status == 401, seconds=5)


def test_a_stolen_session_is_ended_alone(stack, api, endpoint):
    """Somebody has a copy of a cookie. Its owner sees the session in the list, from another browser and at another replica, and ends
    it: cookie and stream of it are over everywhere, those of others are not, and it stays so for a replica that starts later."""
    account, key = new_account(api)
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook")}).body
    other = start_api(stack, "other")
    stolen, mine = Session(api, key, "Thief\u202e <b>".encode()), Session(api, key, "Firefox")
    wait_until("the other replica knows both", lambda: len(mine.ask(other, "GET", "/sessions").body["data"]) == 2)
    streams = [Stream(api, stolen, made["id"]).wait("id: "), Stream(api, mine, made["id"]).wait("id: ")]
    listed = {s["user_agent"]: s for s in mine.ask(other, "GET", "/sessions").body["data"]}
    agent = next(a for a in listed if a != "Firefox")
    assert listed["Firefox"]["current"] and not listed[agent]["current"]
    for one in listed.values():
        assert one["key_id"] == key.split("_")[1] and one["created_at"] <= one["last_used_at"] < one["expires_at"]
        assert set(one) == {"id", "key_id", "created_at", "last_used_at", "expires_at", "user_agent", "current"}
    path = f"/sessions/{listed[agent]['id']}"
    assert mine.ask(other, "DELETE", path).body["code"] == "csrf_failed"
    assert mine.change(other, "DELETE", path).status == 204
    for replica in (other, api):
        is_over(replica, stolen)
        assert mine.ask(replica, "GET", "/session").status == 200
    streams[0].wait_end(5)
    streams[1].read()
    assert not streams[1].ended
    assert mine.change(other, "DELETE", path).status == 404, "it is not there any more"
    assert [s["current"] for s in mine.ask(other, "GET", "/sessions").body["data"]] == [True]
    fresh = start_api(stack, "fresh")
    assert stolen.ask(fresh, "GET", "/session").status == 401 and mine.ask(fresh, "GET", "/session").status == 200
    trail = [e for e in api.client(key).get("/audit").body["data"] if e["action"].startswith("session.")]
    assert [(e["action"], e["target"] == listed[agent]["id"]) for e in trail] == [("session.end", True), ("session.begin", False), ("session.begin", True)]
    assert trail[0]["actor"] == f"key:{key.split('_')[1]}" and {e["account_id"] for e in trail} == {account}


def test_all_others_are_ended(stack, api):
    key, second = new_key(api, ACCOUNT), new_key(api, ACCOUNT)
    mine, others = Session(api, key), [Session(api, key), Session(api, second), Session(api, second)]
    ended = mine.change(api, "DELETE", "/sessions")
    assert (ended.status, ended.body) == (200, {"ended": 3})
    for session in others:
        is_over(api, session)
    assert mine.ask(api, "GET", "/session").status == 200
    assert api.client(key).expect(200, "DELETE", "/sessions", None).body == {"ended": 1}, "asked with a key: all of them"
    is_over(api, mine)
    assert Session(api, key).ask(api, "GET", "/session").status == 200, "the key itself goes on"


def test_sessions_are_ones_own_accounts(api):
    """Nobody sees or ends another account's, whatever they ask for."""
    _, key = new_account(api)
    session = Session(api, key)
    [own] = session.ask(api, "GET", "/sessions").body["data"]
    _, other_key = new_account(api)
    stranger, theirs = api.client(other_key), Session(api, other_key)
    assert own["id"] not in json.dumps(stranger.get("/sessions").body)
    for refused in (stranger.ask("DELETE", f"/sessions/{own['id']}"), theirs.change(api, "DELETE", f"/sessions/{own['id']}")):
        assert (refused.status, refused.body["code"]) == (404, "not_found")
    assert theirs.change(api, "DELETE", "/sessions").body == {"ended": 0}
    assert stranger.expect(200, "DELETE", "/sessions", None).body == {"ended": 1}
    assert session.ask(api, "GET", "/session").status == 200


def test_a_key_that_may_only_read_ends_what_began_with_it(api):
    writer, reader = new_key(api, ACCOUNT), new_key(api, ACCOUNT, scopes=["read"])
    big, small, second = Session(api, writer), Session(api, reader), Session(api, reader)
    listed = {s["id"]: s["key_id"] for s in small.ask(api, "GET", "/sessions").body["data"]}
    [of_big] = [i for i, k in listed.items() if k == writer.split("_")[1]]
    refused = small.change(api, "DELETE", f"/sessions/{of_big}")
    assert (refused.status, refused.body["code"]) == (403, "scope_required")
    assert small.change(api, "DELETE", "/sessions").body == {"ended": 1}
    is_over(api, second)
    assert big.ask(api, "GET", "/session").status == 200 and small.ask(api, "GET", "/session").status == 200


def test_a_session_of_a_revoked_key_is_listed_no_more(api):
    account, key = new_account(api)
    gone = new_key(api, account)
    Session(api, gone)
    mine = Session(api, key)
    assert len(mine.ask(api, "GET", "/sessions").body["data"]) == 2
    api.admin().delete(f"/accounts/{account}/keys/{gone.split('_')[1]}")
    assert [s["current"] for s in mine.ask(api, "GET", "/sessions").body["data"]] == [True]


@pytest.mark.real_kafka
def test_nobody_is_signed_in_or_out_behind_the_trails_back(own_kafka, stack):
    """While Kafka does not answer, no session begins that could not be listed; and who signs out is told that a copy may go on."""
    api = start_api(stack)
    key = new_key(api, ACCOUNT)
    session = Session(api, key)
    own_kafka.signal(signal.SIGSTOP)
    try:
        refused = api.client().ask("POST", "/session", {"key": key}, Origin=origin(api))
        assert (refused.status, refused.body["code"]) == (503, "unavailable") and "Set-Cookie" not in refused.headers
        out = session.change(api, "DELETE", "/session")
        assert (out.status, out.body["code"]) == (503, "unavailable") and "Max-Age=0" in out.headers["Set-Cookie"]
    finally:
        own_kafka.signal(signal.SIGCONT)

    def told_again():
        api.expect_running("asking again")
        return api.client().ask("POST", "/session", {"key": key}, Origin=origin(api)).status == 201

    wait_until("it can be told again", told_again, 60, watch=[api])


# ---- streams


class Stream:
    """A connection that server-sent events come in on."""

    def __init__(self, api, session, webhook_id, last_id=None, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(("127.0.0.1", api.port))
        last = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        head = f"GET /api/ext/v1/webhooks/{webhook_id}/stream HTTP/1.1\r\nHost: x\r\nCookie: {session.cookie}\r\n{last}\r\n"
        self.socket.sendall(head.encode())
        self.socket.settimeout(0.2)
        self.got, self.ended = "", False

    def read(self):
        try:
            piece = self.socket.recv(65536)
            self.ended = self.ended or not piece or piece.endswith(b"0\r\n\r\n")
            self.got += piece.decode("utf-8", "replace")
        except TimeoutError:
            pass
        except ConnectionError:
            self.ended = True
        return self.got

    def wait(self, text, seconds=20):
        wait_until(f"the stream says {text!r}", lambda: text in self.read(), seconds)
        return self

    def wait_end(self, seconds=20):
        wait_until("the stream has ended", lambda: (self.read(), self.ended)[1], seconds)

    @property
    def last_id(self):
        return re.findall(r"^id: (\S+)", self.got, re.M)[-1]


def test_a_stream_goes_on_where_it_was_cut(stack, api, endpoint):
    key = new_key(api, ACCOUNT)
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook")}).body
    session = Session(api, key)
    stack.worker()
    stream = Stream(api, session, made["id"]).wait("id: ")
    stack.topics.publish(make_event(ACCOUNT, "/one"))
    stream.wait('"path":"/one"')
    assert stream.got.startswith("HTTP/1.1 200") and "text/event-stream" in stream.got
    stream.socket.close()
    stack.topics.publish(make_event(ACCOUNT, "/two"))
    stack.wait_statuses({"delivered": 2})
    again = Stream(api, session, made["id"], stream.last_id).wait('"path":"/two"')
    assert "event: reset" not in again.got and '"path":"/one"' not in again.got
    Stream(api, session, made["id"], "another-replica.7").wait("event: reset")


def test_a_stream_is_of_ones_own_webhook(api, endpoint):
    made = api.client(new_key(api, ACCOUNT)).post("/webhooks", {"url": endpoint.url("/hook")}).body
    _, key = new_account(api)
    Stream(api, Session(api, key), made["id"]).wait("404")


# ---- files


def test_files_are_sent_with_the_policy_and_kept_by_their_etag(api):
    client = api.client()
    page = client.raw("GET", "/")
    assert page.status == 200 and page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"] == POLICY
    assert page.headers["X-Content-Type-Options"] == "nosniff" and page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-cache"
    assert client.raw("GET", "/", headers={"If-None-Match": page.headers["ETag"]}).status == 304
    assert client.raw("GET", "/", headers={"If-None-Match": '"other"'}).status == 200
    head = client.raw("HEAD", "/js/main.js")
    assert head.status == 200 and head.body == b"" and int(head.headers["Content-Length"]) == (ASSETS / "js/main.js").stat().st_size
    assert client.raw("POST", "/", b"{}").status == 405
    for path in ("/../etc/passwd", "/%2e%2e/api.h", "/js/", "/js", "/vendor/README.md", "/nothing"):
        assert client.raw("GET", path).status == 404, path
    for path in ASSETS.rglob("*"):
        if path.is_file() and path.suffix != ".md":
            answer = client.raw("GET", f"/{path.relative_to(ASSETS)}")
            assert answer.status == 200 and answer.body == path.read_bytes(), path


def test_pages_hold_nothing_inline():
    """What the policy would refuse is not there to begin with."""
    page = (ASSETS / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", page)
    for path in (ASSETS / "js").rglob("*.js"):
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()), path


def test_what_is_vendored_is_what_was_published():
    table = (ASSETS / "vendor/README.md").read_text()
    named = dict(re.findall(r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$", table, re.M))
    there = {p.name for p in (ASSETS / "vendor").iterdir()} - {"README.md", "LICENSE"}
    assert set(named) == there
    for name, digest in named.items():
        assert hashlib.sha256((ASSETS / "vendor" / name).read_bytes()).hexdigest() == digest, name
