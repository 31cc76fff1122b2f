"""api/openapi.json against the running server, by a tool that makes up requests, right and wrong ones: no server error, no answer that
is not described, no header or member that is not as described."""

import os
import pathlib
import subprocess

import pytest
from harness.api import ADMIN_TOKEN, eventually, new_key, start_api
from harness.contract import make_event
from harness.endpoint import Status
from harness.stack import ACCOUNT

DESCRIPTION = pathlib.Path(__file__).resolve().parents[2] / "api/openapi.json"
TOOL = os.environ.get("SCENARIO_SCHEMATHESIS")
FULL = bool(os.environ.get("SCENARIO_FULL"))
SECONDS = 240 if FULL else 60  # of one run of the tool, at most
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
]

pytestmark = pytest.mark.skipif(not TOOL, reason="schemathesis is not there (tests/run.sh brings it)")


def hold(api, folder, token, include, exclude, ids):
    """Runs the tool; ids are what its requests name, so that they get beyond 404."""
    config = folder / "schemathesis.toml"
    config.write_text("[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items()))
    command = [TOOL, "--config-file", config, "run", DESCRIPTION, "-u", f"http://127.0.0.1:{api.port}", "-H", f"Authorization: Bearer {token}"]
    command += ["--include-path-regex", include, "--exclude-operation-id-regex", exclude, "--continue-on-failure", "--no-shrink"]
    command += ["--phases", "coverage,fuzzing" if FULL else "fuzzing", "--max-time", str(SECONDS), "-n", "100" if FULL else "5", "--checks", ",".join(CHECKS), "--output-truncate", "false"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=SECONDS * 4 + 60, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_the_interface_of_accounts_is_as_described(stack, endpoint, tmp_path):
    api = start_api(stack, TRUEFTP_API_REQUESTS_PER_SECOND="10000")
    stack.worker()
    client = api.client(new_key(api, ACCOUNT))
    webhook = client.post("/webhooks", {"url": endpoint.url("/hook"), "max_attempts": 1}).body["id"]
    endpoint.script("/hook", Status(500, b"<h1>no</h1>"))
    stack.topics.publish(make_event(ACCOUNT, "/\u00fcber <img>.csv"))
    list_path = f"/webhooks/{webhook}/deliveries"
    [delivery] = eventually("it has failed", lambda: client.get(list_path), lambda r: [d for d in r.body["data"] if d["status"] == "failed"]).body["data"]
    expectation = client.post(f"/webhooks/{webhook}/expectations", {"path": "/x", "schedule": "0 3 * * *"}).body["id"]
    recovery = client.post(f"/webhooks/{webhook}/recover", {"since": "2026-01-01T00:00:00Z"}, 202).body["recovery_id"]
    ids = {"webhook_id": webhook, "delivery_id": delivery["delivery_id"], "expectation_id": expectation, "recovery_id": recovery}
    hold(api, tmp_path, client.token, "^/api/ext/v1", "^(streamDeliveries|deleteWebhook|deleteExpectation|.*Session)$", ids)


def test_the_operators_interface_is_as_described(stack, tmp_path):
    api = start_api(stack, TRUEFTP_API_REQUESTS_PER_SECOND="10000")
    key_id = new_key(api, ACCOUNT).split("_")[1]
    hold(api, tmp_path, ADMIN_TOKEN, "^/api/admin/v1", "^$", {"account_id": ACCOUNT, "key_id": key_id})
