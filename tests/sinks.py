"""A caller's own server, which is told what became of its events: real HTTP, on this machine."""

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook


@dataclass
class Sink:
    """What came in, as (headers, told); each is answered with the next status, else 204."""

    got: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    connections: set = field(default_factory=set)
    url: str = ""
    seconds: float = 0  # that it takes for each

    @property
    def told(self):
        return [json.loads(body) for _, body in self.got]

    @property
    def types(self):
        return [told["type"] for told in self.told]


@contextmanager
def sinking():
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.got.append((dict(self.headers), body.decode()))
            sink.connections.add(self.client_address)
            time.sleep(sink.seconds)
            self.send_response(sink.statuses.pop(0) if sink.statuses else 204)
            self.send_header("Location", sink.url)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    sink.url = f"http://127.0.0.1:{server.server_port}/hook?of=shop"
    yield sink
    server.shutdown()
    server.server_close()
    thread.join()


def verified(secret, got):
    """Return what a caller's own library makes of what came in."""
    headers, body = got
    return Webhook(secret).verify(body, headers)
