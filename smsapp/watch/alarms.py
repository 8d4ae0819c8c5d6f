"""Alarms: one row for each thing that is wrong.

However many processes find it, an alarm is raised once. It is cleared when nothing was found for
as long as CALM: a rate on the edge of its threshold must not ring every other minute.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from smsapp import tally
from smsapp.extensions import database_now, db, insert_into, reading, settings
from smsapp.jobs import claim_job
from smsapp.models import Alarm, AlarmKind
from smsapp.watch import alarm_text
from smsapp.watch.finding import Finding
from smsapp.watch.rules import RULES, Rule

EVERY = timedelta(minutes=1)
CALM = timedelta(minutes=3)

log = logging.getLogger(__name__)

_IS_OPEN = Alarm.cleared_at.is_(None)
_OPEN = select(Alarm.id, Alarm.kind, Alarm.subject, Alarm.facts, Alarm.raised_at).where(_IS_OPEN)


@dataclass(frozen=True, slots=True)
class OpenAlarm:
    """An alarm as a page shows it."""

    kind: AlarmKind
    subject: str
    raised_at: datetime
    sentence: str
    next_step: str
    codes: list[alarm_text.CodeCount]
    country: str | None = None  # which alone it is about


def tick() -> None:
    """Look for what is wrong, if that is due and no other worker does it."""
    if claim_job("alarms", EVERY):
        evaluate()
        with db.engine.begin() as conn:
            tally.forget_old(conn, database_now(conn))


def evaluate(which: Mapping[Rule, frozenset[AlarmKind]] = RULES) -> None:
    """Ask these rules, and raise, refresh or clear their alarms; many processes may at once."""
    findings: list[Finding] = []
    judged: set[AlarmKind] = set()
    for rule, kinds in which.items():
        try:
            with reading() as conn:
                findings += rule(conn, database_now(conn), settings())
        except SQLAlchemyError:  # the others can still be asked
            log.exception("an alarm's rule could not be asked", extra={"kind": rule.__name__})
        else:
            judged |= kinds
    write(findings, judged)


def write(findings: Collection[Finding], judged: Collection[AlarmKind]) -> None:
    """Raise or refresh an alarm for each finding; clear those that are over; log what is new.

    Args:
        findings: What is wrong.
        judged: The kinds that were looked for. An open alarm of another kind stays as it is.
    """
    with db.engine.begin() as conn:
        now = database_now(conn)
        tell = now if settings().alarm_webhook_url else None
        # In one order, so that two processes cannot each wait for a row that the other has locked.
        ordered = sorted(findings, key=lambda found: (found.kind, found.subject))
        raised = [(found, id_) for found in ordered if (id_ := _raise(conn, found, now, tell))]
        cleared = conn.execute(
            update(Alarm)
            .where(_IS_OPEN, Alarm.kind.in_(judged), Alarm.seen_at < now - CALM)
            .values(cleared_at=now, tell_at=tell, tell_tries=0)
            .returning(Alarm.id, Alarm.kind, Alarm.subject)
        ).all()
    for found, id_ in raised:
        sentence = alarm_text.sentence(found.kind, found.subject, found.facts)
        log.error("alarm raised", extra=_fields(id_, found.kind, found.subject, sentence))
    for row in cleared:
        log.warning("alarm cleared", extra=_fields(row.id, row.kind, row.subject))


def open_alarms() -> list[OpenAlarm]:
    """Return the open alarms, the newest first."""
    with reading() as conn:
        rows = conn.execute(_OPEN.order_by(Alarm.raised_at.desc(), Alarm.id.desc())).all()
    return [
        OpenAlarm(
            row.kind,
            row.subject,
            row.raised_at,
            alarm_text.sentence(row.kind, row.subject, row.facts),
            alarm_text.next_step(row.kind, row.facts),
            alarm_text.codes(row.facts.get("codes", [])),
            row.subject if row.kind is AlarmKind.COUNTRY_RATE else row.facts.get("country"),
        )
        for row in rows
    ]


def _raise(conn: Connection, found: Finding, now: datetime, tell: datetime | None) -> int | None:
    """Raise an alarm, or refresh the open one; return its id if it is new."""
    new = insert_into(conn, Alarm).values(
        kind=found.kind,
        subject=found.subject,
        facts=found.facts,
        raised_at=now,
        seen_at=now,
        tell_at=tell,
        tell_tries=0,
    )
    once = new.on_conflict_do_nothing(index_elements=["kind", "subject"], index_where=_IS_OPEN)
    raised: int | None = conn.execute(once.returning(Alarm.id)).scalar_one_or_none()
    if raised is None:
        this = (Alarm.kind == found.kind) & (Alarm.subject == found.subject)
        values = {"seen_at": now, "facts": found.facts}
        conn.execute(update(Alarm).where(_IS_OPEN, this).values(values))
    return raised


def _fields(
    alarm: int, kind: AlarmKind, subject: str, sentence: str | None = None
) -> dict[str, Any]:
    return {"alarm": alarm, "kind": kind.value, "subject": subject or None, "reason": sentence}
