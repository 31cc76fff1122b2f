"""The code that the dashboard offers for verifying a delivery, run in its own language against the vectors of public specifications.

A language that is not on the machine is left out, except those that tests/run.sh installs."""

import base64
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SNIPPETS = ROOT / "api/dashboard/assets/snippets"
VECTORS = {v["name"].split()[0]: v for v in json.loads((ROOT / "tests/unit/data/webhooks.json").read_text())["signatures"]}
# Hook0 signs "timestamp.body" with the secret as it is: what X-TrueFTP-Signature does.
TRUEFTP, STANDARD = VECTORS["hook0"], VECTORS["standard-webhooks"]

PYTHON = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("snippet", sys.argv[1]); snippet = importlib.util.module_from_spec(spec); spec.loader.exec_module(snippet)
for case in json.load(sys.stdin):
    names = {k.lower(): v for k, v in case["headers"].items()}
    class Headers:
        def get(self, name, default=None): return names.get(name.lower(), default)
    print(int(snippet.verify(case["secret"], Headers(), bytes.fromhex(case["body"]), case["now"])))
"""
NODE = """
import { readFileSync } from "node:fs";
const { verify } = await import(process.argv[2]);
for (const c of JSON.parse(readFileSync(0, "utf8"))) {
    const headers = Object.fromEntries(Object.entries(c.headers).map(([k, v]) => [k.toLowerCase(), v]));
    console.log(verify(c.secret, headers, Buffer.from(c.body, "hex"), c.now) ? 1 : 0);
}
"""
GO = """package webhook

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"testing"
	"time"
)

func TestCases(t *testing.T) {
	var cases []struct {
		Secret, Body string
		Headers      map[string]string
		Now          int64
	}
	text, _ := os.ReadFile("cases.json")
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	out, _ := os.Create("verdicts")
	for _, c := range cases {
		headers := http.Header{}
		for k, v := range c.Headers {
			headers.Set(k, v)
		}
		body, _ := hex.DecodeString(c.Body)
		verdict := 0
		if Verify(c.Secret, headers, body, time.Unix(c.Now, 0)) {
			verdict = 1
		}
		fmt.Fprintln(out, verdict)
	}
	out.Close()
}
"""
PHP = """<?php
require $argv[1];
foreach (json_decode(stream_get_contents(STDIN), true) as $c) {
    $headers = array_change_key_case($c['headers']);
    echo verify($c['secret'], $headers, hex2bin($c['body']), $c['now']) ? 1 : 0, "\\n";
}
"""
RUBY = """
require "json"
require ARGV[0]
JSON.parse($stdin.read).each do |c|
  headers = c["headers"].transform_keys(&:downcase)
  puts verify(c["secret"], headers, [c["body"]].pack("H*"), now: c["now"]) ? 1 : 0
end
"""
# One case a line: now, secret, body in hexadecimal, then pairs of a header's name and value, with tabs between them.
JAVA = """
final class Run {
    public static void main(String[] args) throws Exception {
        var lines = new java.io.BufferedReader(new java.io.InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] part = line.split("\\t", -1);
            var headers = new java.util.TreeMap<String, String>(String.CASE_INSENSITIVE_ORDER);
            for (int i = 3; i + 1 < part.length; i += 2) headers.put(part[i], part[i + 1]);
            byte[] body = java.util.HexFormat.of().parseHex(part[2]);
            System.out.println(Verify.verify(part[1], headers::get, body, Long.parseLong(part[0])) ? 1 : 0);
        }
    }
}
"""


# ---- cases


def signed(scheme, secret, timestamp, body, message_id="msg_1"):
    """The headers of a delivery, made by Python's own hmac."""
    if scheme == "trueftp":
        signature = "sha256=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {"X-TrueFTP-Timestamp": str(timestamp), "X-TrueFTP-Signature": signature}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {"webhook-id": message_id, "webhook-timestamp": str(timestamp), "webhook-signature": "v1," + base64.b64encode(mac).decode()}


def vector_headers(scheme):
    """The vector as a delivery would carry it: the signature is the specification's, not ours."""
    if scheme == "trueftp":
        return {"X-TrueFTP-Timestamp": str(TRUEFTP["timestamp"]), "X-TrueFTP-Signature": "sha256=" + TRUEFTP["header"].split("v0=")[1]}
    return {"webhook-id": STANDARD["id"], "webhook-timestamp": str(STANDARD["timestamp"]), "webhook-signature": STANDARD["header"]}


def rotated(scheme, headers, other):
    """Both secrets sign: the right signature stands second."""
    if scheme == "trueftp":
        return {**other, "X-TrueFTP-Signature-Previous": headers["X-TrueFTP-Signature"]}
    return {**headers, "webhook-signature": other["webhook-signature"] + " " + headers["webhook-signature"]}


def cases(scheme):
    """(what, secret, headers, body, now, is it ours)"""
    vector = TRUEFTP if scheme == "trueftp" else STANDARD
    secret, body, at = vector["secret"], vector["body"].encode(), vector["timestamp"]
    good = vector_headers(scheme)
    stamp, signature = [name for name in good if "imestamp" in name][0], [name for name in good if "ignature" in name][0]
    other = signed(scheme, "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode(), at, body, good.get("webhook-id", ""))
    raw = bytes(range(256))
    yield "the vector of the specification", secret, good, body, at, True
    yield "five minutes later", secret, good, body, at + 300, True
    yield "later than five minutes", secret, good, body, at + 301, False
    yield "from the future", secret, good, body, at - 301, False
    yield "another body", secret, good, body + b" ", at, False
    yield "another secret", other and "whsec_AAAA", good, body, at, False
    yield "another timestamp", secret, {**good, stamp: str(at + 1)}, body, at, False
    yield "a timestamp that is no number", secret, {**good, stamp: str(at) + "x"}, body, at, False
    yield "no timestamp", secret, {k: v for k, v in good.items() if k != stamp}, body, at, False
    yield "no signature", secret, {k: v for k, v in good.items() if k != signature}, body, at, False
    yield "an empty signature", secret, {**good, signature: ""}, body, at, False
    yield "half a signature", secret, {**good, signature: good[signature][:-20]}, body, at, False
    yield "more than a signature", secret, {**good, signature: good[signature] + "00"}, body, at, False
    yield "during a rotation", secret, rotated(scheme, good, other), body, at, True
    yield "signed by another secret", secret, other, body, at, False
    yield "every byte there is", secret, signed(scheme, secret, at, raw), raw, at, True
    yield "no body at all", secret, signed(scheme, secret, at, b""), b"", at, True


# ---- languages


def execute(command, text=None, folder=None, env=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=folder, env=env, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def as_json(all_cases):
    return json.dumps([{"secret": s, "headers": h, "body": b.hex(), "now": now} for _, s, h, b, now, _ in all_cases])


def run_with_driver(program, name, driver):
    def run(scheme, folder, all_cases):
        (folder / name).write_text(driver)
        return execute([program, folder / name, SNIPPETS / scheme / FILES[program]], as_json(all_cases))

    return run


def run_go(scheme, folder, all_cases):
    shutil.copy(SNIPPETS / scheme / "verify.go", folder)
    (folder / "verify_test.go").write_text(GO)
    (folder / "go.mod").write_text("module webhook\n\ngo 1.19\n")
    (folder / "cases.json").write_text(as_json(all_cases))
    env = {**os.environ, "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "HOME": os.environ.get("HOME", str(folder))}
    execute(["go", "test", "."], folder=folder, env=env)
    return (folder / "verdicts").read_text().split()


def run_java(scheme, folder, all_cases):
    (folder / "Run.java").write_text((SNIPPETS / scheme / "Verify.java").read_text().replace("final class Verify", JAVA + "final class Verify"))
    ordered = "".join(
        "\t".join([str(now), s, b.hex(), *[part for pair in h.items() for part in pair]]) + "\n" for _, s, h, b, now, _ in all_cases
    )
    return execute(["java", "Run.java"], ordered, folder)


def run_shell(scheme, _folder, all_cases):
    """One process a case: headers come from the environment, the body from standard input."""
    names = {"x-trueftp-timestamp": "TIMESTAMP", "x-trueftp-signature": "SIGNATURE", "x-trueftp-signature-previous": "SIGNATURE_PREVIOUS"}
    names |= {"webhook-id": "ID", "webhook-timestamp": "TIMESTAMP", "webhook-signature": "SIGNATURE"}
    verdicts = []
    for _, secret, headers, body, now, _ in all_cases:
        env = {"PATH": os.environ["PATH"], "WEBHOOK_SECRET": secret, "NOW": str(now), "TIMESTAMP": "", "SIGNATURE": "", "ID": ""}
        env |= {names[name.lower()]: value for name, value in headers.items()}
        done = subprocess.run(["sh", SNIPPETS / scheme / "verify.sh"], input=body, env=env, capture_output=True, timeout=60, check=False)
        assert not done.stderr, done.stderr
        verdicts.append(str(int(done.returncode == 0)))
    return verdicts


FILES = {"/usr/bin/python3": "verify.py", "node": "verify.mjs", "php": "verify.php", "ruby": "verify.rb"}
LANGUAGES = {
    "python": ("/usr/bin/python3", run_with_driver("/usr/bin/python3", "run.py", PYTHON)),
    "node": ("node", run_with_driver("node", "run.mjs", NODE)),
    "go": ("go", run_go),
    "php": ("php", run_with_driver("php", "run.php", PHP)),
    "java": ("java", run_java),
    "ruby": ("ruby", run_with_driver("ruby", "run.rb", RUBY)),
    "shell": ("openssl", run_shell),
}


@pytest.mark.parametrize("scheme", ["trueftp", "standard"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_code_tells_ours_from_others(language, scheme, tmp_path):
    program, run = LANGUAGES[language]
    if not shutil.which(program):
        pytest.skip(f"{program} is not on this machine")
    if language == "java" and "jdk.compiler" not in subprocess.run(["java", "--list-modules"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("this Java has no compiler")
    all_cases = list(cases(scheme))
    verdicts = run(scheme, tmp_path, all_cases)
    wrong = [what for (what, *_, ours), verdict in zip(all_cases, verdicts, strict=True) if int(ours) != int(verdict)]
    assert not wrong, f"{language}, {scheme}: wrong about {wrong}"


def test_every_language_has_both_schemes():
    offered = {path.name for path in (SNIPPETS / "trueftp").iterdir()}
    assert offered == {path.name for path in (SNIPPETS / "standard").iterdir()}
    assert offered == {"verify.py", "verify.mjs", "verify.go", "verify.php", "Verify.java", "Verify.cs", "verify.rb", "verify.sh"}
