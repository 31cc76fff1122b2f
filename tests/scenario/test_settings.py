"""Every setting of every program with values that it must not have: the start ends at once, with a status for configuration, and says
which setting it is, and in a file in which line. Numbers, truths and lengths come from the table that --help prints; what a text may be
is listed here."""

import re
import subprocess

import pytest
from harness.program import environment

USAGE = 64
ENDS = (USAGE, 69, 73, 78)  # sysexits.h: usage, unavailable, cannot be made, configuration
PROGRAMS = ("trueftp-worker", "trueftp-api", "trueftp-producer")
NOT_FILES = ("/nonexistent/file", "/", "/dev/null/x")
LISTS = ("x", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129", "256.0.0.0/8", "10.0.0.0/8;11.0.0.0/8", "localhost", "10.0.0.0/8/8")
ADDRESSES = ("x", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x", "127.0.0.1:-1", ":", "256.0.0.1:1", "[::1]", "::1:1")
URLS = ("x", "http://h", "redis://", "redis:/h", "redis://h:0", "redis://h:65536", "redis://h/x", "redis://u@h", "redis://h h")
PROXIES = ("x", "https://p:1", "http://p", "http://u:s3cret@p:1", "http://p:0", "http://p:65536", "ftp://p:1", "http://")
TEXTS = {
    "TRUEFTP_LOG_LEVEL": ("loud", "INFO", "warning"),
    "TRUEFTP_SANDBOX": ("yes", "ON", "of"),
    "TRUEFTP_TOPIC_PREFIX": ("a/b", "a b", "\u00fc", "a\tb"),
    "TRUEFTP_POOL": ("A", "a b", "dlq", "a/b", "a.b", "\u00fc"),
    "TRUEFTP_ALLOW_TARGETS": LISTS,
    "TRUEFTP_DENY_TARGETS": LISTS,
    "TRUEFTP_ADMIN_LISTEN": ADDRESSES,
    "TRUEFTP_API_LISTEN": ADDRESSES,
    "TRUEFTP_REDIS_URL": URLS,
    "TRUEFTP_EGRESS_PROXY": PROXIES,
    "TRUEFTP_KAFKA_CONFIG": NOT_FILES,
    "TRUEFTP_SECRETS_KEY_FILE": NOT_FILES,
    "TRUEFTP_REDIS_PASSWORD_FILE": NOT_FILES,
    "TRUEFTP_EGRESS_PROXY_CREDENTIALS_FILE": NOT_FILES,
    "TRUEFTP_ADMIN_TOKEN_FILE": ("/nonexistent/file", "/dev/null/x"),
    "TRUEFTP_SOURCES": NOT_FILES,
    "TRUEFTP_DATA_DIR": ("/dev/null/x", "/dev/null"),
}
# Settings that all programs know, and not all use.
USERS = {
    "TRUEFTP_ALLOW_TARGETS": PROGRAMS[:2],
    "TRUEFTP_DENY_TARGETS": PROGRAMS[:2],
    "TRUEFTP_REDIS_URL": PROGRAMS[:1],
    "TRUEFTP_SECRETS_KEY_FILE": PROGRAMS[:2],
}
# What a message calls them where it does not repeat the value.
CALLED = {"TRUEFTP_REDIS_URL": "Redis URL", "TRUEFTP_ADMIN_LISTEN": "cannot listen on", "TRUEFTP_API_LISTEN": "cannot listen on"}


@pytest.fixture(scope="module")
def options(bin_dir):
    """program -> setting -> what it accepts, as --help says."""
    found = {}
    for program in PROGRAMS:
        text = subprocess.run([bin_dir / program, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        found[program] = dict(re.findall(r"^  (TRUEFTP_\w+)\n.*\n      (?:required|default .*?); (.*)$", text, re.M))
        assert len(found[program]) > 10
    return found


@pytest.fixture
def start(bin_dir, tmp_path):
    """Starts a program with settings of which one is wrong; (exit status, what it said)."""
    good = {
        "TRUEFTP_KAFKA_BROKERS": "127.0.0.1:9",
        "TRUEFTP_REDIS_URL": "redis://127.0.0.1:9",
        "TRUEFTP_ADMIN_LISTEN": "127.0.0.1:0",
        "TRUEFTP_SECRETS_KEY_FILE": str(tmp_path / "keys"),
        "TRUEFTP_DEV": "1",
        "TRUEFTP_SOURCES": str(tmp_path / "sources"),
        "TRUEFTP_DATA_DIR": str(tmp_path),
        "TRUEFTP_EGRESS_PROXY": "http://127.0.0.1:9",
        "TRUEFTP_API_LISTEN": "127.0.0.1:0",
    }
    (tmp_path / "sources").write_text(f"[log]\nformat = jsonl\npath = {tmp_path}/log\naccount = constant:acc_1\n")
    env = environment({"TRUEFTP_KAFKA_BROKERS": "x"})
    subprocess.run([bin_dir / "trueftpctl", "key-file", "create", "--file", tmp_path / "keys"], env=env, timeout=60, check=True)

    def run(program, name, value, in_file=False):
        settings, arguments = dict(good), []
        if in_file:
            settings.pop(name, None)
            file = tmp_path / "settings"
            file.write_text(f"# what is wrong\n{name}={value}\n")
            arguments = ["--config", file]
        else:
            settings[name] = value
        command = [bin_dir / program, *arguments]
        try:
            done = subprocess.run(command, capture_output=True, env=environment(settings), timeout=6, check=False)
        except subprocess.TimeoutExpired:
            return None, "it started"
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")

    return run


def wrong_by_table(accepts):
    """Values that are none by what --help says; some texts have no bound that matters here."""
    if number := re.match(r"a whole number from (-?\d+) to (-?\d+)", accepts):
        low, high = int(number[1]), int(number[2])
        return [str(low - 1), str(high + 1), "", "x", "1.5", "1e3", "0x10", " 1", "1 ", "1,000", "99999999999999999999", "-99999999999999999999"]
    if accepts == "0 or 1":
        return ["2", "-1", "", "true", "yes", "01", " 1"]
    most = int(re.search(r"(\d+) bytes", accepts)[1])
    least = re.match(r"a text of (\d+) to", accepts)
    return ["x" * (most + 1)] + ([""] if least else [])


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_out_of_bounds(start, options, program):
    wrong = []
    for name, accepts in options[program].items():
        for value in wrong_by_table(accepts):
            status, said = start(program, name, value)
            if status != USAGE or name not in said:
                wrong.append((name, value[:30], status, said[-200:]))
    assert not wrong


@pytest.mark.parametrize("program", PROGRAMS)
def test_in_a_file_the_line_is_said(start, options, program):
    wrong = []
    for name, accepts in options[program].items():
        value = wrong_by_table(accepts)[0]
        status, said = start(program, name, value, in_file=True)
        if status != USAGE or name not in said or "line 2" not in said:
            wrong.append((name, value[:30], status, said[-200:]))
    assert not wrong


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_name_that_nobody_knows(start, program):
    for name in ("TRUEFTP_", "TRUEFTP_KAFKA_BROKER", "TRUEFTP_kafka_brokers", "TRUEFTP_NO_SUCH"):
        for in_file in (False, True):
            status, said = start(program, name, "1", in_file)
            assert status == USAGE and "unknown name" in said and name in said


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_malformed_address_is_a_matter_of_configuration(start, program):
    """Not of a port that somebody else has, which may be free later."""
    for address in ("x", "127.0.0.1:65536", "::1:1"):
        status, said = start(program, "TRUEFTP_ADMIN_LISTEN", address)
        assert status == 78 and f'listen address \\"{address}\\"' in said, (address, status, said)


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_is_none(start, options, name):
    """In each program that uses the setting. (Files of TLS to Redis: test_redis_tls.c, where the machine has it.)"""
    wrong, users = [], [program for program in USERS.get(name, PROGRAMS) if name in options[program]]
    assert users
    for program in users:
        for value in TEXTS[name]:
            status, said = start(program, name, value)
            named = any(word in said for word in (name, value, CALLED.get(name, name)))
            if status not in ENDS or not named or "s3cret" in said:
                wrong.append((program, value, status, said[-200:]))
    assert not wrong
