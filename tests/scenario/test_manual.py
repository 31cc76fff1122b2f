"""The commands of docs/OPERATIONS.md are ones that trueftpctl takes: each is run as it stands there, in the manual's order."""

import json
import pathlib
import re
import shlex

import pytest
from harness.contract import make_event
from harness.stack import ACCOUNT

MANUAL = (pathlib.Path(__file__).resolve().parents[2] / "docs/OPERATIONS.md").read_text(encoding="utf-8")
POOL = "acme"
ERASING = ["purge", "plan free", "webhook delete"]


def commands():
    """Every `trueftpctl ...` of the text and of its blocks, without comments and repeats."""
    found = re.findall(r"`(trueftpctl [^`]+)`", MANUAL) + re.findall(r"^(trueftpctl .*)$", MANUAL, flags=re.M)
    return list(dict.fromkeys(re.sub(r"\s+#.*", "", text) for text in found))


@pytest.mark.real_kafka
def test_the_commands_of_the_manual_work(stack, endpoint, tmp_path):
    del endpoint
    stack.ctl("topics", "ensure", "--pool", POOL, "--partitions", 4, "--timeout-s", 60)
    webhook = stack.webhook()
    worker = stack.worker()
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    stack.topics.write("events", ACCOUNT, b"no event")
    stack.wait_statuses({"delivered": 1})
    asked = commands()
    assert len(asked) >= 8, asked
    # What erases comes last, whatever the manual's order.
    for text in sorted(asked, key=lambda text: [word in text for word in ERASING]):
        words = shlex.split(text.replace(" ID", f" {webhook.id}"))[1:]
        words = [str(tmp_path / f"made-{word}") if before == "--file" else word for before, word in zip([""] + words, words)]
        done = stack.ctl_run(*words)
        expected = 3 if words == ["topics", "ensure"] else 0  # 24 partitions where the scenario has 4: drift, and told
        assert done.returncode == expected, f"{text}: {done.returncode} {done.stderr.decode()}"
    records = [json.loads(r.value) for r in stack.topics.read("deliveries") if r.value and not r.key.startswith("!")]
    assert records[-1]["status"] == "purged"
    assert worker.running()
