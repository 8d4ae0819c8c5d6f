"""The two ways to serve the sandbox: under gunicorn, and inside a test's process."""

import socket
from collections.abc import Callable
from io import BytesIO
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from werkzeug.serving import WSGIRequestHandler
from werkzeug.test import run_wsgi_app

THREADS = 128


class Gunicorn(BaseApplication):  # type: ignore[misc]
    """One worker process with many threads, on loopback.

    `make_app` runs in the worker, after the fork: threads and SQLite connections do not
    survive one.
    """

    def __init__(
        self, port: int, make_app: Callable[[], Flask], stop: Callable[[Flask], None]
    ) -> None:
        self._port, self._make_app, self._stop = port, make_app, stop
        self._app: Flask | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn's own command line would."""
        settings = {
            "bind": f"127.0.0.1:{self._port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "keepalive": 75,
            "graceful_timeout": 1,
            "loglevel": "warning",
            "proc_name": "smsapp-sandbox",
            # It would be written into the home folder.
            "control_socket_disable": True,
            "worker_exit": lambda arbiter, worker: self._end(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app, in the worker."""
        self._app = self._make_app()
        return self._app

    def _end(self) -> None:
        if self._app:
            self._stop(self._app)


class KeptAliveHandler(WSGIRequestHandler):
    """Werkzeug's handler with connections that stay open, as Twilio's do.

    Werkzeug closes after every answer because it does not know where a body ends that the
    app has not read; here the body is always read first.
    """

    protocol_version = "HTTP/1.1"
    # An answer is two writes; without this the second waits 40 ms for the client's ACK.
    disable_nagle_algorithm = True
    open_sockets: set[socket.socket]

    def setup(self) -> None:
        """Note the connection, so that it can be closed with the server."""
        super().setup()
        self.open_sockets.add(self.connection)

    def finish(self) -> None:
        """Forget the connection."""
        self.open_sockets.discard(self.connection)
        super().finish()

    def run_wsgi(self) -> None:
        """Answer one request."""
        environ = self.make_environ()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        environ["wsgi.input"] = BytesIO(self.rfile.read(length))
        chunks, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        body = b"".join(chunks)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers and code not in ("204", "304"):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: a test has its own output."""
