"""The sandbox as a program: `flask sandbox`, under gunicorn."""

from aiosmtpd.controller import Controller
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from smsapp.sandbox.app import create_sandbox
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.mail import server as mail
from smsapp.sandbox.scheduler import Scheduler


def serve(config: SandboxConfig, port: int) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""
    _Gunicorn(config, port).run()


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """One worker process with many threads."""

    def __init__(self, config: SandboxConfig, port: int) -> None:
        self._config, self._port = config, port
        self._scheduler: Scheduler | None = None
        self._mail: Controller | None = None
        super().__init__()

    def load_config(self) -> None:
        """Set what gunicorn's own command line would."""
        settings = {
            "bind": f"127.0.0.1:{self._port}",
            "worker_class": "gthread",
            "threads": 128,
            "keepalive": 75,
            "graceful_timeout": 1,
            "loglevel": "warning",
            "proc_name": "smsapp-sandbox",
            # It would be written into the home folder.
            "control_socket_disable": True,
            "worker_exit": self._end,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app, in the worker: threads and SQLite connections do not survive a fork."""
        desk = Desk(self._config)
        self._scheduler = Scheduler(desk)
        self._scheduler.start()
        self._mail = mail.serving(desk)
        return create_sandbox(desk)

    def _end(self, _arbiter: object, _worker: object) -> None:
        if self._mail:
            self._mail.stop()
        if self._scheduler:
            self._scheduler.stop()
