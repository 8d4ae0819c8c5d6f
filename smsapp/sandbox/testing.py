"""The sandbox inside a test's process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import BytesIO
from typing import Any

from sqlalchemy import delete, text
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from smsapp.sandbox import carrier, inbox
from smsapp.sandbox.app import create_sandbox
from smsapp.sandbox.calls import call, line, page
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Base
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.inbound import customers, opt_outs
from smsapp.sandbox.mail import mailbox
from smsapp.sandbox.mail import server as mail
from smsapp.sandbox.message import Message
from smsapp.sandbox.scheduler import Scheduler, idle
from smsapp.sandbox.verify import service as verify
from smsapp.sandbox.whatsapp import inbound as whatsapp
from smsapp.sandbox.whatsapp import templates, windows

__all__ = ["Sandbox", "SandboxConfig", "running"]


class Sandbox:
    """A running sandbox, as a test sees it."""

    def __init__(self, url: str, desk: Desk, scheduler: Scheduler) -> None:
        self.url = url
        self.desk, self.scheduler = desk, scheduler

    def messages(self) -> list[dict[str, object]]:
        """Return what `GET /messages.json` lists, newest first."""
        return inbox.sent_by_the_app(self.desk)

    def texts(self, number: str) -> list[Message]:
        """Return a customer's texts with their past, oldest first."""
        return inbox.texts(self.desk, number)

    def mails(self) -> list[dict[str, object]]:
        """Return what `GET /mail.json` lists: the mails that were taken, newest first."""
        return [mail.as_json() for mail in mailbox.mails(self.desk)]

    def calls(self) -> list[dict[str, object]]:
        """Return what `GET /calls.json` lists: calls, newest first."""
        return [each.as_json() for each in call.calls(self.desk)]

    def ring(self, from_: str) -> str:
        """Ring the shop, from a number or from "anonymous"; return the call's SID."""
        return page.ring_shop(self.desk, from_).sid

    def pick_up(self, sid: str, by: str = "human") -> None:
        """Answer a call, by a person or by a machine ("machine_end_beep")."""
        line.answer(self.desk, sid, by)

    def press_keys(self, sid: str, keys: str) -> None:
        """Press keys in a call; none is silence."""
        line.act(self.desk, sid, keys)

    def speak(self, sid: str, words: str) -> None:
        """Say something in a call, or after the tone."""
        line.act(self.desk, sid, "", words)

    def leave_message(self, sid: str, words: str) -> None:
        """Say something after the tone and hang up."""
        line.leave(self.desk, sid, words)

    def put_through(self, sid: str, outcome: str) -> None:
        """Say what becomes of whom a caller is put through to, as DialCallStatus."""
        line.put_through(self.desk, sid, outcome)

    def end_call(self, sid: str, status: str = "completed") -> None:
        """Hang up, or have it end as "busy", "no-answer" or "failed" while it rings."""
        line.end(self.desk, sid, status)

    def heard(self, sid: str) -> list[str]:
        """Return what the shop has said in a call."""
        return [each.words for each in call.heard(self.desk, sid) if each.who == "shop"]

    def codes(self) -> list[dict[str, object]]:
        """Return what `GET /codes.json` lists: Verify's codes, newest first."""
        return verify.codes(self.desk)

    def expire_codes(self) -> None:
        """Let the ten minutes of every pending code be over."""
        verify.expire(self.desk)

    def text(self, from_: str, body: str) -> str:
        """Write to the shop as the customer `from_`; return the Message SID.

        On WhatsApp the address is like "whatsapp:+15558675310".
        """
        return customers.text(self.desk, from_, body).sid

    def send_sample(self, from_: str, name: str) -> str:
        """Send a "picture", a "voice" note or a "location"; return the Message SID."""
        return customers.send_sample(self.desk, from_, name).sid

    def press(self, sid: str, button_id: str) -> None:
        """Press a quick reply under a message of the shop's."""
        pressed = inbox.find(self.desk, sid)
        if pressed is None or whatsapp.press(self.desk, pressed, button_id) is None:
            raise LookupError(f"there is no button {button_id!r}")

    def read(self, customer: str) -> None:
        """Read what has arrived at an address of WhatsApp's."""
        carrier.read(self.desk, customer)

    def let_pass(self, time: timedelta) -> None:
        """Let WhatsApp's windows be so much older."""
        windows.let_pass(self.desk, time)

    def opted_out(self, customer: str) -> bool:
        """Return whether Twilio holds a STOP of this customer's."""
        return opt_outs.holds(self.desk, customer)

    def weather(self, **settings: int) -> dict[str, int | bool]:
        """Set the named fields of the weather, if any; return all of them."""
        self.desk.weather.change(settings)
        return self.desk.weather.as_json()

    def clear_weather(self) -> None:
        """Make it a calm day again."""
        self.desk.weather.clear()

    def clear(self) -> None:
        """Forget every text; opt-outs and codes stay."""
        carrier.clear(self.desk)

    def reset(self) -> None:
        """Be as new: no texts, no opt-outs, no codes, a calm day, conversations from 1."""
        with self.desk.database.write() as db:
            for table in Base.metadata.sorted_tables:
                db.execute(delete(table))
            db.execute(text("DELETE FROM sqlite_sequence WHERE name = 'message'"))
        templates.make_ready(self.desk.database)
        self.desk.changed()
        self.clear_weather()

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until every message has its last status and every callback is answered."""
        deadline = time.monotonic() + timeout
        while not idle(self.desk):
            if time.monotonic() > deadline:
                raise TimeoutError("the sandbox still has something to do")
            time.sleep(0.01)


@contextmanager
def running(config: SandboxConfig, port: int = 0) -> Iterator[Sandbox]:
    """Serve the sandbox inside this process, on a free port of 127.0.0.1."""
    desk = Desk(config)
    app, scheduler = create_sandbox(desk), Scheduler(desk)

    class Handler(_KeptAliveHandler):
        open_sockets: set[socket.socket] = set()  # noqa: RUF012 - one set per server

    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    scheduler.start()
    mail_server = mail.serving(desk)
    try:
        yield Sandbox(f"http://127.0.0.1:{server.port}", desk, scheduler)
    finally:
        if mail_server:
            mail_server.stop()
        server.shutdown()
        thread.join()
        for open_socket in list(Handler.open_sockets):
            # Its thread reads the end and goes; the client may have been quicker.
            with suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)
        scheduler.stop()


class _KeptAliveHandler(WSGIRequestHandler):
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
