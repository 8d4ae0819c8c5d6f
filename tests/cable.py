"""A cable between two programs, which a test can pull, plug in again, or let hang."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

RESET = struct.pack("ii", 1, 0)  # closing with a linger of 0 s sends a TCP reset


class Cable:
    """Listens at a port of its own and carries what comes to a server, until it is pulled."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._ends: set[socket.socket] = set()
        self._carries = threading.Event()
        self._carries.set()
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._listen()

    def pull(self) -> None:
        """Break every connection and refuse new ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._guard:
            ends, self._ends = self._ends, set()
        for end in ends:
            _cut(end)

    def plug(self) -> None:
        """Be as before."""
        self._carries.set()
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self._listen()

    def hang(self) -> None:
        """Keep every connection, take new ones, and carry nothing."""
        self._carries.clear()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                here, _ = listener.accept()
                there = socket.create_connection(self._server)
            except OSError:
                return
            with self._guard:
                self._ends |= {here, there}
            for source, target in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._carries.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            for end in (source, target):
                _cut(end)


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        end.shutdown(socket.SHUT_RDWR)
    end.close()


@contextmanager
def cable(host: str, port: int) -> Iterator[Cable]:
    """Lay a cable to a server for the length of a block."""
    laid = Cable(host, port)
    try:
        yield laid
    finally:
        laid.plug()
        laid.pull()
