#!/usr/bin/env python3
"""Seed corpora for the fuzz targets: seeds.py SAMPLES SOURCES_FILE BY_HAND OUT

OUT/source_<format>/<case> is each log of the samples of real servers, and each of its lines alone. For source_jsonl and socket, what
the samples mean, as lines of that format. For users, files as the servers' tools write them; for sources, the example and each of
its sections. For the others, documents with each member that the contract has. BY_HAND/<target>/* is copied."""

import hashlib
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "corpus"))
from documents import ACCOUNT, CLAIM, DELIVERY, EVENTS, EXPECTATION, ID, LOG, WEBHOOK  # noqa: E402

MOST_LINES = 400  # of one format: more of the same does not find more
LARGEST = 8192


def jsonl(sample):
    """The events of a sample as JSON lines."""
    lines = []
    for text in sample.read_text().splitlines():
        event = json.loads(text)
        line = {
            "event": event["event"].replace("_renamed", "file.renamed"),
            "timestamp": "2026-11-23T20:40:24Z",
            "path": event["path"].encode("utf-8", "replace").decode(),
            "username": event.get("username"),
            "client_ip": event.get("client_ip"),
            "size": event.get("size"),
            "suspect": event.get("suspect"),
            "renamed_from": event.get("from"),
        }
        lines.append(json.dumps(line, ensure_ascii=len(lines) % 2 == 0).encode("utf-8", "replace") + b"\n")
    return b"".join(lines)


def write(folder, content):
    if 0 < len(content) <= LARGEST:
        (folder / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)


def seeds(folder, logs):
    folder.mkdir(parents=True, exist_ok=True)
    lines = set()
    for log in logs:
        write(folder, log)
        lines.update(log.splitlines(keepends=True))
    for line in sorted(lines)[:MOST_LINES]:
        write(folder, line)


USERS = [
    b"bob:$1$x:1000:33::/srv/bob:/bin/false\n# c\n\na:x:1:2:g:/h:/s\r\nb:x:1:2:g:/i:",
    b"joe:$7$x:33:33::/srv/joe/./::::::::::::\nhalf:x:33\n",
    b"# list\n ann \nbob\t\n\nc d",
    b"root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000:,,,:/home/ann:/bin/sh\nnobody:x:65534:65534::/:/x\n+::::::\n",
    b"acc_7:x:700:u,v\n:x:1:2::/h:/s\nc:x:one:2::/h:/s\n",
]


def sections(text):
    """The sources file, and each section alone; comments' settings as if they were meant."""
    parts = ["[" + part for part in text.split("\n[")[1:]]
    return [text, *parts, *[part.replace("\n#", "\n") for part in parts]]


TARGETS = [
    "https://hooks.example.com/in?x=%20#",
    "http://a.example:8080/",
    "https://127.0.0.1/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://[::ffff:10.0.0.1]:8443/",
    "https://u:p@a.example/",
    "https://a.example\\@b.example/",
    "https://xn--bcher-kva.example.:65536/",
    "https://metadata.google.internal/",
    "https://a%2eexample/",
    "10.1.2.3",
    "2001:db8::1.2.3.4",
    "64:ff9b::7f00:1",
    "10.0.0.0/8, fd00::/8,192.0.2.1",
]

GLOBS = ["/incoming/**\n/incoming/a/b", "*.csv\n/x/o.csv\n!*.tmp", "[!a-c]\\]x?\n/d]xy", "[]a]**b*\n/]/a/b/c", "/a*a*a*b\n/aaaaaaaac"]

REDIS_URLS = [
    "redis://127.0.0.1:6379",
    "rediss://user:p%40ss@redis.example:6380/3",
    "redis://:CANARY@[::1]:1/0",
    "redis://h:99999",
    "redis://CANARY@h",
]

PROTOCOL = [
    "120",
    "Sun, 06 Nov 2094 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "00000001.0000000042.0000000000000001234",
    json.dumps(CLAIM),
    f"v1;log={LOG};low=1234",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ID,
    "aGVsbG8=",
]

API = [
    "/api/ext/v1/webhooks?limit=5&cursor=MTcuYWJj",
    "/a%2Fb/%C3%BC?x=%00&y",
    "MTc4MDAwMDAwMDAwMC53aF8x",
    "0badcafe" + "00" * 24,
    "*/15 0-6,22 1 jan-mar sun",
    json.dumps({"url": "https://a.example/", "events": ["*"], "headers": {"A": "b"}, "path_patterns": ["*.csv"], "signature": "both"}),
]

CTL = [
    ": hello\nretry: 1000\n\nid: 17.abc\nevent: delivery\ndata: {\"id\":\"a\",\ndata: \"status\":\"failed\"}\n\nevent: reset\r\ndata:\r\n\r\n",
    json.dumps({"type": "about:blank", "status": 422, "code": "invalid", "detail": "d\u202e", "errors": [{"field": "/url", "message": "\u001b[2J"}]}),
    json.dumps([{"id": "a\nb", "a": {"b": [1, None]}}, {"id": 7}]),
]

CONFIGS = [
    "# a comment\nTRUEFTP_TOPIC_PREFIX = t\nTRUEFTP_ALLOW_HTTP=1\nTRUEFTP_WORKER_SLOTS=9\n",
    "TRUEFTP_NO_SUCH=1\n",
    "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.username=u\nsasl.password=CANARY\n",
    "acks=0\n",
    '{"schema":"trueftp.checkpoint/1","log":"/log","files":[{"inode":1,"fingerprint":"ab","offset":0,"size":5}]}',
]

SEALED = [
    "k1 AQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n# old\nk0 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
    "v1.k1." + "A" * 80 + "." + "A" * 48,
    "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1,a",
    "sha256=" + "0" * 64,
    "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
]


def documents(*values):
    """Each document, and each with every member alone taken away."""
    out = []
    for value in values:
        out.append(value)
        out += [{k: v for k, v in value.items() if k != left} for left in value]
    return [json.dumps(value, ensure_ascii=False).encode() for value in out]


def texts(values):
    return [value.encode() for value in values]


def copy(by_hand, out):
    for file in sorted(path for path in by_hand.glob("*/*") if path.is_file()):
        (out / file.parent.name).mkdir(parents=True, exist_ok=True)
        (out / file.parent.name / file.name).write_bytes(file.read_bytes())


def plain(out):
    """The corpora whose inputs are whole documents, not logs of lines."""
    choices = b"".join(hashlib.sha256(bytes([i])).digest() for i in range(64))
    corpora = {
        "json": documents(*EVENTS, WEBHOOK, DELIVERY),
        "event": documents(*EVENTS),
        "webhook": documents(WEBHOOK),
        "delivery": documents(DELIVERY, {**DELIVERY, "status": "delivered", "original_delivery_id": ID, "path_base64": "L3Lp"}),
        "definitions": documents(ACCOUNT, EXPECTATION),
        "target": [bytes([i]) + text for i in range(4) for text in texts(TARGETS)],
        "glob": texts(GLOBS),
        "redis_url": texts(REDIS_URLS),
        "protocol": texts(PROTOCOL),
        "api": texts(API),
        "ctl": texts(CTL),
        "config": texts(CONFIGS),
        "sealed": texts(SEALED),
        "sim": [choices[i : i + n] for i, n in ((0, 64), (100, 256), (300, 1024), (0, 2048))],
    }
    for name, inputs in corpora.items():
        (out / name).mkdir(parents=True, exist_ok=True)
        for content in inputs:
            write(out / name, content)


def main(samples, sources, by_hand, out):
    meanings = []
    for folder in sorted(p for p in samples.iterdir() if p.is_dir()):
        seeds(out / f"source_{folder.name}", [log.read_bytes() for log in sorted(folder.glob("*.log"))])
        meanings += [jsonl(events) for events in sorted(folder.glob("*.events.jsonl"))]
    extra = b'{"event":"ftp_user.created","timestamp":"2026-06-08T12:00:00.5+02:00","username_base64":"/w==","home":"/h","account_id":"a"}\n'
    extra += b'{"event":"dir.created","timestamp":"2026-06-08T12:00:00Z","path_base64":"L3Lp","path_lossy":true,"frontend":"x"}\n# c\n'
    seeds(out / "source_jsonl", [*meanings, extra])
    seeds(out / "source_spool", [*meanings, extra])
    seeds(out / "socket", [*meanings, extra])
    seeds(out / "users", USERS)
    seeds(out / "sources", [part.encode() for part in sections(sources.read_text())])
    plain(out)
    copy(by_hand, out)


main(*[pathlib.Path(arg) for arg in sys.argv[1:]])
