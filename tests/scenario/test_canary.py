"""Secrets stay where they belong. Each kind of secret is marked, deliveries succeed, fail, are sent again and are signed with a new
secret, settings are wrong, requests are wrong; then everything that the system says or keeps is searched for the marks, as they are
and in the encodings that somebody could have put them into."""

import base64
import json
import pathlib
import re
import subprocess
import urllib.parse

from harness.api import new_key, start_api
from harness.contract import make_event
from harness.ctl import Ctl
from harness.endpoint import Status
from harness.program import environment
from harness.stack import ACCOUNT
from harness.waiting import wait_until

REDIS_PASSWORD = "canary-redis-Zk3vPq9w"
KAFKA_PASSWORD = "canary-kafka-Xw7uTr2e"
HEADER = "canary-header-Jh5nBm8c"
OLD_HEADER = "canary-of-old-Tq4sVx6d"
KINDS = ["events", "webhooks", "accounts", "expectations", "audit", "deliveries", "events.dlq"]


def forms(secret):
    """What to search for: the text, hexadecimal, percent-encoded, and base64 wherever it begins in a longer text."""
    raw = secret.encode()
    found = {raw, raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(secret, safe="").encode()}
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        inner = text[4 if shift else 0 : len(text) - 4]  # without the groups that the neighbours are part of
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Search:
    """All that was gathered, by where it came from."""

    def __init__(self):
        self.places = {}

    def add(self, place, content):
        self.places[place] = self.places.get(place, b"") + (content if isinstance(content, bytes) else str(content).encode())

    def places_with(self, secret):
        wanted = forms(secret)
        return sorted(place for place, content in self.places.items() if any(form in content for form in wanted))


def refused_starts(stack, search):
    """Settings that are wrong beside the secrets, and wrong secrets."""
    bad = stack.folder / "bad.properties"
    bad.write_text(f"sasl.password={KAFKA_PASSWORD}\nsasl.mechanism={KAFKA_PASSWORD}\nno.such.name={KAFKA_PASSWORD}\n")
    cases = [
        {"TRUEFTP_KAFKA_CONFIG": str(bad)},
        {"TRUEFTP_REDIS_URL": f"redis://u:{REDIS_PASSWORD}@[::1/x"},
        {"TRUEFTP_REDIS_URL": f"http://u:{REDIS_PASSWORD}@h"},
        {"TRUEFTP_WORKER_SLOTS": "none", "TRUEFTP_REDIS_URL": f"redis://:{REDIS_PASSWORD}@h"},
    ]
    for i, settings in enumerate(cases):
        env = environment({**stack.settings, **settings})
        done = subprocess.run([stack.bin_dir / "trueftp-worker"], env=env, capture_output=True, timeout=60, check=False)
        assert done.returncode in (64, 78), done
        search.add(f"refused start {i}", done.stdout + done.stderr)


def everything_kept(stack, redis, search):
    for kind in KINDS:
        if kind in ("expectations", "audit", "events.dlq") and stack.topics.broker.embedded:
            continue
        search.add(f"topic {kind}", stack.topics.kcat("-C", "-q", "-e", "-o", "beginning", "-t", stack.topics.name(kind), "-f", "%k %h %s\n"))
    redis.command("CONFIG", "SET", "rdbcompression", "no")
    assert redis.command("SAVE") == "OK"
    search.add("redis", (stack.folder / "dump.rdb").read_bytes())
    for file in (stack.folder / "api-data").rglob("*"):
        if file.is_file():
            search.add("view", file.read_bytes())


def everything_said(stack, api, search):
    for service in stack.services:
        search.add(f"log of {service.name}", service.log_path.read_bytes())
        search.add(f"metrics of {service.name}", service.get("/metrics").text)
    search.add("GET accounts", json.dumps(api.admin().get(f"/accounts/{ACCOUNT}").body))
    search.add("GET keys", json.dumps(api.admin().get(f"/accounts/{ACCOUNT}/keys").body))


def everything_shown(client, webhook, search, to=""):
    one = client.get(f"/webhooks/{webhook}/deliveries").body["data"][0]["delivery_id"]
    shown = {
        "GET webhooks": "/webhooks",
        "GET webhook": f"/webhooks/{webhook}",
        "GET deliveries": f"/webhooks/{webhook}/deliveries",
        "GET delivery": f"/webhooks/{webhook}/deliveries/{one}",
        "GET events": "/events",
        "GET audit": "/audit",
        "GET sessions": "/sessions",
    }
    for place, path in shown.items():
        search.add(place + to, json.dumps(client.get(path).body))


def wrong_requests(api, secrets, search):
    """Secrets where they do not belong: what is said about them does not repeat them."""
    for i, secret in enumerate(secrets):
        client = api.client(secret + "x")
        for method, path, body in (
            ("GET", "/webhooks", None),
            ("POST", "/webhooks", {"url": f"https://u:{secret}@a.example/", "events": ["*"]}),
            ("POST", "/session", {"key": secret + "x"}),
        ):
            search.add(f"refused request {i}", json.dumps(client.ask(method, path, body).body))


def wrong_headers(client, url, search):
    for i, headers in enumerate(({"X-A": HEADER + "\n"}, {"X-A": HEADER * 300}, {"Host": HEADER}, {"X-A": [HEADER]}, {"X-A": {"sealed": HEADER}})):
        reply = client.ask("POST", "/webhooks", {"url": url, "headers": headers})
        assert reply.status in (400, 422), reply
        search.add(f"refused header {i}", json.dumps(reply.body))


def core_limits(service):
    text = open(f"/proc/{service.pid}/limits", encoding="ascii").read()
    return re.search(r"Max core file size +(\S+) +(\S+)", text).groups()


def test_secrets_are_nowhere_else(stack, endpoint, redis):
    assert redis.command("ACL", "SETUSER", "canary", "on", f">{REDIS_PASSWORD}", "~*", "&*", "+@all") == "OK"
    properties = stack.folder / "kafka.properties"
    properties.write_text(f"sasl.password={KAFKA_PASSWORD}\nsasl.username=u\nssl.key.password={KAFKA_PASSWORD}\n")
    stack.settings["TRUEFTP_REDIS_URL"] = f"redis://canary:{REDIS_PASSWORD}@127.0.0.1:{redis.port}"
    stack.settings["TRUEFTP_KAFKA_CONFIG"] = str(properties)
    stack.settings["TRUEFTP_LOG_LEVEL"] = "debug"
    search = Search()

    api = start_api(stack)
    key = new_key(api, ACCOUNT)
    client = api.client(key)
    wait_until("the key is known", lambda: client.ask("GET", "/webhooks").status == 200)
    made = client.post("/webhooks", {"url": endpoint.url("/a"), "events": ["*"], "headers": {"Authorization": HEADER}, "max_attempts": 2}).body
    webhook, first_secret = made["id"], made["secret"]
    # From before values were sealed: in the clear in the topic, until it is re-wrapped and compacted.
    of_old = stack.webhook("/of-old", headers={"X-Old": OLD_HEADER}, max_attempts=1)
    wait_until("the API has read it", lambda: client.ask("GET", f"/webhooks/{of_old.id}").status == 200)
    signed_in = client.post("/session", {"key": key}, Origin=f"http://127.0.0.1:{api.port}")
    endpoint.script("/a", Status(500, b"no"), Status(503), Status(200))
    worker = stack.worker()
    stack.topics.publish(*[make_event(ACCOUNT, f"/f{i}") for i in range(3)])
    stack.wait_statuses({"failed": 3, "delivered": 3})
    second_secret = client.post(f"/webhooks/{webhook}/rotate-secret", {"overlap_s": 3600}, status=200).body["secret"]
    one = next(d for d, record in stack.topics.last_deliveries().items() if record["status"] == "failed")
    wait_until("the view has it", lambda: client.ask("GET", f"/webhooks/{webhook}/deliveries/{one}").status == 200)
    client.post(f"/webhooks/{webhook}/deliveries/{one}/redeliver", status=202)
    stack.topics.write("events", "x", b"\xff not an event")
    stack.wait_deliveries(lambda records: len(records) == 7, "the redelivery is recorded")
    assert all(post.header("Authorization") == HEADER for post in endpoint.posts_to("/a")), "it is sent, and meant for the endpoint"
    assert all(post.header("X-Old") == OLD_HEADER for post in endpoint.posts_to("/of-old"))

    admin_token = (stack.folder / "admin-token").read_text().strip()
    key_bytes = stack.key_file.read_text().split()[1]
    secrets = {
        "the first webhook secret": first_secret.removeprefix("whsec_"),
        "the second webhook secret": second_secret.removeprefix("whsec_"),
        "the API key": key.split("_")[-1],
        "the admin token": admin_token,
        "the key that seals": key_bytes,
        "Redis's password": REDIS_PASSWORD,
        "Kafka's password": KAFKA_PASSWORD,
        "the session's cookie": signed_in.headers["Set-Cookie"].split(";")[0].split("=", 1)[1],
        "the session's token": signed_in.body["csrf_token"],
    }
    wrong_requests(api, [key, admin_token, first_secret], search)
    wrong_headers(client, endpoint.url("/a"), search)
    refused_starts(stack, search)
    ctl = Ctl(stack, api)
    search.add("trueftpctl secrets rewrap", ctl.out("secrets", "rewrap"))
    secrets["the command line's API key"] = pathlib.Path(ctl.settings["TRUEFTP_API_KEY_FILE"]).read_text(encoding="utf-8").strip().split("_")[-1]
    for args in (["webhooks", "list"], ["webhooks", "get", webhook], ["accounts", "get", ACCOUNT], ["deliveries", "get", webhook, one], ["audit", "list"]):
        done = ctl.run(*args, **stack.settings)
        assert done.returncode == 0, done.stderr
        search.add(f"trueftpctl {' '.join(args[:2])}", (done.stdout + done.stderr).encode())
    everything_shown(client, webhook, search)
    everything_shown(api.client(new_key(api, ACCOUNT, scopes=["read"])), webhook, search, " with a key that may only read")
    everything_said(stack, api, search)
    everything_kept(stack, redis, search)

    assert core_limits(worker) == core_limits(api) == ("0", "0"), "no core is written"
    wrong = {name: places for name, secret in secrets.items() if (places := search.places_with(secret))}
    assert not wrong, wrong
    # The value of a customer's header is shown to who may change the webhook, also with a delivery; and is nowhere else. That it is
    # found there also shows that the search finds. One of old stands in its first record, which the topic's compaction takes away.
    shown = {"GET webhooks", "GET webhook", "GET delivery", "trueftpctl webhooks list", "trueftpctl webhooks get", "trueftpctl deliveries get"}
    assert {"GET webhook", "GET delivery"} <= set(search.places_with(HEADER)) <= shown, search.places_with(HEADER)
    assert {"topic webhooks", "GET webhooks"} <= set(search.places_with(OLD_HEADER)) <= shown | {"topic webhooks"}, search.places_with(OLD_HEADER)
    newest = {r.key: r.value for r in stack.topics.read("webhooks")}
    assert OLD_HEADER not in newest[of_old.id] and "v1." in newest[of_old.id]
