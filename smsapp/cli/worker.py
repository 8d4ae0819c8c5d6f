"""`flask worker`: sends what is due."""

import signal
import threading
from pathlib import Path
from types import FrameType

import click
from flask import current_app
from flask.cli import with_appcontext

from smsapp import metrics_server, sqlite, worker
from smsapp.extensions import settings


@click.command("worker")
@with_appcontext
def run_worker() -> None:
    """Send what is due, until SIGTERM or Ctrl-C; then finish what is held."""
    config = settings()
    if fault := sqlite.unwritable(config.database_url, Path(current_app.instance_path)):
        raise click.ClickException(fault)
    ending = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if config.worker_metrics_port and config.metrics_token:
        metrics_server.start(config.worker_metrics_port, config.metrics_token.get_secret_value())
    worker.run(current_app._get_current_object().app_context, ending)  # type: ignore[attr-defined]
