"""The commands of docs/OPERATIONS.md are ones that trueftpctl takes: each is run as it stands there, in the manual's order."""

import json
import pathlib
import re
import shlex

import pytest
from harness.api import start_api
from harness.contract import make_event
from harness.ctl import Ctl
from harness.stack import ACCOUNT
from harness.waiting import wait_until

MANUAL = (pathlib.Path(__file__).resolve().parents[2] / "docs/OPERATIONS.md").read_text(encoding="utf-8")
POOL = "acme"
ERASING = ["purge", "plan free", "webhooks delete"]
DRIFT = 3  # topics ensure: the manual's 24 partitions, where the scenario has 4
CONFLICT = 5  # accounts create: the account is there


def commands():
    """Every `trueftpctl ...` of the text and of its blocks, without comments, settings before it and repeats."""
    found = re.findall(r"`(?:[A-Z_]+=\S+ )*(trueftpctl [^`]+)`", MANUAL) + re.findall(r"^(trueftpctl .*)$", MANUAL, flags=re.M)
    return list(dict.fromkeys(re.sub(r"\s+#.*", "", text) for text in found))


def expected(words):
    return {("topics", "ensure"): DRIFT, ("accounts", "create"): CONFLICT}.get(tuple(words[:2]) if "--pool" not in words else (), 0)


@pytest.mark.real_kafka
def test_the_commands_of_the_manual_work(stack, endpoint, tmp_path):
    stack.ctl("topics", "ensure", "--pool", POOL, "--partitions", 4, "--timeout-s", 60)
    webhook = stack.webhook()
    worker, api = stack.worker(), start_api(stack)
    ctl = Ctl(stack, api)
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    stack.topics.write("events", ACCOUNT, b"no event")
    stack.wait_statuses({"delivered": 1})
    [delivery] = stack.topics.last_deliveries()
    wait_until("the API has it", lambda: ctl.lines("deliveries", "list", webhook.id), watch=[api])
    asked = commands()
    assert len(asked) >= 12, asked
    # What erases comes last, whatever the manual's order.
    for text in sorted(asked, key=lambda text: [word in text for word in ERASING]):
        words = shlex.split(text.replace(" ID", f" {webhook.id}").replace(" DELIVERY", f" {delivery}").replace("URL-OR-ADDRESS", "1.1.1.1"))[1:]
        words = [str(tmp_path / f"made-{word}") if before == "--file" else word for before, word in zip([""] + words, words)]
        done = ctl.run(*words, **stack.settings)
        assert done.returncode == expected(words), f"{text}: {done.returncode} {done.stderr}"
    records = [json.loads(r.value) for r in stack.topics.read("deliveries") if r.value and not r.key.startswith("!")]
    assert records[-1]["status"] == "purged"
    assert worker.running()
    del endpoint
