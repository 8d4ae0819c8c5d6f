"""`flask numbers`: the numbers that we know."""

from collections import Counter

import click
from flask.cli import with_appcontext

from smsapp.phone import country
from smsapp.recipients import merging
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
        elif dry_run or merging.merge(found, erasure.erase_within):
            merged[country(found.e164)] += 1
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
