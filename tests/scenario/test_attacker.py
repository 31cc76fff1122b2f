"""What somebody with an account would try: inner addresses in every way to write them, headers and lines of his own in the requests
that are made for him, file names that mean something to a program, and what he kept of somebody else."""

import json

import pytest
from harness.api import new_account, new_key, start_api
from harness.contract import make_event
from harness.stack import ACCOUNT

INNER = """
https://127.0.0.1/ https://127.1/ https://2130706433/ https://017700000001/ https://0x7f000001/ https://0x7f.0.0.1/ https://0177.0.0.01/
https://127.0.0.1:6379/ https://0/ https://0.0.0.0/ https://10.0.0.1/ https://172.16.0.1/ https://192.168.1.1/ https://100.64.0.1/
https://169.254.169.254/latest/meta-data/ https://169.254.170.2/ https://168.63.129.16/ https://192.0.0.192/ https://224.0.0.1/
https://255.255.255.255/ https://[::1]/ https://[::]/ https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[::127.0.0.1]/
https://[64:ff9b::7f00:1]/ https://[2002:7f00:1::]/ https://[fe80::1]/ https://[fe80::1%25eth0]/ https://[fd00::1]/ https://[fec0::1]/
https://[2001:db8::1]/ https://localhost/ https://LOCALHOST/ https://localhost./ https://a.localhost/
https://metadata.google.internal/ https://metadata.example.com/ https://kubernetes.default.svc/ https://x.svc.cluster.local/
https://printer.local/ https://router.lan/ https://x.home.arpa/ https://host.docker.internal/ https://intranet/
https://user@a.example/ https://user:pass@a.example/ https://a.example@127.0.0.1/ https://a.example#@127.0.0.1/
https://127.0.0.1#@a.example/ https://a.example\\@127.0.0.1/ https://127.0.0.1\\.a.example/ https://a.example?@127.0.0.1/
https:a.example https:/127.0.0.1/ https:///127.0.0.1/ //127.0.0.1/ file:///etc/passwd gopher://a.example/ ftp://a.example/
dict://a.example:11211/ http://a.example/ HTTP://a.example/ javascript:alert(1) https://a.example:22/ https://a.example:25/
https://a.example:0/ https://a.example:65536/ https://a.example:-1/ https://a.example:6379x/ https://a..example/ https://.example/
https://-a.example/ https://a.example./ https://%31%32%37.0.0.1/ https://127%2e0%2e0%2e1/ https://1.2.3.256/ https://1.2.3/
https://４.example/ https://①②⑦.⓪.⓪.①/ https://127。0。0。1/ https://bücher.example/
""".strip()
NAMES = ["/a\r\nX-Evil: 1", "/b\nX-Evil: 1\n\n{}", "/<script>alert(1)</script>", "/=cmd|'/C calc'!A0", "/../../etc/passwd", "/‮gpj.exe"]


@pytest.fixture
def api(stack):
    """As in production: https alone, and no address exempt."""
    return start_api(stack, TRUEFTP_ALLOW_TARGETS="", TRUEFTP_ALLOW_HTTP="0", TRUEFTP_API_REQUESTS_PER_SECOND="10000")


def test_an_inner_address_cannot_be_registered(api):
    client = api.client(new_account(api)[1])
    urls = [*INNER.split(), "https://a.example/x y", "https://a.example/\x00", " https://a.example/", "https://a.example/\r\nHost: b", ""]
    good = client.post("/webhooks", {"url": "https://hooks.customer.example/in", "events": ["*"]}).body["id"]
    let_through = []
    for url in urls:
        made = client.ask("POST", "/webhooks", {"url": url, "events": ["*"]})
        changed = client.ask("PATCH", f"/webhooks/{good}", {"url": url})
        if made.status not in (400, 422) or changed.status not in (400, 422):
            let_through.append((url, made.status, changed.status))
    assert not let_through, let_through
    assert len(urls) > 80
    assert [w["id"] for w in client.get("/webhooks").body["data"]] == [good]


def test_headers_of_ones_own_end_no_line(api):
    client = api.client(new_account(api)[1])
    bad = [{"A": "b\r\nX-Evil: 1"}, {"A": "b\nc"}, {"A": "b\x00c"}, {"A b": "c"}, {"A:": "c"}, {"A\r\nB": "c"}, {"": "c"}, {"A": "ü"}, {"A": " "}]
    bad += [{name: "x"} for name in ("Host", "Content-Length", "transfer-encoding", "Connection", "X-TrueFTP-Signature", "Proxy-Authorization")]
    bad += [{"webhook-signature": "x"}, {f"A{i}": "b" for i in range(21)}, {"A": "b" * 5000}, {"A": 1}, {"A": None}, ["A"], "A: b"]
    for headers in bad:
        reply = client.ask("POST", "/webhooks", {"url": "https://hooks.customer.example/in", "events": ["*"], "headers": headers})
        assert reply.status in (400, 422), (headers, reply.status)


def test_a_name_of_a_file_is_data(stack, endpoint):
    """It comes as JSON in the body, and as nothing else of the request."""
    stack.webhook()
    stack.worker()
    stack.topics.publish(*[make_event(ACCOUNT, name) for name in NAMES])
    posts = endpoint.wait_posts(len(NAMES), watch=stack.running())
    assert sorted(post.json["data"]["path"] for post in posts) == sorted(NAMES)
    for post in posts:
        assert not post.header("X-Evil")
        assert json.loads(post.body)["data"]["path"].encode() not in repr(post.headers).encode()
    stack.wait_statuses({"delivered": len(NAMES)})


def test_what_was_kept_of_somebody_else(stack):
    """A key that was revoked, a webhook's id, a cursor, and an answer to a request that is made again."""
    api = start_api(stack)
    victim_account, victim_key = new_account(api)
    victim, thief = api.client(victim_key), api.client(new_account(api)[1])
    hook = victim.post("/webhooks", {"url": "https://hooks.customer.example/in", "events": ["*"]}, Idempotency_Key="once").body
    again = victim.ask("POST", "/webhooks", {"url": "https://hooks.customer.example/in", "events": ["*"]}, Idempotency_Key="once")
    assert again.status in (200, 201) and again.body["id"] == hook["id"], "the request made again makes nothing new"
    assert "secret" not in again.body or again.body["secret"] is None, "and shows no secret a second time"
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret"), ("POST", "/test"), ("GET", "/deliveries")):
        assert thief.ask(method, f"/webhooks/{hook['id']}{path}", {} if method in ("PATCH", "POST") else None).status == 404
    assert thief.get("/webhooks").body["data"] == []
    assert victim.get(f"/webhooks/{hook['id']}").body["url"] == hook["url"]
    assert new_key(api, victim_account) != victim_key


def status_of(service):
    with open(f"/proc/{service.pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_every_program_is_shut_in(stack):
    """As the kernel has it, not as the program says; and the program says the same."""
    (stack.folder / "log.jsonl").write_text("")
    source = f"[lines]\nformat = jsonl\npath = {stack.folder}/log.jsonl\naccount = constant:{ACCOUNT}\n"
    for service in (stack.worker(), start_api(stack), stack.producer(source)):
        status = status_of(service)
        assert (status["Seccomp"], status["NoNewPrivs"]) == ("2", "1"), service.name
        assert service.wait_fact("sandbox")["seccomp"] == "on"
    off = stack.worker(name="open", ready=False, TRUEFTP_SANDBOX="off")
    off.wait_fact("sandbox", seccomp="off", landlock="off")
    assert status_of(off)["Seccomp"].strip() == "0"
    wrong = stack.worker(name="wrong", ready=False, TRUEFTP_SANDBOX="yes")
    assert wrong.wait_end() == 78 and "TRUEFTP_SANDBOX" in wrong.output()
