"""The sandbox as a program: `flask sandbox`, under gunicorn."""

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from smsapp.sandbox.app import create_sandbox
from smsapp.sandbox.config import SandboxConfig
from smsapp.sandbox.parts import parts

THREADS = 128


def serve(config: SandboxConfig, port: int) -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""
    _Gunicorn(config, port).run()


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """One worker process with many threads."""

    def __init__(self, config: SandboxConfig, port: int) -> None:
        self._config, self._port = config, port
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
            "worker_exit": self._end,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the app, in the worker: threads and SQLite connections do not survive a fork."""
        self._app = create_sandbox(self._config)
        parts(self._app).start()
        return self._app

    def _end(self, _arbiter: Any, _worker: Any) -> None:
        if self._app:
            parts(self._app).stop()
