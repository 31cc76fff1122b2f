"""Logs of FTP servers, good and bad: (format, name, bytes, what is expected, why), for generate.py.

Expected is what becomes of the log's records: "ok", facts and nothing put aside; "refused", all put aside, with the reason that is the
metric's label (and, of JSON lines and the spool, words of the message); "partly", both; "ignored", neither: what is no event, or not yet
whole. It follows from what was done to a good record, as docs/FTP_SERVERS.md describes them."""

import json
import struct

JUNK = [b"", b" ", b"x", b"\x00", b"\xff\xfe", b"{}", b"<html>", b"GET / HTTP/1.1", b"-" * 200]

PROFTPD = ["@WH1", "1795467693.253109", "32274", "ftp", "127.0.0.1", "STOR", "226", "success", "1000", "0", "1000", "true", "", "acme", "ann", "/in/a.bin"]
MARKER, TIME, PID, PROTOCOL, ADDRESS, COMMAND, CODE, STATUS, BYTES, OFFSET, SIZE, PATH = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15


def proftpd_record(**changes):
    fields = list(PROFTPD)
    for name, value in changes.items():
        fields[globals()[name.upper()]] = value
    return ("\t".join(fields) + "//\n").encode("utf-8", "surrogateescape")


def proftpd():
    good = proftpd_record()
    for command, code in (("STOR", "226"), ("APPE", "250"), ("STOU", "-"), ("RETR", "226"), ("DELE", "250"), ("MKD", "257"), ("XMKD", "257"), ("RMD", "250")):
        for protocol in ("ftp", "ftps", "sftp"):
            yield f"{command} over {protocol}", proftpd_record(command=command, code=code, protocol=protocol), "ok", ""
    for path in ("/a\tb", "/a\nb", "/a//b", "/" + "a" * 900, "/\udcff\udcfe", "/ ", "/%00", '/"', "/\u20ac"):
        yield f"path {path[:12]!a}", proftpd_record(path=path), "ok", ""
    yield "a rename", proftpd_record(command="RNFR", code="350") + proftpd_record(command="RNTO", code="250", path="/b"), "ok", ""
    yield "half a rename, the first", proftpd_record(command="RNFR", code="350"), "ignored", ""
    yield "half a rename, the second", proftpd_record(command="RNTO", code="250"), "refused", "rename"
    for command in ("EXIT", "LIST", "PASS", "USER", "SITE", "", "stor", "STOR "):
        yield f"command '{command}'", proftpd_record(command=command), "ignored", ""
    for code in ("550", "426", "-", "999", "0"):
        yield f"a failure with code {code}", proftpd_record(code=code, status="failed"), "ignored", ""
    for i in range(1, len(PROFTPD)):
        yield f"without field {i}", "\t".join(PROFTPD[:i] + PROFTPD[i + 1 :]).encode() + b"//\n", "refused", "fields"
    for i in range(2, len(PROFTPD)):
        yield f"cut behind field {i}", "\t".join(PROFTPD[:i]).encode() + b"//\n", "refused", "fields"
    for bad in ("", "1795467693", "1795467693.", "1795467693.25310", "1795467693.2531090", ".253109", "x.253109", "-1.253109", " 1.000000", "123456789012.000000", "1e9.000000", "1795467693,253109"):
        yield f"time '{bad}'", proftpd_record(time=bad), "refused", "time"
    for field, values in (("pid", ["-"]), ("code", ["1000"]), ("bytes", []), ("offset", []), ("size", [])):
        for bad in ["", "x", "-5", "+1", "1.5", "1e3", " 1", "1 ", "0x10", "99999999999999999999", *values]:
            yield f"{field} '{bad}'", proftpd_record(**{field: bad}), "refused", "number"
    for bad in ("", "a", "localhost", "1.2.3.4 ", " 1.2.3.4", "::1%lo", "[::1]", "1" * 46, "client.example", "\udcff"):
        yield f"address {bad!a}", proftpd_record(address=bad), "refused", "address"
    for bad in ("", "a.bin", "-", "../a", " /a", "\\a", "/in/@WH1\tx", "C:/a"):
        yield f"path '{bad}'", proftpd_record(path=bad), "refused", "path"
    for i, junk in enumerate(JUNK[2:]):
        yield f"junk {i} before it", junk + good, "refused", "no_marker"
        yield f"junk {i} alone", junk + b"//\n", "refused", "no_marker"
    for length in (8000, 16000, 40000):
        yield f"a path of {length} bytes", proftpd_record(path="/" + "a" * length), "refused", ""
    for cut in range(len(good)):
        yield f"not whole yet, {cut} bytes", good[:cut], "ignored", ""
    for cut in range(1, len(good)):
        yield f"half a record of {cut} bytes, and another behind it", good[:cut] + good, "refused", ""


VSFTPD = 'Mon Nov 23 20:41:00 2026 [pid 21575] [ann] OK UPLOAD: Client "127.0.0.1", "/in/a.bin", 1000 bytes, 3.03Kbyte/sec'


def vsftpd():
    def line(*changes):
        text = VSFTPD
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        return text.encode("utf-8", "surrogateescape") + b"\n"

    transfer = ", 1000 bytes, 3.03Kbyte/sec"
    for action in ("UPLOAD", "DOWNLOAD"):
        yield action, line(("UPLOAD", action)), "ok", ""
        yield f"{action} of nothing", line(("UPLOAD", action), ("1000 bytes, ", "")), "ok", ""
    for action, path in (("DELETE", "/a"), ("MKDIR", "/a"), ("RMDIR", "/a"), ("RENAME", "/a /b"), ("DELETE", '/a", "/b'), ("DELETE", "/a?b"), ("DELETE", "/ "), ("DELETE", "/../..//a/")):
        yield f"{action} {path}", line(("UPLOAD", action), ("/in/a.bin", path), (transfer, "")), "ok", ""
    for user in ("a b", "ann@x", "ann OK UPLOAD", "\u20ac"):
        yield f"user '{user}'", line(("[ann]", f"[{user}]")), "ok", ""
    for ip in ("::1", "2001:db8::7", "::ffff:10.0.0.1"):
        yield f"client {ip}", line(("127.0.0.1", ip)), "ok", ""
    yield "with CR", line()[:-1] + b"\r\n", "ok", ""
    for action in ("UPLOAD", "DOWNLOAD", "DELETE", "MKDIR", "RMDIR", "RENAME", "CHMOD", "LOGIN"):
        yield f"FAIL {action}", line(("OK UPLOAD", f"FAIL {action}")), "ignored", ""
    for what in ('CONNECT: Client "127.0.0.1"', 'FTP command: Client "127.0.0.1", "USER x"', 'FTP response: Client "127.0.0.1", "220 hello"', 'DEBUG: Client "127.0.0.1", "x"'):
        yield what[:20], line((VSFTPD[37:], what)), "ignored", ""
    for bad in ("", "Mon", "Mon Nov 23 20:41:00", "Mon Nov 32 20:41:00 2026", "Mon Foo 23 20:41:00 2026", "Mon Nov 23 25:41:00 2026", "Mon Nov 23 20:61:00 2026", "2026-11-23 20:41:00 xxxx", "Mon Nov 00 20:41:00 2026", "Mon Feb 30 20:41:00 2026"):
        yield f"time '{bad}'", line(("Mon Nov 23 20:41:00 2026", bad)), "refused", "time"
    for bad in ("", "x", "-1", "1.5", "0x1", " 1", "99999999999999999999"):
        yield f"pid '{bad}'", line(("21575", bad)), "refused", "number"
    for old, new in (("[pid", "(pid"), (" [pid", "[pid"), ("pid 2", "pid2"), ("21575] ", "21575]")):
        yield f"'{new}' for '{old}'", line((old, new)), "refused", "no_marker"
    for old, new in (("OK UPLOAD", "OK BURN"), ("OK UPLOAD", "UPLOAD"), ("OK ", "ok "), ("[ann] ", ""), ("[ann]", "[]"), ("[ann]", "[a[b]"), ("[ann]", "[a]b]"), ('Client "', "Client "), ("[ann] ", "[ann]")):
        yield f"'{new}' for '{old}'", line((old, new)), "refused", "fields"
    for bad in ("", "x", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "::1%lo", "[::1]", "1.2.3.4 "):
        yield f"client '{bad}'", line(("127.0.0.1", bad)), "refused", "address"
    for bad in ("x", "-1", "1.5", "", "1e3", "99999999999999999999"):
        yield f"{bad} bytes", line(("1000", bad)), "refused", "number"
    for old, new in (("Kbyte/sec", ""), ("3.03", ""), ("3.03", "3"), ("3.03", "3.x"), (", 3.03", " 3.03")):
        yield f"'{new}' for '{old}'", line((old, new)), "refused", "number"
    for bad in ("", "a.bin", "-", " /a", "\\a"):
        yield f"path '{bad}'", line(("/in/a.bin", bad)), "refused", "path"
    yield "a path without quotes", line(('"/in/a.bin"', "/in/a.bin")), "refused", "path"
    for bad in ('/x] OK UPLOAD: Client "10.0.0.1", "/y', '/x] OK DELETE: Client "10.0.0.1", "/y', '/x] CONNECT: Client "'):
        yield f"forged {bad[:24]}", line(("/in/a.bin", bad)), "refused", "forged"
    for bad in ("/a", "/a/b", "/a /b /c", "/a b"):
        yield f"a rename of '{bad}'", line(("UPLOAD", "RENAME"), ("/in/a.bin", bad), (transfer, "")), "refused", "rename"
    for i, junk in enumerate(JUNK):
        yield f"junk {i}", junk + b"\n", "refused", "time"
    yield "a line of 40000 bytes", line(("/in/a.bin", "/" + "a" * 40000)), "refused", "overlong"
    good = line()
    for cut in range(len(good) - 1):
        yield f"a line of {cut} bytes", good[:cut] + b"\n", "refused", ""
        yield f"half a line of {cut} bytes, and another behind it", good[:cut] + good if cut else good, "refused" if cut else "ok", ""


PUREFTPD = '127.0.0.1 - ann [24/Nov/2026:00:06:32 -0000] "PUT /srv/ftp/ann/in/a.bin" 200 1000'


def pureftpd():
    def line(*changes):
        text = PUREFTPD
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        return text.encode("latin-1") + b"\n"

    path = "/srv/ftp/ann/in/a.bin"
    for method in ("PUT", "GET"):
        for good in (path, "/", "/%20", "/%ff%FE", "/a%22b", "/%0a", "/" + "a" * 4000, "/a]b"):
            yield f"{method} {good[:20]}", line(("PUT", method), (path, good)), "ok", ""
    for size in ("0", "1", "999999999999999999"):
        yield f"{size} bytes", line(("1000", size)), "ok", ""
    for ip in ("::1", "2001:db8::7"):
        yield f"client {ip}", line(("127.0.0.1", ip)), "ok", ""
    for zone in ("+0000", "+0130", "-1200"):
        yield f"zone {zone}", line(("-0000", zone)), "ok", ""
    for bad in ("POST", "DELETE", "put", "", "PUT PUT"):
        yield f"method '{bad}'", line(("PUT", bad)), "refused", "path" if bad == "PUT PUT" else "no_marker"
    for bad in ("201", "500", "", "2000", "x"):
        yield f"code '{bad}'", line(("200 ", f"{bad} ")), "refused", "no_marker"
    for bad in ("", "-1", "x", "1.5", "1e3", "-", "99999999999999999999"):
        yield f"size '{bad}'", line(("200 1000", f"200 {bad}")), "refused", "no_marker"
    for bad in ("", "24/Nov/2026", "24/Nov/2026:00:06:32", "32/Nov/2026:00:06:32 -0000", "24/Foo/2026:00:06:32 -0000", "24/Nov/2026:24:06:32 -0000", "24/Nov/2026:00:60:32 -0000", "24-Nov-2026:00:06:32 -0000", "24/Nov/2026:00:06:32 UTC00", "30/Feb/2026:00:06:32 -0000", "24/Nov/2026 00:06:32 -0000"):
        yield f"time '{bad}'", line(("24/Nov/2026:00:06:32 -0000", bad)), "refused", "time"
    for bad in ("x", "localhost", "1.2.3", "256.1.1.1", "::1%lo", "[::1]", "1.2.3.4,"):
        yield f"client '{bad}'", line(("127.0.0.1", bad)), "refused", "address"
    for bad in ("a.bin", "", "-", "/%", "/%4", "/%zz", "/%00", "/a b", "/\xe9", "/\x7f", "/\t", "srv/%2f"):
        yield f"path {bad!a}", line((path, bad)), "refused", "path"
    for old, new in (("- ann", "ann"), (" - ", " x "), ("ann ", ""), (" [", " ("), ("] ", "]"), (" - ann", "")):
        yield f"'{new}' for '{old}'", line((old, new)), "refused", ""
    for i, junk in enumerate(JUNK):
        yield f"junk {i}", junk + b"\n", "refused", "no_marker"
    yield "a path of 70000 bytes", line((path, "/" + "a" * 70000)), "refused", "overlong"
    good = line()
    for cut in range(len(good) - len("1000\n") + 1):
        yield f"a line of {cut} bytes", good[:cut] + b"\n", "refused", ""
        yield f"half a line of {cut} bytes, and another behind it", good[:cut] + good, "refused" if cut else "ok", ""


# ---- the spool: records of bytes

UPLOADED, USER_CREATED, RENAMED = 1, 6, 7
ACCOUNT_ID, PATH_FIELD, USERNAME, CLIENT_IP, RENAMED_FROM = 0, 1, 2, 3, 9


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def cobs(data):
    out, block = bytearray(), bytearray()
    for byte in data:
        if byte:
            block.append(byte)
        if not byte or len(block) == 254:
            out += bytes([len(block) + 1]) + block
            block.clear()
    return bytes(out + bytes([len(block) + 1]) + block)


def sealed(payload):
    return b"\0" + cobs(payload + struct.pack("<I", crc32c(payload))) + b"\0"


def spool_payload(kind=2, event=UPLOADED, flags=0, time_ms=1795467693253, size=1000, fields=None):
    fields = {ACCOUNT_ID: b"acc_1", PATH_FIELD: b"/in/a.bin", USERNAME: b"ann", **(fields or {})}
    head = bytes([kind, event, flags]) + bytes(range(1, 17)) + struct.pack("<qq", time_ms, size)
    return head + b"".join(struct.pack("<BH", tag, len(value)) + value for tag, value in fields.items() if value is not None)


def spool():
    good = sealed(spool_payload())
    for event in range(1, 6):
        yield f"event {event}", sealed(spool_payload(event=event)), "ok", ""
    user = {PATH_FIELD: None}
    yield "a user", sealed(spool_payload(event=USER_CREATED, fields=user)), "ok", ""
    yield "a rename", sealed(spool_payload(event=RENAMED, fields={RENAMED_FROM: b"/b"})), "ok", ""
    yield "a field of a later version", sealed(spool_payload(fields={77: b"x"})), "ok", ""
    yield "bytes that are not UTF-8", sealed(spool_payload(fields={PATH_FIELD: b"/\xff\xfe"})), "ok", ""
    for event in (0, 8, 77, 255):
        yield f"event {event}", sealed(spool_payload(event=event)), "refused", "another version"
    for kind in (0, 3, 77, 255):
        yield f"a payload of kind {kind}", sealed(spool_payload(kind=kind)), "refused", "no_marker"
    for bad in (None, b"", b"a/b", b"a b", b"\xff", b"a" * 129, b"acc\x001"):
        yield f"account {bad}", sealed(spool_payload(fields={ACCOUNT_ID: bad})), "refused", "account_id"
    for bad in (None, b"", b"a", b"./a", b" /a"):
        yield f"path {bad}", sealed(spool_payload(fields={PATH_FIELD: bad})), "refused", "path"
        yield f"a rename from {bad}", sealed(spool_payload(event=RENAMED, fields={RENAMED_FROM: bad})), "refused", "renamed_from"
    yield "a user with a path", sealed(spool_payload(event=USER_CREATED)), "refused", "path"
    yield "a user without a name", sealed(spool_payload(event=USER_CREATED, fields={**user, USERNAME: None})), "refused", "username"
    for bad in (b"x", b"localhost", b"256.1.1.1", b"::1%lo", b"1.2.3.4\0"):
        yield f"client {bad}", sealed(spool_payload(fields={CLIENT_IP: bad})), "refused", "client_ip"
    for bad in (-2, -(2**63)):
        yield f"size {bad}", sealed(spool_payload(size=bad)), "refused", "size"
    payload = spool_payload()
    for cut in range(1, len(payload)):
        in_fields = cut in (35, 35 + 3 + 5, 35 + 3 + 5 + 3 + 9)  # where a field ends: a sound event with less in it
        yield f"a payload of {cut} bytes", sealed(payload[:cut]), "refused" if cut != 52 + 3 else "ok", "member" if in_fields and cut < 55 else "no_marker"
    for at in range(len(good) - 1):
        yield f"byte {at} changed", good[:at] + bytes([good[at] ^ 0x55]) + good[at + 1 :], "refused", "no_marker"
    for cut in range(2, len(good) - 1):
        yield f"half a record of {cut} bytes, and another behind it", good[:cut] + good, "partly", "no_marker"
    for i, junk in enumerate(JUNK[1:]):
        if junk != b"\0":
            yield f"junk {i} before it", junk + good, "partly", "no_marker"
    for zeros in (1, 2, 100):
        yield f"{zeros} zeros before it", b"\0" * zeros + good, "ok", ""
    yield "40000 bytes without a zero", b"\1" * 40000, "refused", "no_marker"


# ---- JSON lines

JSONL = {
    "event": "file.uploaded",
    "timestamp": "2026-06-08T12:00:00Z",
    "path": "/in/a.bin",
    "size": 1000,
    "username": "ann",
    "client_ip": "192.0.2.1",
    "account_id": "acc_1",
}
TEXT_MEMBERS = ("event", "timestamp", "path", "username", "client_ip", "account_id")
JSONL_MEMBERS = (["event", "timestamp", "path"], {**dict.fromkeys(TEXT_MEMBERS, "text"), "size": "number"})


def jsonl():
    """What JSON alone does not say; the rest is generate.py's, as of all documents."""
    wrong = {
        "event": ["", "file.burnt", "file.missing", "webhook.disabled", "*", "FILE.UPLOADED"],
        "timestamp": ["", "now", "2026-06-08", "2026-06-08 12:00:00", "2026-02-30T12:00:00Z", "2026-06-08T25:00:00Z", "2026-06-08T12:00:00", "1780000000"],
        "path": ["", "a", "./a", " /a", "/a\u0000b"],
        "size": [-1, 1.5, 1e300],
        "client_ip": ["x", "localhost", "256.1.1.1", "::1%lo", "[::1]"],
        "account_id": ["a/b", "a b", "a" * 129, "\u20ac"],
        "path_base64": ["L2", "!", "L2EAYg==", "YQ=="],
        "username_base64": ["x", "AA=="],
        "traceparent": ["00-x", "01-" + "a" * 32 + "-" + "b" * 16 + "-01", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "00-" + "A" * 32 + "-" + "b" * 16 + "-01"],
        "path_lossy": [0, 1, "true"],
        "renamed_from": ["a"],
    }
    for name, values in wrong.items():
        for i, value in enumerate(values):
            why = name if name != "path_base64" or value != "YQ==" else "path"
            yield f"{name} {i}", json.dumps({**JSONL, name: value}).encode() + b"\n", "refused", why
    for blank in (b"", b" ", b"\t", b"# a comment", b"  # one"):
        yield f"blank {blank}", blank + b"\n", "ignored", ""
    for i, junk in enumerate(JUNK[2:]):
        yield f"junk {i}", junk + b"\n", "refused", ""
    yield "a user", b'{"event":"ftp_user.created","timestamp":"2026-06-08T12:00:00Z","username":"u"}\n', "ok", ""
    yield "a user with a path", b'{"event":"ftp_user.created","timestamp":"2026-06-08T12:00:00Z","username":"u","path":"/a"}\n', "refused", "path"
    yield "a user without a name", b'{"event":"ftp_user.created","timestamp":"2026-06-08T12:00:00Z"}\n', "refused", "username"
    yield "a rename of nothing", b'{"event":"file.renamed","timestamp":"2026-06-08T12:00:00Z","path":"/a"}\n', "refused", "renamed_from"
    yield "a line of 2 MB", b'{"event":"' + b"a" * 2000000 + b'"}\n', "refused", "overlong"
    good = json.dumps(JSONL).encode() + b"\n"
    for cut in range(1, len(good) - 1):
        yield f"half a line of {cut} bytes, and another behind it", good[:cut] + good, "refused", ""


FORMATS = (proftpd, vsftpd, pureftpd, spool, jsonl)
