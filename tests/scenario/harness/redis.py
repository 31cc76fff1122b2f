"""A private Redis: a process of its own, on a port of its own, that keeps nothing on disk."""

import socket

from .ports import free_port
from .program import Program
from .waiting import wait_until


class Redis:
    def __init__(self, folder, server):
        self.port = free_port()
        argv = [server, "--port", self.port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"]
        self.program = Program("redis", argv + ["--maxmemory-policy", "noeviction"], folder)
        self.url = f"redis://127.0.0.1:{self.port}"

    def start(self):
        self.program.start()
        wait_until("Redis answers", self.answers, watch=[self.program])
        return self

    def answers(self):
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def command(self, *words):
        """One command; the answer, of an array its length."""
        request = f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.sendall(request.encode())
            answer = connection.makefile("rb")
            kind, first = answer.read(1), answer.readline().strip()
            return (answer.read(int(first)) if kind == b"$" and int(first) >= 0 else first).decode()

    def key_count(self):
        return int(self.command("DBSIZE"))

    def restart_empty(self):
        """Killed, and started again with nothing."""
        self.program.kill()
        self.start()
