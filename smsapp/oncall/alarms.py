"""Alarms about those on call; and, where the shop wants that, incidents about our alarms."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, func, select

from smsapp.config import Settings
from smsapp.extensions import database_now, reading, settings
from smsapp.jobs import claim_job
from smsapp.models import Alarm, AlarmKind, Incident, IncidentState, Severity
from smsapp.oncall import escalation, incidents, people
from smsapp.oncall.incidents import OPENED, RESOLVED, Told
from smsapp.watch import alarm_text, alarms
from smsapp.watch.finding import Finding
from smsapp.watch.rules import Rule

EVERY = timedelta(seconds=15)
# What is told of an alarm that is over is told for so long; a worker that was away for longer has
# missed it.
LATELY = timedelta(days=1)

_UNANSWERED = select(func.count()).where(
    Incident.unanswered_at.is_not(None), Incident.state == IncidentState.OPEN
)
_OWN = frozenset(
    {AlarmKind.NOBODY_ON_CALL, AlarmKind.ON_CALL_SILENCED, AlarmKind.INCIDENT_UNANSWERED}
)
# None of them needs a page to say that pages fail.
_ALARMS = select(Alarm.id, Alarm.kind, Alarm.subject, Alarm.facts, Alarm.cleared_at).where(
    Alarm.kind.not_in(_OWN),
    Alarm.cleared_at.is_(None) | (Alarm.cleared_at > bindparam("since")),
)


def tick() -> None:
    """Look for what is wrong, if that is due and no other worker does it."""
    if not claim_job("on-call alarms", EVERY):
        return
    alarms.evaluate(RULES)
    if settings().alarms_open_incidents:
        tell_of_alarms()


def nobody_on_call(conn: Connection, now: datetime, _config: Settings) -> list[Finding]:
    """Find that there are people, and that none of them is on call."""
    duty = escalation.duty(conn)
    is_there = duty.rota.on_call(now) in duty.people
    if is_there or not people.all_in(conn):
        return []
    return [Finding(AlarmKind.NOBODY_ON_CALL)]


def silenced(conn: Connection, _now: datetime, _config: Settings) -> list[Finding]:
    """Find who on call has stopped all texts."""
    stopped = [row for row in people.paged(conn).values() if row.opted_out]
    return [Finding(AlarmKind.ON_CALL_SILENCED, row.name) for row in stopped]


def unanswered(conn: Connection, _now: datetime, _config: Settings) -> list[Finding]:
    """Find incidents that went through all steps and that nobody has taken."""
    count = conn.scalar(_UNANSWERED)
    return [Finding(AlarmKind.INCIDENT_UNANSWERED, facts={"count": count})] if count else []


RULES: Mapping[Rule, frozenset[AlarmKind]] = {
    nobody_on_call: frozenset({AlarmKind.NOBODY_ON_CALL}),
    silenced: frozenset({AlarmKind.ON_CALL_SILENCED}),
    unanswered: frozenset({AlarmKind.INCIDENT_UNANSWERED}),
}


def tell_of_alarms() -> list[uuid.UUID]:
    """Open an incident for each open alarm, and resolve it with the alarm; return which.

    By the alarm's row, so that telling it again changes nothing.
    """
    with reading() as conn:
        since = database_now(conn) - LATELY
        rows = conn.execute(_ALARMS.order_by(Alarm.id), {"since": since}).all()
    told = []
    for row in rows:
        key = f"alarm-{row.kind}-{row.subject}"[:80]
        title = alarm_text.sentence(row.kind, row.subject, row.facts)[:120]
        # Not by its words: its figures change while it is open.
        opened = Told(OPENED, f"alarm-{row.id}", key, title, Severity.WARNING)
        if row.cleared_at is None and not incidents.was_told(OPENED, opened.event_id):
            told.append(incidents.note(opened).incident_id)
        over = Told(RESOLVED, f"alarm-{row.id}-over", key)
        was_opened = incidents.was_told(OPENED, opened.event_id)
        if row.cleared_at and was_opened and not incidents.was_told(RESOLVED, over.event_id):
            told.append(incidents.note(over).incident_id)
    return [incident_id for incident_id in told if incident_id]
