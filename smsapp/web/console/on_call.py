"""Who is on call, in the console: the rota as a week, the people, a page to try it."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from flask import flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, select

from smsapp import audit, typed
from smsapp.errors import SmsappError
from smsapp.extensions import database_now, reading, settings
from smsapp.languages import ENGLISH
from smsapp.models import Act, Handover, OnCallPerson, RotaOverride
from smsapp.oncall import escalation, incidents, people, rota, shifts
from smsapp.oncall.people import Also, Refused
from smsapp.phone import InvalidPhone, parse_e164
from smsapp.quiet_hours import instant
from smsapp.recipients.purposes import ON_CALL, purpose
from smsapp.trace.acts import NotDone
from smsapp.web.console import shell

bp = shell.blueprint("console_on_call")

DAYS = 7
# What people put between the digits of a number.
_BETWEEN = re.compile(r"[\s()./-]")


@bp.get("/on-call")
@shell.looks
def show() -> ResponseReturnValue:
    """Show who is on call this week, how the rota goes, and who can be."""
    config = settings()
    zone = config.oncall_policy.zone
    with reading() as conn:
        now = database_now(conn)
        week = rota.read(conn, zone)
        in_it = people.all_in(conn)
        may_be_told = escalation.duty(conn)
    monday = _monday(now.astimezone(zone), request.args.get("week", 0, type=int))
    return render_template(
        "console/on_call.html",
        people=in_it,
        names={row.id: row.name for row in in_it},
        now=now,
        on_call=may_be_told.people.get(week.on_call(now) or 0),
        following=may_be_told.people.get(week.following(now) or 0),
        days=_days(week, monday, zone),
        number=week.week_of(monday.date()),
        offset=request.args.get("week", 0, type=int),
        rota=week,
        policy=config.oncall_policy,
        goes_by=escalation.channel,
        weekdays=shifts.WEEKDAYS,
        clock_of=shifts.clock_of,
        zone=zone,
        paged_words=purpose(ON_CALL, ENGLISH).words.text,
        verifies=config.twilio_verify_service_sid is not None,
    )


def _monday(today: datetime, weeks: int) -> datetime:
    """Return the Monday of this week, or of one so many weeks from it, by the wall."""
    weeks = max(-520, min(520, weeks))
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return midnight + timedelta(days=7 * weeks - midnight.weekday())


def _days(week: rota.Rota, monday: datetime, zone: Any) -> list[tuple[datetime, list[Any]]]:
    """Return each day of a week with the shifts that it has, by the wall."""
    found = []
    for number in range(DAYS):
        day = monday + timedelta(days=number)
        since, until = (instant(each, zone) for each in (day, day + timedelta(days=1)))
        found.append((day, week.shifts(since, until)))
    return found


@bp.post("/on-call/people")
@shell.acts
def add() -> ResponseReturnValue:
    """Put somebody in."""
    try:
        e164 = parse_e164(_BETWEEN.sub("", typed.clean(request.form.get("phone", "")[:60])))
    except InvalidPhone:
        raise NotDone("Nobody was put in: give the number as +, country code, number.") from None
    name = request.form.get("name", "")
    _do(lambda: people.add(name, e164, also=_audited("put in")))
    return _back("Put in. Once their code is entered here they are paged.")


@bp.post("/on-call/people/<int:person_id>/code")
@shell.acts
def send_code(person_id: int) -> ResponseReturnValue:
    """Send somebody a code."""
    person = people.numbered(person_id)
    _do(lambda: people.send_code(person))
    return _back(f"A code is on its way to {person.name}. Ask them for it, and enter it here.")


@bp.post("/on-call/people/<int:person_id>/check")
@shell.acts
def check_code(person_id: int) -> ResponseReturnValue:
    """Enter somebody's code."""
    person, code = people.numbered(person_id), typed.code(request.form.get("code", ""))
    if code is None:
        raise NotDone("That is no code: it has 4 to 10 digits.")
    verdict = _do(lambda: people.check_code(person, code, also=_audited("number proved")))
    if not verdict.approved:
        raise NotDone("That is not the code, or it is too old. Send another.")
    return _back(f"{person.name} is paged from now on.")


@bp.post("/on-call/people/<int:person_id>/remove")
@shell.acts
def remove(person_id: int) -> ResponseReturnValue:
    """Take somebody out."""
    person = people.numbered(person_id)
    people.remove(person, also=_audited("taken out"))
    return _back(f"{person.name} is paged no more, and off the rota.")


@bp.post("/on-call/people/<int:person_id>/page")
@shell.acts
def page_now(person_id: int) -> ResponseReturnValue:
    """Page somebody to see whether that works."""
    person = people.numbered(person_id)
    if not person.verified_at:
        raise NotDone("Nobody was paged: their number is not proved yet.")
    incident_id = incidents.test_page(person)
    return redirect(url_for("console_incidents.show", incident_id=incident_id), 303)


@bp.post("/on-call/handovers")
@shell.acts
def hand_over() -> ResponseReturnValue:
    """Let somebody take over at a time of the week."""
    form = request.form
    person = people.numbered(form.get("person", 0, type=int))
    weekday, week = form.get("weekday", -1, type=int), form.get("week_of_rota", 1, type=int)

    def write() -> None:
        minute = shifts.minute_of(form.get("at", ""))
        said = f"takes over on {shifts.WEEKDAYS[weekday % 7]} at {form['at']}"
        shifts.hand_over(person, weekday, minute, week, also=_audited(said))

    _do(write)
    return _back(f"{person.name} takes over then.")


@bp.post("/on-call/overrides")
@shell.acts
def override() -> ResponseReturnValue:
    """Let somebody be on call for a time, whatever the week says."""
    person = people.numbered(request.form.get("person", 0, type=int))
    walls = [_wall(request.form.get(name, "")) for name in ("from", "until")]
    zone = settings().oncall_policy.zone

    def write() -> None:
        said = f"on call from {walls[0]:%Y-%m-%d %H:%M} to {walls[1]:%Y-%m-%d %H:%M}"
        shifts.override(person, walls[0], walls[1], zone, also=_audited(said))

    _do(write)
    return _back(f"{person.name} is on call then.")


@bp.post("/on-call/handovers/<int:row_id>/drop")
@shell.acts
def drop_handover(row_id: int) -> ResponseReturnValue:
    """Take a handover out of the week."""
    return _drop(Handover, row_id)


@bp.post("/on-call/overrides/<int:row_id>/drop")
@shell.acts
def drop_override(row_id: int) -> ResponseReturnValue:
    """Take an override back."""
    return _drop(RotaOverride, row_id)


def _drop(table: type[Handover | RotaOverride], row_id: int) -> ResponseReturnValue:
    def also(conn: Connection) -> None:
        whose = (
            select(OnCallPerson.phone_key)
            .join(table, table.person_id == OnCallPerson.id)
            .where(table.id == row_id)
        )
        if phone_key := conn.scalar(whose):
            _audited("off the rota then")(conn, phone_key)

    shifts.drop(table, row_id, also)
    return _back("Taken out of the rota.")


def _audited(said: str) -> Also:
    """Return what writes a change down in the audit trail, in the transaction that makes it."""
    operator_id = g.operator.id

    def write(conn: Connection, phone_key: str) -> None:
        audit.write(conn, operator_id, Act.ON_CALL, phone_key, why=said)

    return write


def _wall(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise NotDone("Nothing was changed: give both times as 2030-06-03T18:00.") from None
    return found.replace(tzinfo=None)


def _do(act: Callable[[], Any]) -> Any:
    """Do something; what is wrong with it is said on the page."""
    try:
        return act()
    except Refused as refused:
        raise NotDone(str(refused)) from None
    except SmsappError as error:
        raise NotDone(error.text) from None


def _back(sentence: str) -> ResponseReturnValue:
    flash(sentence)
    return redirect(url_for(".show"), 303)
