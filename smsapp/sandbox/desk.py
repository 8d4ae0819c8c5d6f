"""What one sandbox is made of."""

import threading

from flask import current_app

from smsapp import clock
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.database import Database
from smsapp.sandbox.weather import Weather


class Desk:
    """One account on one desk: what everything here shares.

    Attributes:
        revision: Changes with every change, so that a page can ask "anything new?" for next to
            nothing.
        news: Wakes the scheduler.
        stopping: Ends what hangs.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.database = Database(config.database)
        self.weather = Weather(self.database, config.seed, self.changed)
        self.revision = int(clock.now().timestamp() * 1000)
        self.news, self.stopping = threading.Event(), threading.Event()

    def changed(self) -> None:
        """Tell the page that something is new, and the scheduler that there may be work."""
        self.revision += 1
        self.news.set()


def this_desk() -> Desk:
    """Return that of the sandbox which answers this request."""
    desk: Desk = current_app.extensions["sandbox"]
    return desk
