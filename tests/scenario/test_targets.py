"""The target policy as an operator asks for it: trueftpctl check-target, with the operator's own lists."""

import json
import pathlib
import subprocess

import pytest
from harness.program import environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = json.loads((ROOT / "tests/unit/data/webhooks.json").read_text())["addresses"]


@pytest.fixture
def check(bin_dir):
    """Asks; (exit status, what it said)."""

    def ask(target, **settings):
        command = [bin_dir / "trueftpctl", "check-target", target]
        env = environment({"TRUEFTP_KAFKA_BROKERS": "127.0.0.1:9", **settings})
        done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=30, check=False)
        return done.returncode, (done.stdout + done.stderr).strip()

    return ask


@pytest.mark.parametrize(
    "target, status, said",
    [
        ("https://hooks.example.com/x", 0, "allowed"),
        ("93.184.216.34", 0, "allowed"),
        ("10.0.0.1", 1, "refused: private (RFC 1918)"),
        ("::ffff:127.0.0.1", 1, "refused: IPv4-mapped"),
        ("https://0x7f.1/", 1, "refused: the host is an IP address: use a name"),
        ("http://hooks.example.com/", 1, "refused: "),
        ("https://metadata.google.internal/", 1, "refused: "),
        ("https://hooks.example.com:22/", 1, "refused: "),
        ("https://user@hooks.example.com/", 1, "refused: "),
    ],
)
def test_allowed_or_the_rule(check, target, status, said):
    found = check(target)
    assert found[0] == status and found[1].startswith(said), found


def test_the_operators_lists(check):
    lists = {"TRUEFTP_ALLOW_TARGETS": "10.1.0.0/16", "TRUEFTP_DENY_TARGETS": "10.1.2.0/24,93.184.216.34"}
    assert check("10.1.0.1", **lists) == (0, "allowed")
    assert check("https://10.1.0.1/", **lists) == (0, "allowed")
    denied = (1, "refused: the operator's list of denied addresses")
    assert check("10.1.2.3", **lists) == check("https://10.1.2.3/", **lists) == check("93.184.216.34", **lists) == denied
    status, said = check("10.1.0.1", TRUEFTP_DENY_TARGETS="10.1.0.0/99")
    assert status not in (0, 1) and "TRUEFTP_DENY_TARGETS" in said


def test_the_vectors(check):
    """Every address of the vectors, through the program an operator asks."""
    for vector in VECTORS:
        status, said = check(vector["ip"])
        assert (status == 0) != vector["blocked"], (vector, said)
