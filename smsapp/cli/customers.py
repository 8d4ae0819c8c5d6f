"""`flask opt-out` and `flask erase`: what is done for one person."""

import click
from flask.cli import with_appcontext

from smsapp.delivery import stopping
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import ConsentSource, OptOutSource
from smsapp.phone import InvalidPhone, key_for_tests, mask, parse_e164, phone_key
from smsapp.recipients import phones
from smsapp.recipients.customers import Visitor
from smsapp.retention import erasure


def _spelled(_ctx: click.Context, _param: click.Parameter, phone: str) -> str:
    try:
        return parse_e164(phone)
    except InvalidPhone as error:
        raise click.ClickException(str(error)) from None


phone_argument = click.argument("phone", callback=_spelled)


@click.command("opt-out")
@phone_argument
@with_appcontext
def opt_out(phone: str) -> None:
    """Stop all texts to PHONE (E.164), now and until its owner asks for them again."""
    key = phone_key(phone, settings().phone_key_bytes)
    with db.engine.begin() as conn:
        phones.remember(conn, {key: phone}, database_now(conn))
    stopping.stop(key, OptOutSource.OPERATOR)
    click.echo(f"{mask(phone)} gets no more texts.")


@click.command("erase")
@phone_argument
@with_appcontext
def erase(phone: str) -> None:
    """Erase the person at PHONE (E.164): number, texts, evidence. Opt-out and ledger stay."""
    secret = settings().phone_key_bytes
    # Where the number was erased before, or only test keys wrote to it, these stand alone.
    of_tests = key_for_tests(phone, secret)
    with reading() as conn:
        is_tested = phones.is_known(conn, of_tests)
        keys = [of_tests] * is_tested
        if not is_tested or phones.is_known(conn, phone_key(phone, secret)):
            keys.insert(0, known_key(phone))
    for key in keys:
        erasure.erase(Visitor(key, verify_sid=None), ConsentSource.OPERATOR)
    click.echo(f"{mask(phone)} is erased.")
    if settings().blank_bodies_at_twilio:
        click.echo(
            "Their texts are blanked at Twilio next, by the worker or `flask retention run`."
        )


def known_key(phone: str) -> str:
    """Return the key of a number, E.164, that we know.

    Raises:
        click.ClickException: We never met it.
    """
    key = phone_key(phone, settings().phone_key_bytes)
    with reading() as conn:
        if not phones.is_known(conn, key):
            raise click.ClickException("Nothing is known about this number.")
    return key
