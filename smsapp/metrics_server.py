"""/metrics of a worker, which has no other door: on WORKER_METRICS_PORT, with METRICS_TOKEN."""

import hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from smsapp import metrics

MAX_SECONDS = 10


def start(port: int, token: str) -> ThreadingHTTPServer:
    """Answer on a port until the process ends.

    Raises:
        OSError: Something else listens there, another worker perhaps.
    """
    expected = f"Bearer {token}".encode()

    class MetricsHandler(BaseHTTPRequestHandler):
        timeout = MAX_SECONDS
        server_version, sys_version = "smsapp", ""

        def do_GET(self) -> None:
            """Answer one scrape."""
            shown = self.headers.get("Authorization", "").encode("utf-8", "replace")
            body = b""
            if self.path != "/metrics":
                status = 404
            elif not hmac.compare_digest(shown, expected):
                status = 401
            else:
                status, body = 200, metrics.exposition()
            self.send_response(status)
            self.send_header("Content-Type", metrics.CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Write nothing: the path is the caller's."""

    server = ThreadingHTTPServer(("", port), MetricsHandler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
