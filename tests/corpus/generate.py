#!/usr/bin/env python3
"""The corpus of bad input, as JSON lines: generate.py > cases.jsonl

A case is {"kind": which parser, "name": what is done, "input": base64, "expect": "ok" | "refused", "why": words that the message must
have}; of logs (logs.py) also "partly" and "ignored". What is expected follows from how the case is made (a document without a member it needs, cut off at a byte, with a value of a
wrong type), not from what the parser says. The same each time. Hand-made cases stand in by_hand.jsonl, with "text" instead of "input"."""

import base64
import json
import pathlib
import sys

import logs
from documents import ACCOUNT, CLAIM, DELIVERY, EVENTS, WEBHOOK

# kind: (document, members that must be there, members whose type is checked: name -> its right types)
TEXT, NUMBER, TRUTH, LIST, OBJECT = "text", "number", "truth", "list", "object"
DOCUMENTS = {
    "event": (EVENTS[0], list(EVENTS[0]), {"event_id": TEXT, "event": TEXT, "timestamp": TEXT, "account_id": TEXT, "data": OBJECT}),
    "webhook": (
        WEBHOOK,
        ["id", "account_id", "url", "events"],
        {
            **dict.fromkeys(("id", "account_id", "url", "description", "signature", "created_at"), TEXT),
            **dict.fromkeys(("max_attempts", "timeout_ms", "max_concurrency", "rate_limit_per_second", "version"), NUMBER),
            **{"enabled": TRUTH, "events": LIST, "path_patterns": LIST, "headers": OBJECT, "secrets": LIST},
        },
    ),
    "delivery": (
        DELIVERY,
        ["schema", "delivery_id", "event_id", "webhook_id", "account_id", "event", "status", "revision"],
        {
            **dict.fromkeys(("schema", "delivery_id", "event_id", "webhook_id", "account_id", "event", "status"), TEXT),
            **{"revision": NUMBER, "attempt": NUMBER, "attempts": LIST},
        },
    ),
    "account": (ACCOUNT, ["id"], {"id": TEXT, "name": TEXT, "plan": TEXT, "limits": OBJECT, "keys": LIST, "version": NUMBER}),
    "claim": (CLAIM, ["schema", "log", "life", "generation"], {"schema": TEXT, "log": TEXT, "life": NUMBER, "generation": NUMBER}),
}
VALUES = {
    TEXT: ['"zzzz"'],
    NUMBER: ["0", "-1", "1.5", "1e3", "99999999999999999999"],
    TRUTH: ["true", "false"],
    LIST: ["[]", "[[]]", "[1]"],
    OBJECT: ["{}", '{"a":{}}'],
}
BAD_UTF8 = [
    b"\x80", b"\xbf", b"\xc0\x80", b"\xc1\xbf", b"\xc2", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xe2\x82", b"\xed\xa0\x80", b"\xed\xbf\xbf",
    b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xfe", b"\xff", b"\xc3\x28",
]  # fmt: skip


def case(kind, name, content, expect="refused", why=""):
    content = content if isinstance(content, bytes) else content.encode()
    return {"kind": kind, "name": name, "input": base64.b64encode(content).decode(), "expect": expect, "why": why}


def text_of(document):
    return json.dumps(document, separators=(",", ":")).encode()


def broken_syntax(kind, document):
    """What no JSON document may be."""
    good = text_of(document)
    for cut in range(len(good)):
        yield case(kind, f"cut at byte {cut}", good[:cut])
    for i, junk in enumerate((b"x", b"{}", b",", b"]", b"\x00", b"null", b"//")):
        yield case(kind, f"junk {i} behind it", good + junk)
    for i, bad in enumerate(BAD_UTF8):
        yield case(kind, f"bad UTF-8 {i}", good[:-1] + b',"zz":"' + bad + b'"}')
    for byte in range(0x20):
        yield case(kind, f"control character {byte:#x} in a string", good[:-1] + b',"zz":"a' + bytes([byte]) + b'"}')
    for i, bad in enumerate(("01", "+1", ".5", "1.", "0x1", "NaN", "Infinity", "-", "1e", "'a'", "tru", "True", "nul", "\\u12", '"\\x"', '"\\u12g4"', "[1,]", '{"a":1,}', '{"a"}', "{1:2}")):
        yield case(kind, f"bad value {i}", good[:-1] + b',"zz":' + bad.encode() + b"}")
    yield case(kind, "a byte order mark", b"\xef\xbb\xbf" + good)
    first = next(iter(document))
    yield case(kind, "a member twice", good[:-1] + b',"' + first.encode() + b'":' + json.dumps(document[first]).encode() + b"}")
    for i, other in enumerate((b"", b" ", b"[]", b"1", b'"a"', b"null", b"true", b"[" + good + b"]")):
        yield case(kind, f"no object {i}", other)


def wrong_members(kind, document, needed, types):
    for name in needed:
        yield case(kind, f"without {name}", text_of({k: v for k, v in document.items() if k != name}), why=name)
    for name, right in types.items():
        for group, values in VALUES.items():
            for value in values if group != right else []:
                changed = text_of({**document, name: "@@"}).replace(b'"@@"', value.encode())
                beyond = kind in ("webhook", "account") and len(value) > 18  # then jansson refuses the number, before it has a name
                yield case(kind, f"{name} is {value}", changed, why="integer" if beyond else name)


def good_forms(kind, document):
    """What must be taken: other white space and order, members of later versions."""
    for i, white in enumerate((" ", "\n", "\t", "\r\n  ")):
        spaced = white + json.dumps(document, indent=i, separators=("," + white, white + ":" + white)) + white
        yield case(kind, f"white space {i}", spaced, "ok")
    yield case(kind, "the other order", text_of(dict(reversed(document.items()))), "ok")
    for i, value in enumerate((1, "x", None, [1, [2]], {"a": {"b": []}}, 1.5e300, "\u20ac\U0001f600")):
        yield case(kind, f"a member of a later version {i}", text_of({**document, "later": value}), "ok")


def urls():
    hosts = ["a.example", "hooks.customer-1.example", "xn--bcher-kva.example", "A.EXAMPLE", "1.example", "a.b.c.d.e.example"]
    for host in hosts:
        for port in ("", ":443", ":80", ":1024", ":8443", ":65535"):
            for path in ("", "/", "/a/b?c=d&e", "/%20", "/a@b", "?q=1"):
                yield case("url", f"{host}{port}{path}", f"https://{host}{port}{path}", "ok")
        for port in ("0", "1", "22", "25", "81", "442", "444", "1023", "65536", "99999", "-1", "x", "443x", " 443", "0x1bb"):
            yield case("url", f"port {port} of {host}", f"https://{host}:{port}/")
    for byte in [*range(0x01, 0x21), *range(0x7F, 0x100), *b"\\#"]:
        yield case("url", f"byte {byte:#x}", b"https://a.example/a" + bytes([byte]) + b"b")
    inner = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "017700000001", "0", "10.1.2.3", "[::1]", "[::ffff:10.0.0.1]", "169.254.169.254", "[fe80::1]"]
    names = ["localhost", "a.localhost", "x.local", "x.internal", "x.lan", "x.home.arpa", "x.svc", "x.cluster.local", "metadata.x.example", "intranet"]
    odd = ["a..example", ".example", "a.example.", "-a.example", "a-.example", "a_b.example", "a.1", "1.2.3.256", "a" * 64 + ".example", "a." * 127 + "example"]
    for host in inner + names + odd:
        for form in ("https://%s/", "https://%s:8443/x", "HTTPS://%s"):
            yield case("url", form % host, form % host)
    for scheme in ("http", "ftp", "file", "gopher", "ws", "javascript", "data", "", "https ", "1https"):
        yield case("url", f"scheme {scheme}", f"{scheme}://a.example/")


def addresses():
    for a in (0, 1, 9, 10, 99, 100, 199, 249, 250, 255):
        for b in (0, 1, 10, 255):
            yield case("address", f"{a}.{b}", f"{a}.{b}.{255 - a}.{b}", "ok")
    for bad in ("256", "-1", "01", "00", "1a", " 1", "1 ", "", "0x1", "+1", "999", "1e1"):
        for place in range(4):
            parts = ["1", "2", "3", "4"]
            parts[place] = bad
            yield case("address", f"part {place} is '{bad}'", ".".join(parts))
    for bad in ("1.2.3", "1.2.3.4.5", "1..2.3", ".1.2.3", "1.2.3.4.", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1::", "12345::", "g::", "::1%lo", "[::1]", "::1.2.3", "1.2.3.4::"):
        yield case("address", bad, bad)
    for groups in range(8):
        text = ":".join(["ab"] * groups) + "::" if groups else "::"
        yield case("address", text, text, "ok")


def redis_urls():
    for scheme in ("redis", "rediss"):
        for user in ("", ":p@", "u:p@", "u:p%40%3a@", "u:@"):
            for host in ("h", "redis.example", "127.0.0.1", "[::1]"):
                for rest in ("", ":1", ":65535", "/0", ":6379/15"):
                    yield case("redis_url", f"{scheme} {user} {host} {rest}", f"{scheme}://{user}{host}{rest}", "ok")
    for bad in ("", "h", "http://h", "redis:/h", "redis://", "redis://u@h", "redis://:%@h", "redis://:%4@h", "redis://:%zz@h", "redis://:%00@h", "redis://h:0", "redis://h:65536", "redis://h:x", "redis://h:", "redis://h/x", "redis://h/-1", "redis://h/65536", "redis://[::1", "redis://[::1]x", "redis://h h", "redis://" + "h" * 254):
        yield case("redis_url", bad[:40], bad, why="Redis URL")


def globs():
    for good in ("*", "**", "/a/*", "*.csv", "/a/**/b", "a?c", "[a-z]", "[!a]", "[]]", "[a\\]]", "\\*", "!x", "!/a/*", "a" * 1024, "\u00fc*"):
        yield case("glob", good[:20], good, "ok")
    for bad in ("", "!", "[", "[a", "a[b-", "[!", "[]", "\\", "a\\", "[\\]", "x" * 1025, "!" + "[" * 3):
        yield case("glob", bad[:20], bad)


def retry_afters():
    for good in ("0", "1", "120", "86400", "Sun, 06 Nov 2094 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"):
        yield case("retry_after", good, good, "ok")
    for bad in ("", " ", "-1", "+1", "1.5", "1s", "x", "0x10", "1e3", "120 120", "Sun, 06 Nov 2094", "Sun, 32 Nov 2094 08:49:37 GMT", "Sun, 06 Nov 2094 25:49:37 GMT", "Sun, 06 Foo 2094 08:49:37 GMT", "06 Nov 2094 08:49:37 GMT", "Sun, 06 Nov 2094 08:49:37 CET"):
        yield case("retry_after", bad, bad)


def responses():
    for status in (200, 204, 301, 404, 410, 429, 500, 503, 599, 999):
        yield case("response", f"status {status}", f"HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n", "ok")
    for i, bad in enumerate(("HTTP/1.1\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 x\r\n\r\n", "HTTP/1.1 abc x\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nA b\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n", "<html></html>\r\n\r\n", "\x00\x01\x02\x03\r\n\r\n", "220 ftp ready\r\n\r\n", "HTTP/1.1 1000 x\r\n\r\n")):
        yield case("response", f"bad head {i}", bad)
    good = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    for cut in range(len(good)):
        yield case("response", f"cut at byte {cut}", good[:cut])


def request_targets():
    for good in ("/", "/a", "/a/b?c=d", "/a?c", "/a?c=", "/%C3%BC", "/a%2Fb", "/a?x=%26&y=%3d", "/a?x=1&y=2&z=3", "/" + "a" * 8000):
        yield case("uri", good[:30], good, "ok")
    for i, bad in enumerate(("", "a", "http://x/", "*", "/%", "/%4", "/%zz", "/%00", "/a?x=%00", "/%ff", "/%c0%80", "/a?x=%ed%a0%80", "/" + "a" * 8200, "/a" * 13, "/a?" + "x=1&" * 25)):
        yield case("uri", f"bad {i} {bad[:20]}", bad)


def schedules():
    for good in ("* * * * *", "0 6 * * mon-fri", "*/15 0-6,22 1 jan-mar sun", "59 23 31 12 7", "0-30/10 * * * *", "0 0 29 2 *"):
        yield case("schedule", good, good, "ok")
    for bad in ("", "*", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 0 *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *", "*/x * * * *", "a * * * *", "1, * * * *", ",1 * * * *", "1- * * * *", "-1 * * * *", "1/2/3 * * * *", "* * * foo *", "@daily", "* * * * mon-", "1.5 * * * *", "99999999999 * * * *"):
        yield case("schedule", bad, bad)


def api_bodies():
    """What a client sends to make a webhook: each member with values that it must not have."""
    good = {"url": "https://a.example/", "events": ["*"]}
    wrong = {
        "url": ["", 1, None, "x", "http://a.example/", "https://127.0.0.1/", ["https://a.example/"]],
        "events": [[], "file.uploaded", [1], ["file.burnt"], {}, ["*", ""], 1],
        "path_patterns": ["*", [1], [""], ["["], ["\\"], ["*"] * 51, {"a": 1}],
        "max_attempts": [0, 21, -1, 1.5, "3", [], True],
        "timeout_ms": [999, 20001, -1, 0, "1000", 1e300, False],
        "max_concurrency": [0, 1025, "16", {}, -5],
        "rate_limit_per_second": [-1, 1000001, "1", 0.5],
        "headers": [[], "a", {"": "x"}, {"A": 1}, {"A": "b\r\nc"}, {"Host": "x"}, {"X-TrueFTP-Event": "x"}, {"webhook-id": "x"}, {"A": ""}, {"A": "b" * 5000}],
        "signature": ["", "sha1", 1, [], "TRUEFTP"],
        "enabled": [0, "true", []],
        "description": [1, [], "x" * 1025],
        "no_such_member": [1, "x"],
        "secret": ["mine"],
        "id": ["wh_1"],
        "account_id": ["acc_other"],
        "version": [1],
    }
    yield case("body", "as little as there may be", text_of(good), "ok")
    for name, values in wrong.items():
        for i, value in enumerate(values):
            yield case("body", f"{name} {i}", text_of({**good, name: value}), why=name)


def server_logs():
    for make in logs.FORMATS:
        for name, content, expect, why in make():
            yield case(make.__name__, name, content, expect, why)
    for made in (*broken_syntax("jsonl", logs.JSONL), *wrong_members("jsonl", logs.JSONL, *logs.JSONL_MEMBERS), *good_forms("jsonl", logs.JSONL)):
        if not made["name"].startswith("white space"):  # it has line ends in it
            yield as_line(made)


def as_line(made):
    """The same as a line of a log: an empty one says nothing, and a line end within it makes two of it."""
    content = base64.b64decode(made["input"])
    blank = not content.strip(b" \t")
    return {**made, "input": base64.b64encode(content + b"\n").decode(), "expect": "ignored" if blank else made["expect"]}


def by_hand():
    file = pathlib.Path(__file__).with_name("by_hand.jsonl")
    for line in file.read_text().splitlines():
        found = json.loads(line)
        yield case(found["kind"], found["name"], found["text"], found["expect"], found.get("why", ""))


def main():
    cases = []
    for kind, (document, needed, types) in DOCUMENTS.items():
        cases += broken_syntax(kind, document)
        cases += wrong_members(kind, document, needed, types)
        cases += good_forms(kind, document)
    for make in (urls, addresses, redis_urls, globs, retry_afters, responses, request_targets, schedules, api_bodies, server_logs, by_hand):
        cases += make()
    for made in cases:
        sys.stdout.write(json.dumps(made, sort_keys=True) + "\n")


main()
