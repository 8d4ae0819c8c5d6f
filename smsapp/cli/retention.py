"""`flask retention`: what is blanked and forgotten after its time."""

import sys
import threading

import click
from flask.cli import with_appcontext

from smsapp.retention import rounds

retention = click.Group("retention", help="What is blanked and forgotten after its time.")


@retention.command("run")
@with_appcontext
def run_retention() -> None:
    """Blank and forget all that is past its time, in small steps; it may be stopped anywhere."""
    for chore in rounds.chores(threading.Event()):
        done = 0
        with click.progressbar(
            length=chore.count(), label=chore.name, hidden=not sys.stderr.isatty(), file=sys.stderr
        ) as bar:
            while batch := chore.batch():
                done += batch
                bar.update(batch)
        click.echo(f"{chore.name}: {done:,} {chore.done}.")
