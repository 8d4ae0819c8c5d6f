"""The sandbox as a Flask app, and what it is made of."""

import threading
from dataclasses import dataclass
from pathlib import Path

from flask import Flask
from flask.typing import ResponseReturnValue

from smsapp.sandbox import guards, json_api
from smsapp.sandbox.callbacks.posting import Poster
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Database
from smsapp.sandbox.inbound.customers import Customers
from smsapp.sandbox.inbound.opt_outs import OptOuts
from smsapp.sandbox.inbox import Inbox
from smsapp.sandbox.phone import page
from smsapp.sandbox.rest import account, messages
from smsapp.sandbox.rest.protocol import Protocol
from smsapp.sandbox.scheduler import Scheduler
from smsapp.sandbox.verify import rest as verify_rest
from smsapp.sandbox.verify.service import Verify
from smsapp.sandbox.weather import Weather

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Parts:
    """What one sandbox is made of."""

    database: Database
    weather: Weather
    carrier: Carrier
    inbox: Inbox
    opt_outs: OptOuts
    customers: Customers
    verify: Verify
    scheduler: Scheduler
    stopping: threading.Event

    def start(self) -> None:
        """Let time pass."""
        self.scheduler.start()

    def stop(self) -> None:
        """Stop; what is still to be posted waits in the file."""
        self.stopping.set()
        self.scheduler.stop()
        self.database.close()


def create_sandbox(config: SandboxConfig) -> Flask:
    """Return the sandbox as a Flask app; `parts_of(app).start()` sets its clock going."""
    app = Flask(__name__, template_folder=ROOT / "templates", static_folder=ROOT / "static")
    app.config["MAX_CONTENT_LENGTH"] = 1_000_000
    parts = _assemble(config)
    app.extensions["sandbox"] = parts
    app.before_request(guards.only_this_machine)
    protocol = Protocol(config, parts.weather, parts.stopping)
    for blueprint in (
        messages.create_blueprint(protocol, parts.carrier, parts.inbox, parts.opt_outs),
        *account.create_blueprints(protocol),
        verify_rest.create_blueprint(protocol, parts.verify),
        json_api.create_blueprint(
            parts.carrier, parts.inbox, parts.customers, parts.verify, parts.weather
        ),
        page.create_blueprint(
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


def _assemble(config: SandboxConfig) -> Parts:
    database = Database(config.database)
    weather = Weather(database, config.seed)
    carrier = Carrier(database, config, weather)
    opt_outs = OptOuts(database)
    customers = Customers(database, carrier, opt_outs, weather, config)
    poster = Poster(config)
    poster.on_text_answered = customers.obey
    return Parts(
        database,
        weather,
        carrier,
        Inbox(database),
        opt_outs,
        customers,
        Verify(database, carrier, config),
        Scheduler(database, carrier, poster),
        threading.Event(),
    )


def _healthz() -> ResponseReturnValue:
    return {"status": "ok"}
