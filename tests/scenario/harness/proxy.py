"""An HTTP proxy for CONNECT, as an operator would run one between workers and the world."""

import base64
import select
import socket
import threading

from .hostile import Early


class EgressProxy(Early):
    """Makes tunnels, until told to answer with a status instead; credentials: "user:password" that it asks for."""

    def __init__(self, credentials=None):
        self.status = None  # None: it works
        self.wanted = credentials and "Basic " + base64.b64encode(credentials.encode()).decode()
        self.targets = []
        self.tunnels = 0
        super().__init__(self.talk)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def talk(self, connection, _server):
        stream = connection.makefile("rb", buffering=0)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = stream.read(1)
            if not byte:
                return
            head += byte
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split()
        assert method == "CONNECT", method
        self.targets.append(target)
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        if self.wanted and fields.get("Proxy-Authorization") != self.wanted:
            connection.sendall(b'HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')
            return
        if self.status:
            connection.sendall(f"HTTP/1.1 {self.status} As Told\r\nContent-Length: 0\r\n\r\n".encode())
            return
        host, _, port = target.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as other:
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            self.tunnels += 1
            self.relay(connection, other)

    def relay(self, one, other):
        ends = {one: other, other: one}
        while not self.closing.is_set():
            for ready in select.select(list(ends), [], [], 0.1)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                ends[ready].sendall(data)


class Nothing:
    """Something that nobody may connect to: a proxy of the environment, which counts who comes."""

    def __init__(self):
        self.came = 0
        self.lock = threading.Lock()
        self.server = Early(self.count)

    def count(self, _connection, _server):
        with self.lock:
            self.came += 1

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.port}"

    def close(self):
        self.server.close()
