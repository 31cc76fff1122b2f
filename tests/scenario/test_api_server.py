"""The server under bad clients, load and a stop."""

import concurrent.futures
import json
import socket
import time

import pytest
from harness.api import EXT, eventually, new_account, new_key, start_api
from harness.stack import ACCOUNT


@pytest.fixture
def api(stack):
    return start_api(stack)


@pytest.fixture
def client(api):
    return api.client(new_key(api, ACCOUNT))


def say(port, text, seconds=10):
    """Raw bytes to the server; all that it answers until it closes, or for so long."""
    with socket.create_connection(("127.0.0.1", port), seconds) as s:
        s.sendall(text)
        s.settimeout(seconds)
        answer = b""
        try:
            while piece := s.recv(65536):
                answer += piece
        except socket.timeout:
            pass
        return answer


def test_what_cannot_be_understood_is_said(client):
    assert client.get("/nothing", 404).body["code"] == "not_found"
    wrong = client.expect(405, "PATCH", "/webhooks", {})
    assert wrong.headers["Allow"] == "GET, HEAD, POST"
    for path in ("/webhooks?limit=0", "/webhooks?limit=101", "/webhooks?limit=x", "/webhooks?limit=1&limit=2", "/webhooks/%zz", "/webhooks/%00"):
        assert client.get(path, 400).body["code"] == "invalid_parameter", path
    assert client.get("/webhooks?cursor=zzz", 400).body["code"] == "invalid_cursor"
    url = EXT + "/webhooks"
    for body in (b"", b"{", b"[]", b"null", b'{"url":1,"url":2}', b'{"url":"\xff"}', b'{"a":' * 40 + b"1" + b"}" * 40, b'{"url":"\\ud800"}x'):
        reply = client.raw("POST", url, body)
        assert (reply.status, reply.body["code"]) == (400, "invalid_json"), body
    assert client.raw("POST", url, b"{}", {"Content-Type": "text/plain"}).body["code"] == "unsupported_media_type"


def test_a_body_that_is_too_large_is_refused_before_it_is_read(api, client):
    reply = client.raw("POST", EXT + "/webhooks", b'{"description":"' + b"x" * 70000 + b'"}')
    assert (reply.status, reply.body["code"]) == (413, "body_too_large")
    head = f"POST {EXT}/webhooks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nContent-Type: application/json\r\n"
    announced = say(api.port, head.encode() + b"Content-Length: 99999999\r\n\r\n", 2)
    assert announced.startswith(b"HTTP/1.1 413")
    piece = b"2000\r\n" + b"x" * 8192 + b"\r\n"
    chunked = say(api.port, head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + piece * 10 + b"0\r\n\r\n", 2)
    assert chunked.startswith(b"HTTP/1.1 413")
    client.get("/webhooks")


def test_pages_hold_together(client, endpoint):
    made = [client.post("/webhooks", {"url": endpoint.url(f"/{n}")}).body["id"] for n in range(7)]
    seen, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/webhooks?limit=3{'&cursor=' + cursor if cursor else ''}").body
        assert len(page["data"]) <= 3
        seen += [w["id"] for w in page["data"]]
        cursor = page["next_cursor"]
    assert seen == made


def test_a_request_id_is_kept_and_stands_in_the_log(api, client):
    reply = client.ask("GET", "/webhooks", None, X_Request_Id="mine-7.a")
    assert reply.headers["X-Request-Id"] == "mine-7.a"
    api.wait_fact("request", request_id="mine-7.a", status=200)
    assert client.ask("GET", "/webhooks", None, X_Request_Id='"; DROP').headers["X-Request-Id"] != '"; DROP'


def test_too_many_requests_of_one_key_are_told_when_to_come_again(stack):
    api = start_api(stack, TRUEFTP_API_REQUESTS_PER_SECOND="5")
    _account, key = new_account(api)
    _other, other_key = new_account(api)
    client = api.client(key)
    replies = [client.ask("GET", "/account") for _ in range(40)]
    refused = [r for r in replies if r.status == 429]
    assert refused and all(int(r.headers["Retry-After"]) >= 1 and r.body["code"] == "rate_limited" for r in refused)
    assert api.client(other_key).ask("GET", "/account").status == 200, "another key is not concerned"
    assert api.metric("trueftp_api_rate_limited_total") == len(refused)


@pytest.mark.slow
def test_connections_are_kept_and_slow_ones_end(api, client):
    with socket.create_connection(("127.0.0.1", api.port), 60) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        began = time.monotonic()
        for _ in range(5):
            client.get("/webhooks")
        slow.settimeout(60)
        try:
            while time.monotonic() - began < 50:
                slow.settimeout(1)
                try:
                    if slow.recv(100) == b"":
                        break
                except socket.timeout:
                    slow.sendall(b"X")  # never silent, never done
        except OSError:
            pass
        assert 15 < time.monotonic() - began < 45


def test_a_stop_finishes_what_is_under_way(api, client, endpoint):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [api.client(client.token) for _ in range(8)]
        made = [pool.submit(c.ask, "POST", "/webhooks", {"url": endpoint.url(f"/{n}")}) for n, c in enumerate(clients)]
        eventually("one is done", lambda: sum(f.done() for f in made), lambda n: n >= 1)
        assert api.stop() == 0
        for future in made:
            try:
                assert future.result().status == 201
            except ConnectionError:
                pass  # it came after the port was closed
    assert not api.complaints()


def test_without_kafka_it_answers_that_it_cannot(stack):
    api = start_api(stack, ready=False, TRUEFTP_KAFKA_BROKERS="127.0.0.1:1")
    assert api.get("/livez").status == 200 and api.get("/readyz").status == 503
    reply = api.client("tfk_00_00").ask("GET", "/webhooks")
    assert (reply.status, reply.body["code"]) == (503, "unavailable") and reply.headers["Retry-After"]
    description = api.client().raw("GET", EXT + "/openapi.json")
    assert description.status == 200 and json.loads(json.dumps(description.body))["openapi"] == "3.1.0"


def test_the_metrics_are_the_documents(api, client):
    client.get("/webhooks")
    text = api.get("/metrics").text
    assert "trueftp_api_requests_total" in text and ACCOUNT not in text and "webhook_id=" not in text
