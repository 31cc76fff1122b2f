"""Ports on the loopback address."""

import random
import socket


def free_port():
    """A port that nobody listens on, below the range that the kernel hands out to connections."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
