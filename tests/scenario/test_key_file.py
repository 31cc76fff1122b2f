"""The key file is replaced under a running worker, as Kubernetes does it with a mounted secret."""

import shutil

from harness.contract import make_event
from harness.stack import ACCOUNT
from harness.waiting import wait_until


def replace(path, text):
    """At once, as an exchanged link is."""
    fresh = path.with_name("keys.fresh")
    fresh.write_text(text)
    fresh.chmod(0o600)
    fresh.rename(path)


def test_a_key_comes_without_a_restart(stack, endpoint):
    """A webhook sealed with a key that the worker does not have waits; the key comes, and it is delivered."""
    mounted = stack.folder / "mounted"
    shutil.copy(stack.key_file, mounted)
    worker = stack.worker(TRUEFTP_SECRETS_KEY_FILE=str(mounted))
    fresh = stack.folder / "fresh"
    stack.ctl("key-file", "create", "--file", fresh, "--key-id", "fresh")
    both = fresh.read_text() + stack.key_file.read_text()
    replace(stack.key_file, both)
    stack.webhook()
    worker.wait_fact("webhook_unusable")
    stack.topics.publish(make_event(ACCOUNT, "/waits"))
    wait_until("the event is read", lambda: worker.metric("trueftp_worker_events_total") == 1, watch=[worker])
    assert not endpoint.posts

    replace(mounted, both)
    worker.wait_fact("key_file_read", writing_key="fresh", webhooks_mended=1)
    endpoint.wait_posts(1, seconds=60, watch=[worker])
    stack.wait_statuses({"delivered": 1})
    [record] = stack.topics.last_deliveries().values()
    assert record["attempt"] == 1, "our own trouble uses up no attempt"


def test_a_broken_key_file_leaves_the_old_keys(stack, endpoint):
    stack.webhook()
    worker = stack.worker()
    good = stack.key_file.read_text()
    replace(stack.key_file, "nonsense")
    worker.wait_fact("key_file_unusable")
    assert worker.metric("trueftp_worker_key_file_errors_total") == 1
    assert good.split()[1] not in worker.output()
    stack.topics.publish(make_event(ACCOUNT, "/x"))
    endpoint.wait_posts(1, watch=[worker])
    replace(stack.key_file, good)
    worker.wait_fact("key_file_read")
