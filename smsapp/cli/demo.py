"""`flask demo`: a month of a small shop's life, on the sandbox."""

from urllib.parse import urlsplit

import click
from flask.cli import with_appcontext
from sqlalchemy import select

from smsapp import demo
from smsapp.extensions import database_now, db, settings
from smsapp.models import Phone

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@click.command("demo")
@with_appcontext
def fill_demo() -> None:
    """Fill an empty database on the sandbox with a month of a small shop's life."""
    if urlsplit(settings().twilio_base_url or "").hostname not in LOOPBACK:
        raise click.ClickException("This is for the sandbox alone; here TWILIO_BASE_URL is not it.")
    with db.engine.begin() as conn:
        if conn.execute(select(Phone.phone_key).limit(1)).first():
            raise click.ClickException(
                "There are customers here already. Stop `make run`, move instance/ away, and start"
                " again with `make demo`."
            )
        messages = demo.fill(conn, database_now(conn))
    click.echo(f"A month of a shop's life is there: {messages:,} messages.")
