"""Endpoints as no customer's should be: what each does with a request, and what is to stand in the record of a delivery to it."""

import collections
import socket
import ssl
import struct
import threading

Case = collections.namedtuple("Case", "does status http_status error")

HANG, RESET, CLOSE = object(), object(), object()
METADATA = b"http://169.254.169.254/latest/meta-data/"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Again:
    """These bytes over and over, until the other side has had enough."""

    def __init__(self, text, every=0.0):
        self.text, self.every = text, every


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Say:
    """An answer of the harness's Endpoint: parts are sent in order; a number is a time to wait. After the last part the connection is
    kept, unless it says HANG, RESET or CLOSE."""

    def __init__(self, *parts):
        self.parts = parts

    def give(self, connection, endpoint):
        for part in self.parts:
            if part is HANG:
                hang(connection, endpoint)
                return False
            if part is RESET:
                reset(connection)
                return False
            if part is CLOSE:
                return False
            if isinstance(part, Again):
                say_again(part, connection, endpoint)
            elif isinstance(part, float):
                endpoint.closing.wait(part)
            else:
                connection.sendall(part)
        return True


def hang(connection, endpoint):
    """Until the other side goes away."""
    connection.settimeout(0.5)
    while not endpoint.closing.is_set():
        try:
            if not connection.recv(4096):
                return
        except TimeoutError:
            pass


def say_again(part, connection, endpoint):
    """Ends with an OSError when the other side closes."""
    text = part.text if part.every else part.text * (65536 // len(part.text) + 1)
    while not endpoint.closing.wait(part.every):
        connection.sendall(text)


class Early:
    """A listener whose connections are treated before any request was read; does(connection, self) is all there is."""

    def __init__(self, does):
        self.does = does
        self.closing = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            self.does(connection, self)
        except (OSError, ssl.SSLError):
            pass
        finally:
            connection.close()

    def close(self):
        self.closing.set()
        self.listener.close()


def head(code, *fields):
    return "".join([f"HTTP/1.1 {code} Scripted\r\n", *[f + "\r\n" for f in fields], "\r\n"]).encode("latin-1")


def answered(code, *fields, body=b"", then=()):
    """A complete head with this status, and a body in the same packet: what comes too late spoils the next answer of a connection."""
    return Say(head(code, *fields) + body, *then)


def good(does, code=200):
    return Case(does, "delivered", code, None)


def bad(does, error, code=None):
    return Case(does, "failed", code, error)


# What is done once a request has been read.
AFTER_A_REQUEST = {
    # nothing, or not enough
    "silence": bad(Say(HANG), "timeout"),
    "close-at-once": bad(Say(CLOSE), "reset"),
    "reset-at-once": bad(Say(RESET), "reset"),
    "close-in-head": bad(Say(b"HTTP/1.1 200 OK\r\nContent-Len", CLOSE), "reset"),
    "reset-in-head": bad(Say(b"HTTP/1.1 200 OK\r\nContent-Len", 0.02, RESET), "reset"),
    "drip-status": bad(Say(b"HTTP/1.1 200 O", Again(b"K", 0.05)), "timeout"),
    "drip-fields": bad(Say(b"HTTP/1.1 200 OK\r\n", Again(b"X: y\r\n", 0.05)), "timeout"),
    "interim-then-nothing": bad(Say(head(100), HANG), "timeout"),
    "interim-then-reset": bad(Say(head(102), 0.02, RESET), "reset"),
    "upgrade": bad(Say(head(101, "Upgrade: websocket", "Connection: Upgrade"), HANG), "protocol"),
    # too much
    "interim-flood": bad(Say(Again(head(103, "Link: </a>"))), "protocol"),
    "endless-fields": bad(Say(b"HTTP/1.1 200 OK\r\n", Again(b"X-Bomb: bang\r\n")), "protocol"),
    "twenty-thousand-fields": bad(Say(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 20000 + b"\r\n", HANG), "protocol"),
    "five-megabyte-field": bad(Say(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 5_000_000 + b"\r\n\r\n", HANG), "protocol"),
    "endless-body": good(answered(200, then=[Again(b"x" * 4096)])),
    "endless-error-body": bad(answered(500, then=[Again(b"x" * 4096)]), "http_status", 500),
    "endless-chunks": good(Say(CHUNKED, Again(b"1\r\na\r\n"))),
    "endless-extension": good(Say(CHUNKED, b"2;", Again(b"e" * 4096))),
    "endless-trailers": good(Say(CHUNKED, b"2\r\nok\r\n0\r\n", Again(b"X-Trailer: more\r\n"))),
    "unpacks-to-gigabytes": good(Say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Again(b"1000\r\n" + b"\0" * 4096 + b"\r\n"))),
    "drip-body": good(answered(200, "Content-Length: 100000", then=[Again(b"x", 0.05)])),
    "stalled-body": good(answered(200, "Content-Length: 100", body=b"abc", then=[HANG])),
    # nonsense
    "ssh": bad(Say(b"SSH-2.0-OpenSSH_9.2\r\n", HANG), "protocol"),
    "http-0.9": bad(Say(b"<html>hello</html>", CLOSE), "protocol"),
    "http-2-goaway": bad(Say(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0", HANG), "protocol"),
    "status-20": bad(Say(b"HTTP/1.1 20 OK\r\n\r\n", HANG), "protocol"),
    "status-2000": bad(Say(b"HTTP/1.1 2000 OK\r\n\r\n", HANG), "protocol"),
    "status-999": bad(answered(999, "Content-Length: 0"), "http_status", 999),
    "no-colon": bad(Say(b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", HANG), "protocol"),
    "control-bytes": bad(Say(b"HTTP/1.1 200 OK\r\nX-A: \x01\r\n\r\n", HANG), "protocol"),
    "two-lengths": good(answered(200, "Content-Length: 5", "Content-Length: 6", body=b"hello", then=[HANG])),
    "negative-length": good(answered(200, "Content-Length: -5", body=b"hello", then=[HANG])),
    "huge-length": good(answered(200, "Content-Length: 99999999999999999999999", body=b"hello", then=[HANG])),
    "bad-chunk": good(Say(CHUNKED, b"2\r\nok\r\nzzz\r\n", HANG)),
    "huge-chunk": good(Say(CHUNKED, b"ffffffffffffffff1\r\nok", HANG)),
    "smuggled-second-answer": good(answered(200, "Content-Length: 2", body=b"okHTTP/1.1 500 Smuggled\r\n\r\n")),
    "body-with-204": good(answered(204, body=b"body"), 204),
    "bytes-not-ascii": good(Say(b"HTTP/1.1 200 \xc3\x96K\r\nX-A: \xff\xfe\r\nContent-Length: 2\r\n\r\n\xff\xfe")),
    # where to go, when to come back
    "to-metadata": bad(answered(302, "Location: " + METADATA.decode(), "Content-Length: 0"), "redirect", 302),
    "to-itself": bad(answered(307, "Location: /", "Content-Length: 0"), "redirect", 307),
    "not-modified": bad(answered(304, "Content-Length: 500"), "redirect", 304),
    "retry-in-30-years": bad(answered(429, "Retry-After: 1000000000", "Content-Length: 0"), "http_status", 429),
    "retry-before": bad(answered(503, "Retry-After: -1", "Content-Length: 0"), "http_status", 503),
    "retry-soon": bad(answered(503, "Retry-After: soon", "Content-Length: 0"), "http_status", 503),
    "asks-for-a-password": bad(answered(401, 'WWW-Authenticate: Basic realm="x"', "Content-Length: 0"), "http_status", 401),
}


def reset_when_accepted(connection, _server):
    reset(connection)


def speak_plainly(connection, _server):
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def be_silent(connection, server):
    hang(connection, server)


def reset_in_handshake(connection, _server):
    connection.recv(4096)
    reset(connection)


def alert(connection, _server):
    connection.recv(4096)
    connection.sendall(b"\x15\x03\x03\x00\x02\x02\x28")  # fatal: handshake_failure


def handshake_with(identity):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate_file, identity.key_file)

    def does(connection, server):
        secured = context.wrap_socket(connection, server_side=True)
        hang(secured, server)

    return does


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def early_cases(identity):
    """scheme and Case of what happens before a request; does is for Early, or None: nobody listens."""
    return {
        "nobody-there": ("http", bad(None, "connect_refused")),
        "reset-when-accepted": ("http", bad(reset_when_accepted, "reset")),
        "silent-from-the-start": ("http", bad(be_silent, "timeout")),
        "plain-behind-https": ("https", bad(speak_plainly, "tls")),
        "silent-handshake": ("https", bad(be_silent, "timeout")),
        "reset-in-handshake": ("https", bad(reset_in_handshake, "tls")),
        "alert-in-handshake": ("https", bad(alert, "tls")),
        "certificate-nobody-knows": ("https", bad(handshake_with(identity), "tls")),
    }
