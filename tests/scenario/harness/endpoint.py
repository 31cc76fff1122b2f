"""A customer's endpoint that does as it is told, and writes down every POST it gets.

It speaks HTTP/1.1 over raw sockets, a thread a connection, so that it can also do what no HTTP library would: stall, drip,
reset, or talk nonsense. A script is a list of answers for a path; the n-th attempt of a delivery gets the n-th answer, and the last
answer is for all further ones.
"""

import collections
import json
import socket
import struct
import threading
import time

from .waiting import wait_until

Header = collections.namedtuple("Header", "name value")


class Status:
    """An ordinary answer."""

    def __init__(self, code, body=b"", headers=()):
        self.code, self.body, self.headers = code, body, headers

    def give(self, connection, _endpoint):
        lines = [f"HTTP/1.1 {self.code} Scripted", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + self.body)
        return True


class Stall:
    """Takes the request and never answers."""

    def give(self, _connection, endpoint):
        endpoint.closing.wait()
        return False


class Drip:
    """Sends its status line a byte at a time, and never comes to the end of it."""

    def __init__(self, every=0.1):
        self.every = every

    def give(self, connection, endpoint):
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"z" * 10000:
            connection.sendall(bytes([byte]))
            if endpoint.closing.wait(self.every):
                break
        return False


class Reset:
    """Ends the connection with RST instead of an answer."""

    def give(self, connection, _endpoint):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False


class Close:
    """Ends the connection in peace, without an answer."""

    def give(self, _connection, _endpoint):
        return False


class Raw:
    """Sends these bytes and ends the connection."""

    def __init__(self, text):
        self.text = text

    def give(self, connection, _endpoint):
        connection.sendall(self.text)
        return False


class Hold:
    """Answers like another one, but not before release() was called."""

    def __init__(self, answer=None):
        self.answer = answer or Status(200)
        self.released = threading.Event()

    def release(self):
        self.released.set()

    def give(self, connection, endpoint):
        while not self.released.wait(0.02):
            if endpoint.closing.is_set():
                return False
        return self.answer.give(connection, endpoint)


class Post:
    """One request as it came."""

    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.monotonic = time.monotonic()
        self.wall = time.time()

    def header(self, name):
        """The value, or None; twice the same name is an error."""
        values = [h.value for h in self.headers if h.name.lower() == name.lower()]
        assert len(values) <= 1, f"{name} stands {len(values)} times in the request"
        return values[0] if values else None

    @property
    def delivery_id(self):
        return self.header("X-TrueFTP-Delivery")

    @property
    def attempt(self):
        return int(self.header("X-TrueFTP-Attempt"))

    @property
    def json(self):
        return json.loads(self.body)


def read_request(stream):
    """A Post, or None at the end of the connection."""
    line = stream.readline()
    if not line:
        return None
    method, path, _version = line.decode("latin-1").split()
    assert method == "POST", f"a {method} instead of a POST"
    headers = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers.append(Header(name, value.strip()))
    length = next(int(h.value) for h in headers if h.name.lower() == "content-length")
    body = stream.read(length)
    return Post(path, headers, body) if len(body) == length else None


class Endpoint:
    """The server. url(path) is what a webhook is made with; posts is what came, in order."""

    def __init__(self, port=0):
        self.lock = threading.Lock()
        self.posts = []
        self.scripts = {}
        self.seen = collections.Counter()
        self.errors = []
        self.open_connections = set()
        self.closing = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def url(self, path="/hook"):
        return f"http://127.0.0.1:{self.port}{path}"

    def script(self, path, *answers):
        """What the attempts of each delivery to this path get. Without a script it is 200."""
        self.scripts[path] = answers

    # ---- what came

    def posts_to(self, path):
        with self.lock:
            return [post for post in self.posts if post.path == path]

    def posts_of(self, delivery_id):
        with self.lock:
            return [post for post in self.posts if post.delivery_id == delivery_id]

    def by_delivery(self):
        """delivery id -> its posts, in order."""
        found = collections.defaultdict(list)
        with self.lock:
            for post in self.posts:
                found[post.delivery_id].append(post)
        return found

    def wait_posts(self, count, path="/hook", seconds=20.0, watch=()):
        """Waits for at least count posts to the path; all there are then."""

        def enough():
            posts = self.posts_to(path)
            return posts if len(posts) >= count else None

        return wait_until(f"{count} POSTs to {path}", enough, seconds, watch=watch)

    def seconds_since_last_post(self):
        with self.lock:
            return time.monotonic() - self.posts[-1].monotonic

    # ---- serving

    def accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.open_connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        stream = connection.makefile("rb")
        try:
            while not self.closing.is_set():
                post = read_request(stream)
                if post is None or not self.take(post).give(connection, self):
                    break
        except OSError:
            pass  # the other side went away
        except (AssertionError, ValueError, StopIteration) as error:
            self.errors.append(repr(error))
        finally:
            stream.close()
            connection.close()
            with self.lock:
                self.open_connections.discard(connection)

    def take(self, post):
        """Writes the post down; the answer that is its turn."""
        with self.lock:
            self.posts.append(post)
            key = (post.path, post.delivery_id)
            turn = self.seen[key]
            self.seen[key] += 1
            answers = self.scripts.get(post.path, (Status(200),))
        return answers[min(turn, len(answers) - 1)]

    def close(self):
        """Refuses connections from now on, and ends those there are."""
        self.closing.set()
        self.listener.close()
        with self.lock:
            for connection in self.open_connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
