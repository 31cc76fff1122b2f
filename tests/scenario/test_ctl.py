"""trueftpctl as a client of the API: every call of it against the real one, and what it does when things go wrong."""

import http.server
import json
import pathlib
import signal
import subprocess
import threading

import pytest
from harness.api import ADMIN_TOKEN, start_api
from harness.contract import make_event, signature, standard_signature
from harness.ctl import Ctl
from harness.endpoint import Status
from harness.program import environment
from harness.stack import ACCOUNT
from harness.waiting import wait_until

HOSTILE = "/in/\x1b[2J\u202egpj.exe\r<img src=x>"


@pytest.fixture
def api(stack):
    return start_api(stack)


@pytest.fixture
def ctl(stack, api):
    return Ctl(stack, api)


@pytest.fixture
def follow(ctl):
    """Starts commands that go on; they end with the scenario."""
    started = []

    def start(name, *args):
        started.append(ctl.start(name, *args))
        return started[-1]

    yield start
    for program in started:
        program.kill()
        assert not program.complaints()


def said(program, what, seconds=20.0):
    wait_until(f"{program.name} says {what}", lambda: what in program.output(), seconds, watch=[program])


# ---- every command


def test_accounts_and_keys(ctl):
    """The bootstrap: the operator's token makes an account, and its first key."""
    assert {plan["name"] for plan in ctl.lines("plans", "list")} >= {"free", "pro"}
    made = ctl.json("accounts", "create", "acc_new", "--name", "New \u202e one", "--plan", "pro", "--max-webhooks", 1)
    assert (made["id"], made["limits"]["webhooks"], made["version"]) == ("acc_new", 1, 1)
    assert "is there already" in ctl.out("accounts", "create", "acc_new", status=5)
    assert ctl.json("accounts", "update", "acc_new", "--pool", "gold", "--if-version", 1)["pool"] == "gold"
    assert "version" in ctl.out("accounts", "update", "acc_new", "--pool", "", "--if-version", 1, status=5)
    assert {a["id"] for a in ctl.lines("accounts", "list")} == {ACCOUNT, "acc_new"}
    table = ctl.out("accounts", "list")
    assert table.startswith("ACCOUNT") and "New \\u202e one" in table and "\u202e" not in table
    assert ["pool", "gold"] in [line.split() for line in ctl.out("accounts", "get", "acc_new").splitlines()]
    ctl.out("accounts", "get", "acc_none", status=4)

    key = ctl.json("keys", "create", "acc_new", "--scopes", "read", "--description", "for a test", "--expires", "1h")
    assert (key["scopes"], key["description"]) == (["read"], "for a test")
    own = {"TRUEFTP_API_KEY": key["key"], "TRUEFTP_API_KEY_FILE": ""}
    me = ctl.json("whoami", **own)
    assert (me["id"], me["key"]["id"]) == ("acc_new", key["id"])
    assert "scope_required" in ctl.out("webhooks", "create", "--url", "https://example.com/", status=77, **own)
    assert [k["id"] for k in ctl.lines("keys", "list", "acc_new")] == [key["id"]]
    assert ctl.out("keys", "revoke", "acc_new", key["id"]) == "revoked\n"
    assert "unauthorized" in ctl.out("whoami", status=77, **own)
    actions = [entry["action"] for entry in ctl.lines("accounts", "audit", "acc_new")]
    assert {"account.create", "account.update", "key.create", "key.revoke"} <= set(actions)


def test_sessions(api, ctl):
    """Of the dashboard: whoever has the key can end them from here."""
    key = pathlib.Path(ctl.settings["TRUEFTP_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
    for agent in ("Firefox", ("Chromium " + HOSTILE[4:9]).encode()):
        api.client().post("/session", {"key": key}, User_Agent=agent)
    listed = ctl.lines("sessions", "list")
    assert len(listed) == 2 and not any(s["current"] for s in listed)
    table = ctl.out("sessions", "list")
    assert table.startswith("SESSION") and "Firefox" in table and "\x1b" not in table
    assert ctl.out("sessions", "end", listed[0]["id"]) == "ended\n"
    ctl.out("sessions", "end", listed[0]["id"], status=4)
    assert ctl.json("sessions", "end-all") == {"ended": 1}
    assert ctl.lines("sessions", "list") == []


def test_replicas_that_seal_with_different_keys_are_told(bin_dir, scripted, tmp_path):
    """One replica has not read the changed key file yet: what it does now would have to be done again."""
    token = tmp_path / "token"
    token.write_text("t")
    token.chmod(0o600)
    portions = [
        {"key_id": "k2", "rewrapped": 1, "newest": 0, "failed": [], "next_cursor": "MC54"},
        {"key_id": "k1", "rewrapped": 1, "newest": 0, "failed": [], "next_cursor": None},
    ]
    scripted.answers = [(200, {}, json.dumps(portion).encode()) for portion in portions]
    done = alone(bin_dir, scripted, "secrets", "rewrap", "--admin-token-file", str(token))
    assert done.returncode == 1 and "one replica seals with key k2, another with k1" in done.stderr and not done.stdout
    assert [path.split("?")[1] for _, path, _, _ in scripted.asked] == ["limit=100", "limit=100&cursor=MC54"]
    scripted.asked.clear()
    portions[1]["key_id"] = "k2"
    scripted.answers = [(503, {}, problem("unavailable", 503))] + [(200, {}, json.dumps(portion).encode()) for portion in portions]
    done = alone(bin_dir, scripted, "secrets", "rewrap", "--admin-token-file", str(token), "-o", "json")
    assert json.loads(done.stdout) == {"key_id": "k2", "rewrapped": 2, "newest": 0, "failed": 0}, "a portion may be repeated"


def test_webhooks(ctl, endpoint):
    options = ("--url", endpoint.url("/hook"), "--events", "file.uploaded,dir.created", "--path-pattern", "/in/**", "--header", "X-Own: a: b")
    made = ctl.json("webhooks", "create", *options, "--max-attempts", 5, "--signature", "both", "--idempotency-key", "k1")
    webhook = made["id"]
    assert made["secret"].startswith("whsec_") and made["headers"] == {"X-Own": "a: b"} and made["path_patterns"] == ["/in/**"]
    again = ctl.run("webhooks", "create", *options, "--max-attempts", 5, "--signature", "both", "--idempotency-key", "k1", "-o", "json")
    assert json.loads(again.stdout)["id"] == webhook and "secret" not in json.loads(again.stdout)
    assert "it was there already" in again.stderr
    assert ctl.json("webhooks", "get", webhook)["version"] == 1

    wrong = ctl.out("webhooks", "create", "--url", "ftp://x", "--events", "file.up", "--signature", "none", status=1)
    assert "--url: " in wrong and "--events[0]: " in wrong and "--signature: " in wrong and "validation_failed" in wrong

    changed = ctl.json("webhooks", "update", webhook, "--pause", "--header", "", "--rate-limit", 7, "--if-version", 1)
    assert (changed["enabled"], changed["headers"], changed["rate_limit_per_second"], changed["version"]) == (False, {}, 7, 2)
    assert "paused" in ctl.out("webhooks", "list")
    assert "it was changed since that version" in ctl.out("webhooks", "update", webhook, "--enable", "--if-version", 1, status=5)
    assert ctl.json("webhooks", "update", webhook, "--disable", "too much")["disabled_reason"] == "too much"
    assert "disabled" in ctl.out("webhooks", "list")
    body = json.dumps({"enabled": True, "description": "from a file"})
    changed = ctl.json("webhooks", "update", webhook, "--from-file", "-", "--max-attempts", 3, stdin=body)
    assert (changed["description"], changed["max_attempts"], changed["enabled"]) == ("from a file", 3, True)

    rotated = ctl.json("webhooks", "rotate-secret", webhook, "--overlap-s", 60)
    assert rotated["secret"] not in ("", made["secret"]) and rotated["previous_expires_at"]
    assert ctl.out("webhooks", "delete", webhook) == "deleted\n"
    ctl.out("webhooks", "get", webhook, status=4)
    assert {"webhook.create", "webhook.update", "webhook.delete"} <= {entry["action"] for entry in ctl.lines("audit", "list")}


def test_pages_are_followed(ctl):
    made = {ctl.json("webhooks", "create", "--url", f"https://example.com/{n}")["id"] for n in range(3)}
    assert {w["id"] for w in ctl.lines("webhooks", "list", "--limit", 0)} == made
    some = ctl.run("webhooks", "list", "--limit", 2)
    assert len(some.stdout.splitlines()) == 3 and "there is more" in some.stderr


def test_deliveries_and_what_belongs_to_them(stack, ctl, endpoint):
    """Two deliveries, of which one fails: shown, sent again, recovered, balanced; under names that would rule a terminal."""
    webhook = ctl.json("webhooks", "create", "--url", endpoint.url("/hook"), "--max-attempts", 1)["id"]
    endpoint.script("/hook", Status(500))
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, HOSTILE))
    stack.wait_statuses({"failed": 1})
    endpoint.script("/hook", Status(200))
    stack.topics.publish(make_event(ACCOUNT, "/fine.csv"))
    stack.wait_statuses({"failed": 1, "delivered": 1})
    wait_until("the view has both", lambda: len(ctl.lines("deliveries", "list", webhook)) == 2, every=0.2)

    table = ctl.out("deliveries", "list", webhook)
    assert "\x1b" not in table and "\u202e" not in table and "\\x1b[2J\\u202egpj.exe\\r<img src=x>" in table
    assert len(table.splitlines()) == 3
    [failed] = ctl.lines("deliveries", "list", webhook, "--status", "failed", "--since", "1h")
    assert failed["path"] == HOSTILE
    assert not ctl.lines("deliveries", "list", webhook, "--until", "1h")
    shown = ctl.out("deliveries", "get", webhook, failed["delivery_id"])
    assert "\nattempts:\n" in shown and "http_status" in shown and "\x1b" not in shown
    assert json.loads(ctl.json("deliveries", "get", webhook, failed["delivery_id"])["body"])["data"]["path"] == HOSTILE
    assert "/fine.csv" in ctl.out("deliveries", "tail", webhook).splitlines()[-1]
    assert [d["path"] for d in ctl.lines("deliveries", "tail", webhook)] == [HOSTILE, "/fine.csv"]

    again = ctl.json("deliveries", "redeliver", webhook, failed["delivery_id"])
    assert (again["generation"], again["original_delivery_id"]) == (1, failed["delivery_id"])
    stack.wait_statuses({"failed": 1, "delivered": 2})
    recovery = ctl.json("recoveries", "create", webhook, "--since", "1h")
    done = wait_until("it is done", lambda: (r := ctl.json("recoveries", "get", webhook, recovery["recovery_id"]))["state"] == "done" and r, every=0.2)
    assert done["sent"] == 0, "it was sent again already"
    assert ctl.json("recoveries", "cancel", webhook, recovery["recovery_id"])["state"] == "done"
    assert [r["recovery_id"] for r in ctl.lines("recoveries", "list", webhook)] == [recovery["recovery_id"]]
    ctl.json("webhooks", "test", webhook, "--event", "file.deleted", "--path", "/trial")
    wait_until("the test is delivered", lambda: any(d["test"] for d in ctl.lines("deliveries", "list", webhook)), every=0.2)

    assert {e["path"] for e in ctl.lines("events", "list", "--event", "file.uploaded")} == {HOSTILE, "/fine.csv"}
    assert [e["path"] for e in ctl.lines("events", "list", "--path-prefix", "/fine")] == ["/fine.csv"]
    assert "\\u202e" in ctl.out("events", "list")
    balance = ctl.lines("reconciliation", "--since", "1h")[-1]
    assert (balance["owed"], balance["missing"]) == (2, 0)
    assert ["owed", "2"] in [line.split() for line in ctl.out("reconciliation").splitlines()]
    assert ctl.json("health", "get", webhook, "--window", "15m")["window_s"] == 900
    assert [h["webhook_id"] for h in ctl.lines("health", "list")] == [webhook]


def test_expectations(ctl):
    webhook = ctl.json("webhooks", "create", "--url", "https://example.com/", "--events", "file.missing")["id"]
    made = ctl.json("expectations", "create", webhook, "--path", "/nightly/*", "--schedule", "30 2 * * *", "--time-zone", "Europe/Berlin", "--grace-s", 60)
    assert made["next_due_at"] and made["grace_s"] == 60
    assert "--schedule: " in ctl.out("expectations", "create", webhook, "--path", "/x", "--schedule", "61 * * * *", status=1)
    assert [e["id"] for e in ctl.lines("expectations", "list", webhook)] == [made["id"]]
    assert ctl.json("expectations", "get", webhook, made["id"])["path"] == "/nightly/*"
    assert ctl.out("expectations", "delete", webhook, made["id"]) == "deleted\n"
    assert not ctl.lines("expectations", "list", webhook)
    assert json.loads(ctl.out("openapi"))["openapi"].startswith("3.1")


# ---- what can go wrong


def test_keys_are_kept_to_oneself(ctl, stack, tmp_path):
    open_file = tmp_path / "open"
    open_file.write_text(ADMIN_TOKEN)
    open_file.chmod(0o644)
    assert "others can use this file" in ctl.out("plans", "list", "--admin-token-file", open_file, status=64)
    assert "http:// would show the key" in ctl.out("whoami", "--api", "http://192.0.2.1", status=64)
    assert "no API key" in ctl.out("whoami", status=64, TRUEFTP_API_KEY_FILE="")
    assert "unauthorized" in ctl.out("whoami", "--key-file", "-", status=77, stdin="tfk_none_none\n")
    key = pathlib.Path(ctl.settings["TRUEFTP_API_KEY_FILE"]).read_text()
    assert ctl.json("whoami", "--key-file", "-", stdin=key)["id"] == ACCOUNT
    config = stack.folder / ".config/trueftp"
    config.mkdir(parents=True)
    (config / "trueftpctl.conf").write_text(f"TRUEFTP_API = {ctl.settings['TRUEFTP_API']}\nTRUEFTP_API_KEY_FILE = {ctl.settings['TRUEFTP_API_KEY_FILE']}\n")
    env = {**environment({}), "HOME": str(stack.folder)}
    env.pop("XDG_CONFIG_HOME", None)
    done = subprocess.run([ctl.bin, "whoami", "-o", "json"], env=env, capture_output=True, timeout=60, check=True)
    assert json.loads(done.stdout)["id"] == ACCOUNT, "the user's own file is read"


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers what the server's list says, each with a status, headers and a body."""

    def do_GET(self):  # pylint: disable=invalid-name
        length = int(self.headers.get("Content-Length") or 0)
        self.server.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        status, headers, body = self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_DELETE = do_GET

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


@pytest.fixture
def scripted():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.answers, server.asked = [], []
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def alone(bin_dir, server, *args):
    """trueftpctl without any of the system."""
    env = environment({"TRUEFTP_API": server.url, "TRUEFTP_API_KEY": "tfk_a_b", "HOME": "/nonexistent", "http_proxy": "http://127.0.0.1:1"})
    done = subprocess.run([bin_dir / "trueftpctl", *args], env=env, capture_output=True, timeout=60, check=False, text=True)
    assert "Sanitizer" not in done.stderr, done.stderr
    return done


def problem(code, status):
    return json.dumps({"type": "about:blank", "title": "T", "status": status, "code": code, "request_id": "r"}).encode()


def test_it_waits_when_it_is_told_to(bin_dir, scripted):
    scripted.answers = [(429, {"Retry-After": "1"}, problem("rate_limited", 429)), (200, {}, b'{"id":"a"}')]
    done = alone(bin_dir, scripted, "whoami", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"id": "a"})
    assert "asks to wait 1 s" in done.stderr and len(scripted.asked) == 2
    scripted.answers = [(429, {"Retry-After": "3600"}, problem("rate_limited", 429))]
    assert alone(bin_dir, scripted, "whoami").returncode == 69, "an hour is too long"


def test_what_is_asked_twice_is_safe_to_ask_twice(bin_dir, scripted):
    """A creation goes again under the same key when its answer was lost; a change does not."""
    scripted.answers = [(503, {}, problem("unavailable", 503)), (201, {}, b'{"id":"wh"}')]
    assert alone(bin_dir, scripted, "webhooks", "create", "--url", "https://e.com").returncode == 0
    keys = {headers["Idempotency-Key"] for _, _, headers, _ in scripted.asked}
    assert len(scripted.asked) == 2 and len(keys) == 1
    scripted.asked.clear()
    scripted.answers = [(503, {}, problem("unavailable", 503))]
    assert alone(bin_dir, scripted, "webhooks", "update", "wh", "--enable").returncode == 69
    assert len(scripted.asked) == 1


def test_an_answer_that_is_none_of_the_api(bin_dir, scripted):
    for status, headers, body, exit_status in (
        (200, {}, b"<html>", 1),
        (302, {"Location": "http://127.0.0.1:1/"}, b"", 1),
        (500, {}, b"\x1b[2J", 69),
        (404, {}, b"{}", 4),
    ):
        scripted.answers = [(status, headers, body)]
        done = alone(bin_dir, scripted, "whoami")
        assert done.returncode == exit_status and "is that" in done.stderr and "\x1b" not in done.stderr, (status, done)


def test_nobody_is_there(bin_dir, scripted):
    scripted.url = "http://127.0.0.1:1"
    done = alone(bin_dir, scripted, "whoami")
    assert done.returncode == 69 and done.stderr.startswith("trueftpctl: http://127.0.0.1:1: ")


def test_a_certificate_that_nobody_signed(bin_dir, scripted, tmp_path):
    import ssl  # pylint: disable=import-outside-toplevel

    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert]
        + ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    scripted.socket = context.wrap_socket(scripted.socket, server_side=True)
    scripted.url = scripted.url.replace("http:", "https:")
    scripted.answers = [(200, {}, b'{"id":"a"}')]
    refused = alone(bin_dir, scripted, "whoami")
    assert refused.returncode != 0 and "certificate" in refused.stderr and not scripted.asked
    assert alone(bin_dir, scripted, "whoami", "--ca-file", str(cert)).returncode == 0


# ---- what goes on


def test_tail_goes_on_when_the_api_is_restarted(stack, api, ctl, follow, endpoint):
    webhook = ctl.json("webhooks", "create", "--url", endpoint.url("/hook"))["id"]
    stack.worker()
    port = api.port
    stack.topics.publish(make_event(ACCOUNT, "/before"))
    wait_until("the view has it", lambda: len(ctl.lines("deliveries", "list", webhook)) == 1, every=0.2)
    tail = follow("tail", "deliveries", "tail", webhook, "-f")
    said(tail, "/before")
    stack.topics.publish(make_event(ACCOUNT, "/live" + HOSTILE))
    said(tail, "/live/in/\\x1b[2J\\u202e")
    api.kill()
    stack.topics.publish(make_event(ACCOUNT, "/while-it-was-away"))
    endpoint.wait_posts(3, watch=stack.running())
    api.settings["TRUEFTP_API_LISTEN"] = f"127.0.0.1:{port}"
    api.start()
    said(tail, "/while-it-was-away", 60)
    stack.topics.publish(make_event(ACCOUNT, "/after"))
    said(tail, "/after", 60)
    shown = [line for line in tail.output().splitlines() if " delivered " in line]
    assert len(shown) == 4, "each once"
    assert "connected again" in tail.output()


def test_listen_sends_each_on_with_a_signature_that_holds(stack, ctl, follow, endpoint):
    """The handler gets what the customer's endpoint got: the same body, the same headers; another secret signs."""
    options = ("--url", endpoint.url("/hook"), "--signature", "both", "--header", "X-Own: o", "--max-attempts", 2)
    webhook = ctl.json("webhooks", "create", *options)["id"]
    stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/before"))
    endpoint.wait_posts(1, "/hook", watch=stack.running())
    wait_until("the view has it", lambda: len(ctl.lines("deliveries", "list", webhook)) == 1, every=0.2)
    listen = follow("listen", "listen", webhook, "--forward-to", endpoint.url("/handler"))
    said(listen, "ready")
    secret = next(line for line in listen.output().splitlines() if "secret of this session" in line).split()[-1]

    endpoint.script("/hook", Status(500), Status(200))
    endpoint.script("/handler", Status(202))
    stack.topics.publish(make_event(ACCOUNT, "/日本語" + HOSTILE))
    [given] = endpoint.wait_posts(1, "/handler", watch=stack.running())
    said(listen, "-> 202 in ")
    original = endpoint.posts_to("/hook")[1]
    assert given.body == original.body and given.delivery_id == original.delivery_id
    for name in ("Content-Type", "User-Agent", "X-TrueFTP-Event", "webhook-id", "X-Own"):
        assert given.header(name) == original.header(name), name
    timestamp = given.header("X-TrueFTP-Timestamp")
    assert given.header("X-TrueFTP-Signature") == signature(secret, timestamp, given.body)
    assert given.header("webhook-signature") == standard_signature(secret, given.delivery_id, given.header("webhook-timestamp"), given.body)
    assert abs(int(timestamp) - given.wall) <= 2
    assert "\x1b" not in listen.output()

    stack.wait_statuses({"delivered": 2})
    stack.topics.publish(make_event(ACCOUNT, "/next"))
    endpoint.wait_posts(2, "/handler", watch=stack.running())
    assert len({post.delivery_id for post in endpoint.posts_to("/handler")}) == 2, "each once, also when it was tried twice; not what was before"


def test_listen_with_a_secret_of_ones_own_and_no_handler(stack, ctl, follow, endpoint, tmp_path):
    webhook = ctl.json("webhooks", "create", "--url", endpoint.url("/hook"))["id"]
    secret = tmp_path / "secret"
    secret.write_text("mine\n")
    stack.worker()
    nobody = follow("nobody", "listen", webhook, "--forward-to", "http://127.0.0.1:1/", "-o", "json")
    own = follow("own", "listen", webhook, "--forward-to", endpoint.url("/handler"), "--secret-file", str(secret))
    said(nobody, "ready")
    said(own, "ready")
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    [given] = endpoint.wait_posts(1, "/handler", watch=stack.running())
    assert given.header("X-TrueFTP-Signature") == signature("mine", given.header("X-TrueFTP-Timestamp"), given.body)
    said(nobody, '"forwarded":{"status":null')
    assert "mine" not in own.output()
    own.signal(signal.SIGTERM)
    assert own.wait_end() == -signal.SIGTERM
    ctl.out("webhooks", "delete", webhook)
    assert nobody.wait_end(30) == 4, "the webhook is gone"


def test_what_bash_completes(bin_dir):
    script = subprocess.run([bin_dir / "trueftpctl", "completion", "bash"], capture_output=True, text=True, check=True).stdout

    def completed(*words):
        quoted = " ".join(f"'{word}'" for word in words)
        ask = f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _trueftpctl; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        return subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout.split()

    assert completed("trueftpctl", "webh") == ["webhooks"]
    assert completed("trueftpctl", "webhooks", "ro") == ["rotate-secret"]
    assert completed("trueftpctl", "webhooks", "create", "--max-a") == ["--max-attempts"]
    assert completed("trueftpctl", "webhooks", "update", "wh_1", "--if") == ["--if-version"]
    assert completed("trueftpctl", "listen", "wh_1", "--forw") == ["--forward-to"]
