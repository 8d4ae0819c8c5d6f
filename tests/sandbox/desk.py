"""The account on the desk, and an app of one address that notes every receipt."""

import base64
import http.client
import threading
import time
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlencode

from smsapp.sandbox.config import SandboxConfig

ACCOUNT, TOKEN, SHOP = "AC" + "0" * 32, "a-token", "+14155550100"
SERVICE = "VA" + "3" * 32
KEY, SECRET = "SK" + "1" * 32, "a-secret"


def config_in(folder):
    """Return a carrier without delays, with its file in a folder."""
    return SandboxConfig(
        ACCOUNT, TOKEN, SHOP, folder / "sandbox.sqlite3", KEY, SECRET, pace=0.0, seed=1
    )


@dataclass(frozen=True)
class Posted:
    url: str
    headers: Message
    fields: dict[str, str]


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True


class Receiver:
    """`answers` are used up in order; then it answers 204. A number below 100 is a nap in s.

    An answer may be a pair: a content type and what it says, with a 200.
    """

    def __init__(self):
        self.posted: list[Posted] = []
        self.answers: list[float | tuple[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                fields = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
                url = f"http://{self.headers['Host']}{self.path}"
                answer = receiver.answers.pop(0) if receiver.answers else 204
                receiver.posted.append(Posted(url, self.headers, fields))
                kind, words = answer if isinstance(answer, tuple) else ("", "")
                status = 200 if isinstance(answer, tuple) else answer
                if status < 100:
                    time.sleep(status)
                    status = 204
                self.send_response(int(status))
                if kind:
                    self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(words.encode())))
                self.end_headers()
                self.wfile.write(words.encode())

            def log_message(self, *args):
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.base}/twilio/status-callback"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def statuses(self, sid=None):
        return [
            p.fields["MessageStatus"] for p in self.posted if sid in (None, p.fields["MessageSid"])
        ]

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Wire:
    """One connection that is never opened anew: what happens to it is seen as it is."""

    def __init__(self, url):
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
        self._connection.connect()
        self._connection.auto_open = False

    def send(self):
        form = urlencode({"To": "+15558675310", "From": SHOP, "Body": "Hello"})
        token = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        self._connection.request(
            "POST",
            f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json",
            form,
            {
                "Authorization": f"Basic {token}",
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self):
        self._connection.close()
