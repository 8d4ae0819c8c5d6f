"""`flask oncall`: who can be on call, and when."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import click
from flask.cli import with_appcontext

from smsapp.cli.customers import phone_argument
from smsapp.errors import SmsappError
from smsapp.extensions import database_now, reading, settings
from smsapp.languages import ENGLISH
from smsapp.models import Channel, Handover, RotaOverride
from smsapp.oncall import incidents, people, rota, shifts
from smsapp.oncall.people import Refused
from smsapp.phone import mask
from smsapp.recipients.purposes import ON_CALL, purpose

oncall = click.Group("oncall", help="Who is on call, and when.")

_WALL = click.DateTime(["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"])
_DAY = click.Choice([day.lower() for day in shifts.WEEKDAYS], case_sensitive=False)


def _do(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Refused as refused:
        raise click.ClickException(str(refused)) from None
    except SmsappError as error:
        raise click.ClickException(error.text) from None


@oncall.command("add")
@click.argument("name")
@phone_argument
@with_appcontext
def add(name: str, phone: str) -> None:
    """Put NAME in, whose number is PHONE (E.164). Then: flask oncall verify NAME."""
    _do(lambda: people.add(name, phone))
    click.echo(f"{name} ({mask(phone)}) is in. Until their code is entered nobody pages them:")
    click.echo(f"flask oncall verify {name!r}")


@oncall.command("verify")
@click.argument("name")
@click.option("--call", is_flag=True, help="Call them with the code.")
@with_appcontext
def verify(name: str, *, call: bool) -> None:
    """Send NAME a code, and ask for it. With it they agree to be paged."""
    person = _do(lambda: people.named(name))
    click.echo(f"Read this to {name}: “{purpose(ON_CALL, ENGLISH).words.text}”")
    _do(lambda: people.send_code(person, Channel.CALL if call else Channel.SMS))
    for _ in range(3):
        code = click.prompt(f"The code that {name} got")
        if _do(partial(people.check_code, person, code.strip())).approved:
            click.echo(f"{name} is paged from now on.")
            return
        click.echo("That is not the code, or it is too old.")
    raise click.ClickException("Send another code: run this again.")


@oncall.command("remove")
@click.argument("name")
@with_appcontext
def remove(name: str) -> None:
    """Take NAME out, and off the rota."""
    person = _do(lambda: people.named(name))
    people.remove(person)
    click.echo(f"{name} is paged no more.")


@oncall.command("list")
@with_appcontext
def list_all() -> None:
    """List who can be on call."""
    with reading() as conn:
        found = people.all_in(conn)
    for row in found:
        word = "can be paged" if row.verified_at else "number not proved"
        if row.opted_out:
            word = "stopped all texts"
        click.echo(f"{row.name:40}  {mask(row.e164) if row.e164 else 'no number':16}  {word}")


@oncall.command("hand-over")
@click.argument("name")
@click.argument("day", type=_DAY)
@click.argument("time")
@click.option(
    "--week",
    type=click.IntRange(1, shifts.MOST_WEEKS),
    default=1,
    help="Of the rota, where people take turns by weeks.",
)
@with_appcontext
def hand_over(name: str, day: str, time: str, week: int) -> None:
    """Let NAME take over each week on DAY (monday) at TIME (09:00), by the rota's own clock."""
    person = _do(lambda: people.named(name))
    weekday = [each.lower() for each in shifts.WEEKDAYS].index(day.lower())
    _do(lambda: shifts.hand_over(person, weekday, shifts.minute_of(time), week))
    click.echo(f"{name} takes over on {day.capitalize()} at {time}.")


@oncall.command("override")
@click.argument("name")
@click.argument("start", type=_WALL)
@click.argument("end", type=_WALL)
@with_appcontext
def override(name: str, start: datetime, end: datetime) -> None:
    """Let NAME be on call from START to END (2030-06-03T18:00), whatever the week says."""
    person = _do(lambda: people.named(name))
    _do(lambda: shifts.override(person, start, end, settings().oncall_policy.zone))
    click.echo(f"{name} is on call then.")


@oncall.command("drop")
@click.argument("what", type=click.Choice(["handover", "override"]))
@click.argument("number", type=int)
@with_appcontext
def drop(what: str, number: int) -> None:
    """Take a handover or an override out of the rota, by its number in `flask oncall rota`."""
    shifts.drop(Handover if what == "handover" else RotaOverride, number, lambda _conn: None)
    click.echo("It is out of the rota.")


@oncall.command("rota")
@click.option("--days", type=click.IntRange(1, 366), default=7, show_default=True)
@with_appcontext
def show_rota(days: int) -> None:
    """Say who is on call, now and in the days to come."""
    zone = settings().oncall_policy.zone
    with reading() as conn:
        now = database_now(conn)
        found = rota.read(conn, zone)
        names = {row.id: row.name for row in people.all_in(conn)}
    for row in found.handovers:
        at = f"{shifts.WEEKDAYS[row.weekday]} {shifts.clock_of(row.minute)}"
        click.echo(f"handover {row.id}: week {row.week}, {at}, {names[row.person_id]}")
    for row in (row for row in found.overrides if row.ends_at > now):
        starts, ends = (at.astimezone(zone) for at in (row.starts_at, row.ends_at))
        span = f"{starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M}"
        click.echo(f"override {row.id}: {span}, {names[row.person_id]}")
    click.echo(f"By the clock of {zone.key}:")
    coming = found.shifts(now, now + timedelta(days=days))
    for shift in coming:
        until = shift.ends_at.astimezone(zone)
        start = shift.starts_at.astimezone(zone)
        click.echo(f"{start:%a %Y-%m-%d %H:%M} to {until:%a %H:%M}  {names[shift.person_id]}")
    if not coming:
        click.echo("Nobody is on call.")


@oncall.command("page")
@click.argument("name")
@with_appcontext
def page(name: str) -> None:
    """Page NAME now, to see whether that works."""
    person = _do(lambda: people.named(name))
    if not person.verified_at:
        raise click.ClickException(f"{name}'s number is not proved: flask oncall verify {name!r}")
    incidents.test_page(person)
    click.echo(f"A worker pages {name} in a moment.")
