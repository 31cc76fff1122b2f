"""A person at the dashboard, in a real browser, with the real programs behind it."""

import datetime
import json
import os
import signal
import subprocess

import pytest
from harness.api import new_account, new_key, start_api
from harness.contract import check_signature, delivery_id, make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT
from harness.waiting import wait_until

pytest.importorskip("selenium", reason="Selenium is not on this machine")
from harness.browser import DESK, PHONE, Browser, fetch_json  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

AXE = os.environ.get("SCENARIO_AXE")


@pytest.fixture(scope="module")
def chromium():
    browser = Browser(AXE)
    yield browser
    browser.close()


@pytest.fixture
def api(stack):
    return start_api(stack)


@pytest.fixture
def key(api):
    return new_key(api, ACCOUNT)


@pytest.fixture
def browser(chromium, api):
    chromium.size(DESK)
    chromium.start(f"http://127.0.0.1:{api.port}")
    yield chromium
    chromium.check_clean()


def webhook_id(browser):
    [webhook] = fetch_json(browser, "/api/ext/v1/webhooks")["data"]
    return webhook["id"]


def test_from_the_first_key_to_a_redelivery(stack, browser, key, endpoint):
    """A developer's first hour."""
    browser.sees("Sign in")
    browser.fill("API key", "tfk_nonsense")
    browser.click("Sign in")
    browser.wait("the field says what is wrong", lambda: "not known" in browser.error_at("API key"))
    browser.sign_in(key)
    browser.sees("Your first webhook")

    # A webhook with mistakes: the server says what is wrong, where it is.
    browser.click("Create a webhook")
    browser.named("h1", "Create a webhook")
    browser.fill("URL", "ftp://example.com/")
    browser.click("Signature, attempts, limits, headers")
    browser.fill("Attempts", "99")
    browser.click("Create webhook")
    browser.wait("both fields say what is wrong", lambda: browser.error_at("URL") and browser.error_at("Attempts"))
    assert browser.focused() == "URL"
    browser.fill("URL", endpoint.url("/hook"))
    browser.fill("Description", "Orders into the ERP")
    browser.fill("Attempts", "2")
    browser.click("Create webhook")
    browser.sees("The webhook is there")
    [secret] = [e.text for e in browser.all("[data-secret]")]
    assert secret.startswith("whsec_")
    browser.click("Go to its deliveries")
    browser.named("h1", "Orders into the ERP")
    assert secret not in browser.text()

    # It fails, is tried again, and arrives: the row changes while one looks at it.
    worker = stack.worker(TRUEFTP_RETRY_BASE_MS="1500")
    browser.sees("No deliveries yet", "Live")
    endpoint.script("/hook", Status(503, b'{"error":"the database is read-only"}'), Status(200, b"thanks"))
    stack.topics.publish(make_event(ACCOUNT, "/in/orders/one.csv"))
    browser.sees("/in/orders/one.csv", "HTTP 503")
    browser.badge("Retrying")
    browser.badge("Delivered")
    browser.sees("HTTP 200", "2 of 2")
    browser.click("/in/orders/one.csv")
    browser.named("h1", "/in/orders/one.csv")
    browser.sees("Attempt 1", "the database is read-only", "Attempt 2", "thanks", "first byte")

    # One that fails for good: the page says what helps, and sends it again.
    endpoint.script("/hook", Status(500, b"broken"), Status(500, b"still broken"))
    stack.topics.publish(make_event(ACCOUNT, "/in/orders/two.csv"))
    browser.go(f"/webhooks/{webhook_id(browser)}")
    browser.sees("/in/orders/two.csv")
    browser.badge("Failed")
    browser.go("/reconciliation")
    browser.sees("1 of 2 have not arrived")
    browser.click("/in/orders/two.csv")
    browser.sees("still broken", "Only 2xx counts as delivered")
    endpoint.script("/hook", Status(200, b"mended"))
    before = browser.address
    browser.click("Redeliver")
    browser.wait("the new delivery is shown", lambda: browser.address != before)
    browser.badge("Delivered")
    browser.sees("mended", "First delivery", "Redelivery 1 (this one)")

    # The curl line signs as we do.
    browser.click("As a curl line that signs itself")
    script = browser.script('return document.querySelector("[data-curl] code").textContent')
    seen = len(endpoint.posts_to("/hook"))
    subprocess.run(["bash", "-c", script], env={**os.environ, "WEBHOOK_SECRET": secret}, check=True, capture_output=True, timeout=60)
    post = endpoint.wait_posts(seen + 1, watch=[worker])[-1]
    check_signature(post, secret)
    assert post.body == endpoint.posts_to("/hook")[-2].body

    browser.go("/events")
    browser.sees("/in/orders/one.csv", "/in/orders/two.csv", "pipeline", "203.0.113.5")
    browser.click("Sign out")
    browser.sees("You are signed out.")
    assert fetch_json(browser, "/api/ext/v1/session")["code"] == "unauthorized"


def test_settings_rotation_and_the_end(stack, browser, api, key, endpoint):
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook"), "description": "Archive"}).body
    worker = stack.worker()
    browser.sign_in(key)
    browser.click("Archive")
    browser.click("Send a test")
    browser.sees("A test delivery is on its way")
    browser.badge("Delivered")
    check_signature(endpoint.wait_posts(1, watch=[worker])[0], made["secret"])

    browser.click("Verify")
    browser.sees("X-TrueFTP-Signature", "hmac.compare_digest")
    browser.click("Go")
    browser.sees("package webhook")

    browser.click("Settings")
    browser.click("Rotate secret")
    browser.click("Make a new secret")
    browser.sees("This is the new secret")
    [secret] = [e.text for e in browser.all("[data-secret]")]
    browser.click("I have kept it")
    browser.sees("A rotation is under way")
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    post = endpoint.wait_posts(2, watch=[worker])[-1]
    check_signature(post, secret)
    assert post.header("X-TrueFTP-Signature-Previous")

    # Somebody else was faster: nothing is overwritten unseen.
    api.client(key).patch(f"/webhooks/{made['id']}", {"max_attempts": 7})
    browser.fill("Description", "Mine")
    browser.click("Save")
    browser.sees("Somebody changed it meanwhile")
    assert api.client(key).get(f"/webhooks/{made['id']}").body["description"] == "Archive"

    browser.go("/webhooks")
    browser.click("Archive")
    browser.click("Settings")
    browser.click("Pause")
    browser.sees("This webhook is paused")
    browser.click("Delete…")
    browser.sees("Delete this webhook?")
    browser.click("Delete webhook")
    browser.sees("Your first webhook")
    assert api.client(key).get("/webhooks").body["data"] == []


HOSTILE = [
    "<img src=x onerror=window.ran++>.csv",
    '"><script>window.ran++</script>',
    "javascript:window.ran++",
    "{{7*7}}${7*7}<%=7*7%>",
    "invoice\u202efdp.exe",
    "zero\u200bwidth\ufeff.txt",
    "line\nbreak\ttab\x07bell\x1b[31m.txt",
    "=HYPERLINK(\"http://evil.example/\")",
    "a-very-long-name-" * 40,
    "日本語 Übersicht – العربية.tif",
]


def test_hostile_names_are_only_text(stack, browser, api, key, endpoint):
    """Wherever a stranger's bytes are shown they are text: nothing runs, nothing is disguised."""
    evil = "<img src=x onerror=window.ran++>"
    client = api.client(key)
    body = {"url": endpoint.url("/hook"), "description": evil + "\u202e", "path_patterns": ["/" + evil + "/**", "/**"], "headers": {"X-Evil": evil}}
    made = client.post("/webhooks", body).body
    stack.worker()
    endpoint.script("/hook", Status(500, ("</code></pre>" + evil + "\u202e").encode(), [("X-Evil", evil)]), Status(200, evil.encode()))
    for name in HOSTILE:
        stack.topics.write("events", ACCOUNT, json.dumps(make_event(ACCOUNT, "/" + name, username=evil)).encode())
    stack.wait_statuses({"delivered": len(HOSTILE)})

    browser.sign_in(key)
    browser.sees(evil + "\\u{202e}")
    base = f"/webhooks/{made['id']}"
    browser.go(base)
    browser.sees("/" + evil + ".csv", "/invoice\\u{202e}fdp.exe", "/zero\\u{200b}width\\u{feff}.txt", "/line\\nbreak\\ttab\\x07bell\\x1b[31m.txt")
    assert "\u202e" not in browser.text() and "\u200b" not in browser.text()
    for delivery in fetch_json(browser, f"/api/ext/v1{base}/deliveries")["data"]:
        browser.go(f"{base}/deliveries/{delivery['delivery_id']}")
        browser.sees("Attempt 2", "</code></pre>" + evil + "\\u{202e}")
        browser.script('document.querySelectorAll("details").forEach((d) => { d.open = true; })')
        browser.sees("X-Evil: " + evil)
        assert "\u202e" not in browser.text()
        browser.check_clean()
    for page, text in {
        f"{base}/health": "Success",
        f"{base}/expectations": "Expect a file",
        f"{base}/verify": "A good handler",
        f"{base}/settings": "Rotate secret",
        "/events": "/invoice\\u{202e}fdp.exe",
        "/reconciliation": "Nothing is missing",
        "/nowhere/" + evil: "There is no such page",
        "/webhooks/%22%3E%3Cscript%3Ewindow.ran++%3C%2Fscript%3E": "no webhook",
    }.items():
        browser.go(page)
        browser.sees(text)
        browser.check_clean()
    browser.go("/events")
    browser.click("/" + evil + ".csv")
    browser.sees("event_id")
    assert browser.all("img:not(.brand img)") == [] and browser.all("script:not([src])") == []


def test_a_spreadsheet_runs_nothing_of_an_export(browser):
    """What begins like a formula gets an apostrophe, also behind white space."""
    made = browser.driver.execute_async_script(
        """
        const done = arguments[0];
        import("/js/csv.js").then(({ csv }) => done(csv([{ title: "path", value: (r) => r }],
            ["=1+1", "+1", "-1", "@SUM(A1)", "\\t=1", " =1", 'a"b,c', "/plain", "-5 \\u202e"])));
        """
    )
    lines = made.split("\r\n")
    assert lines == ["path", "'=1+1", "'+1", "'-1", "'@SUM(A1)", "\\t=1", "' =1", '"a""b,c"', "/plain", "'-5 \\u{202e}", ""]


def test_the_keyboard_is_enough(stack, browser, api, key, endpoint):
    """Sign in, create, send a test, look at it, choose a language, rotate: without a mouse, always knowing where one is."""
    stack.worker()
    browser.wait("the key's field has the focus", lambda: browser.focused() == "API key")
    browser.press(key, Keys.ENTER)
    browser.wait("the page's heading has the focus", lambda: browser.focused() == "Webhooks")
    browser.driver.refresh()
    browser.named("h1", "Webhooks")
    browser.press(Keys.TAB)
    assert browser.focused() == "Skip to content"
    browser.press(Keys.ENTER)
    browser.tab_to("Create a webhook")
    browser.press(Keys.ENTER)
    browser.wait("the new page's heading has the focus", lambda: browser.focused() == "Create a webhook")
    browser.tab_to("URL")
    browser.press(endpoint.url("/hook"))
    browser.tab_to("Description")
    browser.press("By keyboard")
    browser.tab_to("Create webhook")
    browser.press(Keys.ENTER)
    browser.wait("the heading has the focus", lambda: browser.focused() == "The webhook is there")
    browser.tab_to("Go to its deliveries")
    browser.press(Keys.ENTER)
    browser.named("h1", "By keyboard")
    browser.tab_to("Send a test")
    browser.press(Keys.SPACE)
    browser.badge("Delivered")
    browser.tab_to("Verify")
    browser.press(Keys.ENTER)
    browser.sees("A good handler")
    browser.tab_to("Python")
    browser.press(Keys.ARROW_RIGHT)
    browser.sees("node:crypto")
    assert browser.focused() == "Node.js"
    browser.press(Keys.ARROW_LEFT)
    browser.tab_to("Settings")
    browser.press(Keys.ENTER)
    browser.tab_to("Rotate secret")
    browser.press(Keys.ENTER)
    browser.sees("The old secret also signs for")
    browser.tab_to("Make a new secret")
    browser.press(Keys.ESCAPE)
    browser.wait("the dialog gave the focus back", lambda: browser.focused() == "Rotate secret")
    for _ in range(60):  # nothing that has the focus is without a sign of it
        browser.press(Keys.TAB)
        style = browser.script("const s = getComputedStyle(document.activeElement); return [document.activeElement.tagName, s.outlineStyle, s.outlineWidth]")
        assert style[0] == "BODY" or (style[1] != "none" and style[2] != "0px"), (browser.focused(), style)


def test_every_page_in_both_themes_and_on_a_phone(stack, browser, api, key, endpoint):
    """Accessible by axe-core's rules, and no wider than a phone."""
    if not AXE:
        pytest.skip("axe-core could not be had")
    client = api.client(key)
    made = client.post("/webhooks", {"url": endpoint.url("/hook"), "description": "Orders into the ERP", "events": ["file.uploaded", "file.missing"]}).body
    client.post("/webhooks", {"url": endpoint.url("/off/" + "long/" * 20), "enabled": False, "events": ["dir.deleted"]})
    client.post("/webhooks", {"url": endpoint.url("/quiet"), "description": "Quiet", "events": ["dir.deleted"]})
    stack.worker()
    endpoint.script("/hook", Status(200, b"thanks"))
    names = ["/in/one.csv", "/in/" + "long-name-" * 30 + ".mxf", "/in/日本語.srt", "/in/invoice\u202efdp.exe"]
    stack.topics.publish(*[make_event(ACCOUNT, name) for name in names])
    stack.wait_statuses({"delivered": len(names)})
    endpoint.script("/hook", Status(503, b'{"error":"read-only"}'))
    stack.topics.publish(make_event(ACCOUNT, "/in/late.csv"))
    stack.wait_statuses({"delivered": len(names), "failed": 1})
    base = f"/webhooks/{made['id']}"

    checks = {
        "light": (DESK, False, browser.check_accessible),
        "dark": (DESK, True, lambda: browser.check_accessible("color-contrast")),
        "phone": (PHONE, False, browser.check_width),
    }
    for name, (size, dark, check) in checks.items():
        browser.size(size, dark)
        browser.start(browser.base)
        browser.sees("Sign in")
        check()
        browser.shot(f"sign-in-{name}")
        browser.sign_in(key)
        listed = wait_until("the view has it", lambda: [d for d in client.get(f"{base}/deliveries").body["data"] if d["status"] != "delivered"])
        pages = {
            "webhooks": ("/webhooks", "Orders into the ERP"),
            "create": ("/webhooks/new", "Where and what"),
            "deliveries": (base, "/in/one.csv"),
            "delivery": (f"{base}/deliveries/{listed[0]['delivery_id']}", "read-only"),
            "health": (f"{base}/health", "Time to answer"),
            "expectations": (f"{base}/expectations", "Expect a file"),
            "verify": (f"{base}/verify", "hmac"),
            "settings": (f"{base}/settings", "Rotate secret"),
            "events": ("/events", "/in/one.csv"),
            "reconciliation": ("/reconciliation", "Delivered"),
            "sessions": ("/sessions", "This one"),
            "not-found": ("/nowhere", "There is no such page"),
        }
        for page, (address, text) in pages.items():
            browser.go(address)
            browser.sees(text)
            check()
            browser.shot(f"{page}-{name}")
        browser.go(base)
        browser.click("Recover")
        browser.sees("Recover what failed")
        check()
        browser.shot(f"recover-{name}")
        browser.press(Keys.ESCAPE)


def test_a_session_is_ended_from_the_list(browser, api, key):
    """Somebody sees one that they do not know, and ends it; then all others."""

    def sign_in_elsewhere(agent):
        made = api.client().post("/session", {"key": key}, User_Agent=agent.encode())
        return made.headers["Set-Cookie"].split(";")[0]

    def is_over(cookie):
        return api.client().ask("GET", "/session", Cookie=cookie).status == 401

    thief = sign_in_elsewhere("Thief\u202e <img src=x onerror=ran=1>")
    browser.sign_in(key)
    browser.click("Sessions")
    browser.named("h1", "Sessions")
    browser.sees("This one", "Thief\\u{202e} <img src=x onerror=ran=1>")
    browser.click("End the session of Thief\\u{202e} <img src=x onerror=ran=1>")
    browser.sees("can sign in again")
    assert not is_over(thief)
    browser.click("End the session")
    browser.sees("The session has ended")
    browser.wait("it is gone from the list", lambda: "Thief" not in browser.text())
    assert is_over(thief)
    others = [sign_in_elsewhere(f"browser {i}") for i in range(2)]
    browser.go("/webhooks")
    browser.named("h1", "Webhooks")
    browser.go("/sessions")
    browser.click("End all others")
    browser.click("End them")
    browser.sees("2 sessions have ended")
    browser.wait("only this one is left", lambda: "browser 0" not in browser.text())
    assert all(is_over(cookie) for cookie in others)
    assert fetch_json(browser, "/api/ext/v1/session")["account"]["id"] == ACCOUNT


def test_recover_what_failed(stack, browser, api, key, endpoint):
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook"), "max_attempts": 1}).body
    stack.worker()
    endpoint.script("/hook", Status(500))
    stack.topics.publish(*[make_event(ACCOUNT, f"/in/{n}.csv") for n in range(12)])
    stack.wait_statuses({"failed": 12})
    endpoint.script("/hook", Status(200))
    browser.sign_in(key)
    browser.go(f"/webhooks/{made['id']}")
    browser.sees("Failing", "/in/3.csv")
    browser.click("Recover")
    browser.click("Send failed ones again")
    browser.sees("Done", "12 of 12 are on their way again", seconds=40)
    browser.click("Close")
    stack.wait_statuses({"failed": 12, "delivered": 12})
    browser.sees("redelivery 1")


def failed_record(webhook, number):
    """(key, value) of a delivery that has failed."""
    event = make_event(ACCOUNT, f"/in/{number}.csv")
    at = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    identity = delivery_id(event["event_id"], webhook)
    record = {"schema": "trueftp.delivery/1", "delivery_id": identity, "event_id": event["event_id"], "webhook_id": webhook, "account_id": ACCOUNT}
    record |= {"event": "file.uploaded", "path": event["data"]["path"], "status": "failed", "revision": 1, "attempt": 0, "max_attempts": 1}
    record |= {"http_status": None, "error": None, "event_time": at, "created_at": at, "updated_at": at, "next_attempt_at": None, "attempts": []}
    body = {"event": "file.uploaded", "delivery_id": identity, "timestamp": event["timestamp"], "account_id": ACCOUNT, "data": event["data"]}
    record |= {"generation": 0, "event_ref": {"topic": "t.events", "partition": 0, "offset": 0}, "body": json.dumps(body, separators=(",", ":"))}
    return identity, json.dumps(record)


@pytest.mark.real_kafka
def test_a_recovery_can_be_stopped(stack, browser, api, key, endpoint):
    """Kafka stands still, so that it is under way when somebody presses the button."""
    client = api.client(key)
    made = client.post("/webhooks", {"url": endpoint.url("/hook")}).body
    stack.topics.write_lines("deliveries", [failed_record(made["id"], n) for n in range(500)])
    browser.sign_in(key)
    browser.go(f"/webhooks/{made['id']}")
    browser.sees("Older deliveries")
    wait_until("the view has all of them", lambda: api.metric("trueftp_api_view_records_total", 'topic="deliveries"') >= 500)
    browser.click("Recover")
    stack.topics.broker.signal(signal.SIGSTOP)
    try:
        browser.click("Send failed ones again")
        browser.sees("Sending again…", "0 of 200")
        browser.click("Stop")
    finally:
        stack.topics.broker.signal(signal.SIGCONT)
    browser.sees("Stopped", "200 of 200")
    [recovery] = client.get(f"/webhooks/{made['id']}/recoveries").body["data"]
    assert (recovery["state"], recovery["sent"]) == ("cancelled", 200), "what was on its way, and no more"
    actions = lambda: [entry["action"] for entry in client.get("/audit").body["data"]]
    wait_until("it is on record who stopped it", lambda: {"recovery.start", "recovery.cancel", "recovery.end"} <= set(actions()))


def test_the_page_reads_again_what_a_restart_kept_from_it(stack, browser, api, key, endpoint):
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook")}).body
    stack.worker()
    browser.sign_in(key)
    browser.go(f"/webhooks/{made['id']}")
    browser.sees("No deliveries yet", "Live")
    port = api.port
    assert api.stop() == 0
    browser.sees("Not live")
    stack.topics.publish(make_event(ACCOUNT, "/while/away.csv"))
    stack.wait_statuses({"delivered": 1})
    start_api(stack, TRUEFTP_API_LISTEN=f"127.0.0.1:{port}")
    browser.sees("/while/away.csv", seconds=60)
    browser.wait("it is live again", lambda: "Not live" not in browser.text(), seconds=60)


def test_events_are_found_by_their_path(stack, browser, key):
    stack.topics.publish(*[make_event(ACCOUNT, path) for path in ("/in/a.csv", "/in/b.csv", "/out/<b>x</b>.csv")])
    browser.sign_in(key)
    browser.go("/events")
    browser.sees("/in/a.csv", "/in/b.csv", "/out/<b>x</b>.csv")
    browser.fill("Path begins with", "/out/")
    browser.press(Keys.ENTER)
    browser.wait("the others are gone", lambda: "/in/a.csv" not in browser.text())
    browser.sees("/out/<b>x</b>.csv")
    assert "path_prefix=%2Fout%2F" in browser.address
    browser.driver.refresh()
    browser.sees("/out/<b>x</b>.csv")
    assert "/in/a.csv" not in browser.text()
    browser.fill("Path begins with", "/nowhere/")
    browser.press(Keys.ENTER)
    browser.sees("Nothing fits these filters")


def test_a_file_that_should_arrive(stack, browser, api, key, endpoint):
    made = api.client(key).post("/webhooks", {"url": endpoint.url("/hook"), "events": ["file.uploaded"]}).body
    browser.sign_in(key)
    browser.go(f"/webhooks/{made['id']}/expectations")
    browser.sees("Nothing is expected", "does not ask for file.missing")
    browser.click("Expect a file")
    browser.fill("Path", "/nightly/**")
    browser.fill("Schedule", "99 * * * *")
    browser.click("Expect it")
    browser.wait("the field says what is wrong", lambda: browser.error_at("Schedule"))
    browser.fill("Schedule", "0 3 * * *")
    browser.fill("Time zone", "Europe/Berlin")
    browser.click("Expect it")
    browser.sees("/nightly/**", "Europe/Berlin", "Not due yet")
    browser.click("Delete the expectation of /nightly/**")
    browser.click("Delete")
    browser.sees("Nothing is expected")


def test_an_account_without_webhooks_in_its_plan_is_told(browser, api, endpoint):
    _, key = new_account(api, plan="free")
    browser.sign_in(key)
    browser.click("Create a webhook")
    browser.fill("URL", endpoint.url("/hook"))
    browser.click("Create webhook")
    browser.sees("Webhooks are for paid plans")
