"""`flask numbers`: the numbers that we know."""

from collections import Counter

import click
from flask.cli import with_appcontext

from smsapp.extensions import reading
from smsapp.models import ConsentSource
from smsapp.phone import country
from smsapp.recipients import merging, phones
from smsapp.recipients.customers import Visitor
from smsapp.retention import erasure

numbers = click.Group("numbers", help="The numbers that we know.")


@numbers.command("merge")
@click.option("--dry-run", is_flag=True, help="Count them, and change nothing.")
@with_appcontext
def merge_numbers(*, dry_run: bool) -> None:
    """Merge what stands under two spellings of one number.

    To be run once, after the upgrade to the version that spells each number in one way, when the
    last process of an older one has ended. It may be stopped anywhere and run at any time.
    """
    merged: Counter[str] = Counter()
    busy = unclear = 0
    for found in merging.misspelt():
        if found is None:
            unclear += 1
        elif dry_run:
            merged[country(found.e164)] += 1
        elif merging.merge(found):
            merged[country(found.e164)] += 1
            _erase_if_erased(found.into)
        else:
            busy += 1
    by_country = ", ".join(f"{name} {count:,}" for name, count in sorted(merged.items()))
    click.echo(
        f"{merged.total():,} {'are to be' if dry_run else 'were'} merged"
        f"{': ' * bool(by_country)}{by_country}."
    )
    if busy:
        click.echo(f"{busy:,} are being texted at this moment: run this again.")
    if unclear:
        click.echo(f"{unclear:,} are spelled so that nobody can tell what is meant; they stay.")


def _erase_if_erased(phone_key: str) -> None:
    """Erase again whoever was erased: what has come under their key was of the other spelling."""
    with reading() as conn:
        is_erased = phones.number_of(conn, phone_key) is None
    if is_erased:
        erasure.erase(Visitor(phone_key, verify_sid=None), ConsentSource.OPERATOR)
