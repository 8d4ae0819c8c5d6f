"""What one sandbox is made of."""

import threading
from dataclasses import dataclass

from flask import Flask, current_app

from smsapp.sandbox.callbacks.posting import Poster
from smsapp.sandbox.carrier import Carrier
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Database
from smsapp.sandbox.inbound.customers import Customers
from smsapp.sandbox.inbound.opt_outs import OptOuts
from smsapp.sandbox.inbox import Inbox
from smsapp.sandbox.scheduler import Scheduler
from smsapp.sandbox.verify.service import Verify
from smsapp.sandbox.weather import Weather


@dataclass(frozen=True, slots=True)
class Parts:
    """One account on one desk. `stopping` ends what hangs."""

    config: SandboxConfig
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


def assemble(config: SandboxConfig) -> Parts:
    """Make the parts of a sandbox and bring them together."""
    database = Database(config.database)
    weather = Weather(database, config.seed)
    carrier = Carrier(database, config, weather)
    opt_outs = OptOuts(database)
    customers = Customers(database, carrier, opt_outs, weather, config)
    poster = Poster(config)
    poster.on_text_answered = customers.obey
    return Parts(
        config=config,
        database=database,
        weather=weather,
        carrier=carrier,
        inbox=Inbox(database),
        opt_outs=opt_outs,
        customers=customers,
        verify=Verify(database, carrier, config),
        scheduler=Scheduler(database, carrier, poster),
        stopping=threading.Event(),
    )


def parts(app: Flask | None = None) -> Parts:
    """Return those of a sandbox's app; by default of the one that answers this request."""
    found: Parts = (app or current_app).extensions["sandbox"]
    return found
