"""The sandbox as a Flask app, as a program, and as a fixture for tests."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.serving import make_server

from smsapp.sandbox import account_rest, contract, guards, phone_page, rest, verify_rest
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.inbound import Customers
from smsapp.sandbox.inbox import Inbox
from smsapp.sandbox.opt_outs import OptOuts
from smsapp.sandbox.postman import Postman
from smsapp.sandbox.protocol import Protocol
from smsapp.sandbox.servers import Gunicorn, KeptAliveHandler
from smsapp.sandbox.store import Store
from smsapp.sandbox.verify import Verify
from smsapp.sandbox.weather import Weather

__all__ = ["Sandbox", "SandboxConfig", "create_sandbox", "running", "serve"]

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Parts:
    """What one sandbox is made of."""

    store: Store
    weather: Weather
    carrier: Carrier
    inbox: Inbox
    opt_outs: OptOuts
    customers: Customers
    verify: Verify
    postman: Postman
    stopping: threading.Event

    def start(self) -> None:
        """Start the clock and the posting."""
        self.postman.start()

    def stop(self) -> None:
        """Stop both; what is still to be posted waits in the file."""
        self.stopping.set()
        self.postman.stop()
        self.store.close()


def create_sandbox(config: SandboxConfig) -> Flask:
    """Return the sandbox as a Flask app; `parts_of(app).start()` sets its clock going."""
    app = Flask(__name__, template_folder=ROOT / "templates", static_folder=ROOT / "static")
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    parts = _assemble(config)
    app.extensions["sandbox"] = parts
    app.before_request(guards.only_this_machine)
    protocol = Protocol(config, parts.weather, parts.stopping)
    for blueprint in (
        rest.create_blueprint(protocol, parts.carrier, parts.inbox, parts.opt_outs),
        *account_rest.create_blueprints(protocol),
        verify_rest.create_blueprint(protocol, parts.verify),
        contract.create_blueprint(
            parts.carrier, parts.inbox, parts.customers, parts.verify, parts.weather
        ),
        phone_page.create_blueprint(
            config, parts.carrier, parts.inbox, parts.opt_outs, parts.customers, parts.weather
        ),
    ):
        app.register_blueprint(blueprint)
    app.add_url_rule("/healthz", view_func=_healthz)
    return app


def parts_of(app: Flask) -> Parts:
    """Return what an app from `create_sandbox` is made of."""
    parts: Parts = app.extensions["sandbox"]
    return parts


def serve(config: SandboxConfig, port: int) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""

    def make_app() -> Flask:
        app = create_sandbox(config)
        parts_of(app).start()
        return app

    Gunicorn(port, make_app, stop=lambda app: parts_of(app).stop()).run()


class Sandbox:
    """A running sandbox, as a test sees it."""

    def __init__(self, url: str, parts: Parts, config: SandboxConfig) -> None:
        self.url = url
        self._config = config
        self.carrier = parts.carrier
        self.inbox = parts.inbox
        self._parts = parts

    def messages(self) -> list[dict[str, object]]:
        """Return what `GET /messages.json` lists, newest first."""
        return [message.as_json() for message in self.inbox.sent_by_the_app()]

    def codes(self) -> list[dict[str, object]]:
        """Return what `GET /codes.json` lists: Verify's codes, newest first."""
        return self._parts.verify.codes()

    def expire_codes(self) -> None:
        """Let the ten minutes of every pending code be over."""
        self._parts.verify.expire()

    def text(self, from_: str, body: str) -> str:
        """Text the shop as the customer `from_`; return the Message SID."""
        return self._parts.customers.text(from_, body).sid

    def opted_out(self, customer: str) -> bool:
        """Return whether Twilio holds a STOP of this customer's."""
        return self._parts.opt_outs.holds(customer, self._config.from_number)

    def weather(self, **settings: int) -> dict[str, int | bool]:
        """Set the named fields of the weather, if any; return all of them."""
        self._parts.weather.change(settings)
        return self._parts.weather.as_json()

    def clear_weather(self) -> None:
        """Make it a calm day again."""
        self._parts.weather.clear()

    def clear(self) -> None:
        """Forget every text; opt-outs and codes stay."""
        self.carrier.clear()

    def reset(self) -> None:
        """Be as new: no texts, no opt-outs, no codes, a calm day."""
        self.carrier.clear()
        self._parts.opt_outs.clear()
        self._parts.verify.clear()
        self.clear_weather()

    def settle(self, timeout: float = 10.0) -> None:
        """Wait until every message has its last status and every receipt is answered."""
        deadline = time.monotonic() + timeout
        while not self._parts.postman.idle():
            if time.monotonic() > deadline:
                raise TimeoutError("the sandbox still has something to do")
            time.sleep(0.01)


@contextmanager
def running(config: SandboxConfig, port: int = 0) -> Iterator[Sandbox]:
    """Serve the sandbox inside this process, on a free port of 127.0.0.1."""
    app = create_sandbox(config)
    parts = parts_of(app)

    class Handler(KeptAliveHandler):
        open_sockets: set[Any] = set()  # noqa: RUF012 - one set per server

    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    parts.start()
    try:
        yield Sandbox(f"http://127.0.0.1:{server.port}", parts, config)
    finally:
        server.shutdown()
        thread.join()
        for open_socket in list(Handler.open_sockets):
            _close(open_socket)
        parts.stop()


def _close(open_socket: Any) -> None:
    """End a kept connection; its thread reads the end and goes."""
    try:
        open_socket.shutdown(2)
    except OSError:
        return  # the client was quicker


def _assemble(config: SandboxConfig) -> Parts:
    store = Store(config.database)
    weather = Weather(store, config.seed)
    carrier = Carrier(store, config, weather)
    opt_outs = OptOuts(store)
    customers = Customers(store, carrier, opt_outs, weather, config)
    postman = Postman(store, carrier, config)
    postman.on_text_answered = customers.obey
    return Parts(
        store,
        weather,
        carrier,
        Inbox(store),
        opt_outs,
        customers,
        Verify(store, carrier, config),
        postman,
        threading.Event(),
    )


def _healthz() -> ResponseReturnValue:
    return {"status": "ok"}
