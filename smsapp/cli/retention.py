"""`flask retention`: what is blanked and forgotten after its time."""

import sys
import threading

import click
from flask.cli import with_appcontext

from smsapp.retention import jobs

retention = click.Group("retention", help="What is blanked and forgotten after its time.")


@retention.command("run")
@with_appcontext
def run_retention() -> None:
    """Blank and forget all that is past its time, in small steps; it may be stopped anywhere."""
    for task in jobs.tasks(threading.Event()):
        done = 0
        with click.progressbar(
            length=task.count(), label=task.name, hidden=not sys.stderr.isatty(), file=sys.stderr
        ) as bar:
            while batch := task.run_batch():
                done += batch
                bar.update(batch)
        click.echo(f"{task.name}: {done:,} {task.done}.")
