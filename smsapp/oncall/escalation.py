"""Escalation: the next step of an incident that nobody has taken, when it is due.

Steps are due rows. Whoever is told and when the next step is due are one commit: a worker that is
killed at any moment has taken a step wholly or not at all. Everybody locks people's numbers first,
then incidents, then deliveries, so nobody waits in a circle.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update

from smsapp.delivery import channels
from smsapp.escalation_policy import EVERYBODY, NEXT, ON_CALL, Page, Policy
from smsapp.extensions import database_now, db, reading, settings
from smsapp.models import Channel, Incident, IncidentState, OnCallPerson
from smsapp.oncall import news, paging, people, rota
from smsapp.oncall.rota import Rota
from smsapp.recipients import phones

log = logging.getLogger(__name__)

# Steps taken in one transaction.
BATCH = 20
TEST_LASTS = timedelta(hours=1)

_STEP_DUE = Incident.step_due_at <= bindparam("now")
_NEWS_DUE = Incident.news_due_at <= bindparam("now")
_BUNDLE_DUE = OnCallPerson.bundle_at <= bindparam("now")
_IS_DUE = (
    select(Incident.id).where(or_(_STEP_DUE, _NEWS_DUE)).limit(1),
    select(OnCallPerson.id).where(_BUNDLE_DUE).limit(1),
)
_STEPS = (
    select(Incident.__table__)
    .where(_STEP_DUE, Incident.state == IncidentState.OPEN)
    .order_by(Incident.step_due_at, Incident.id)
    .limit(BATCH)
    .with_for_update(skip_locked=True)
)
_WENT_ON = update(Incident).where(Incident.id == bindparam("of"))


@dataclass(frozen=True, slots=True)
class Duty:
    """Who may be told, who of them is on call, and by which policy."""

    people: dict[int, Any]
    rota: Rota
    policy: Policy

    def told(self, page: Page, at: datetime) -> list[Any]:
        """Return whom a page goes to at an instant."""
        match page.whom:
            case str(whom) if whom == EVERYBODY:
                return list(self.people.values())
            case str(whom) if whom == ON_CALL:
                ids = [self.rota.on_call(at)]
            case str(whom) if whom == NEXT:
                ids = [self.rota.following(at)]
            case name:
                ids = [id_ for id_, row in self.people.items() if row.name == name]
        return [self.people[id_] for id_ in ids if id_ in self.people]


def duty(conn: Connection, of: Collection[str] | None = None) -> Duty:
    """Return it as it is now; of those alone who have these phones, for they are locked."""
    policy = settings().oncall_policy
    paged = people.paged(conn)
    if of is not None:
        paged = {id_: row for id_, row in paged.items() if row.phone_key in of}
    return Duty(paged, rota.read(conn, policy.zone), policy)


def tick() -> None:
    """Do all that is due: steps, bundles, news."""
    while _is_anything_due() and _do_some():
        pass


def _is_anything_due() -> bool:
    """Whether there is something to do: to look in vain would take SQLite's write lock."""
    with reading() as conn:
        now = {"now": database_now(conn)}
        return any(conn.execute(query, now).one_or_none() is not None for query in _IS_DUE)


def _do_some() -> bool:
    with db.engine.begin() as conn:
        locked = phones.lock(conn, {row.phone_key for row in people.paged(conn).values()})
        now = database_now(conn)
        may_be_told = duty(conn, locked)  # nobody is taken out, or stops, from here on
        done = [_take_step(conn, row, may_be_told, now) for row in _due(conn, now)]
        done += [_tell_bundle(conn, row, now) for row in _bundles(conn, may_be_told, now)]
        done += news.tell_due(conn, may_be_told.people, now)
    return bool(done)


def _due(conn: Connection, now: datetime) -> list[Any]:
    return list(conn.execute(_STEPS, {"now": now}))


def _bundles(conn: Connection, may_be_told: Duty, now: datetime) -> list[Any]:
    due = select(OnCallPerson.id).where(_BUNDLE_DUE).order_by(OnCallPerson.id)
    locked = conn.scalars(due.with_for_update(skip_locked=True), {"now": now}).all()
    gone = [id_ for id_ in locked if id_ not in may_be_told.people]
    if gone:
        conn.execute(update(OnCallPerson).where(OnCallPerson.id.in_(gone)).values(bundle_at=None))
    return [may_be_told.people[id_] for id_ in locked if id_ in may_be_told.people]


def _tell_bundle(conn: Connection, person: Any, now: datetime) -> bool:
    paging.tell_bundle(conn, person, now)
    told = update(OnCallPerson).where(OnCallPerson.id == person.id)
    conn.execute(told.values(bundle_at=None, bundled_at=now))
    return True


def _take_step(conn: Connection, incident: Any, may_be_told: Duty, now: datetime) -> bool:
    """Tell whom the incident's step says, and write down when the next is due."""
    if incident.test_of is not None:
        return _take_test_step(conn, incident, may_be_told.people.get(incident.test_of), now)
    policy = may_be_told.policy
    steps = policy.steps
    # A policy that was made shorter meanwhile is gone through from its beginning.
    number, rounds = incident.step, incident.round
    if number >= len(steps):
        number, rounds = 0, rounds + 1
    if rounds > policy.repeat:
        told = may_be_told.told(policy.last_resort, now)
        by = channel(policy.last_resort)
        _page_all(conn, incident, told, by, now, is_last=True)
        _went_on(conn, incident, now, step_due_at=None, unanswered_at=now)
        log.error("nobody answers an incident", extra={"incident": str(incident.id)})
        return True
    step = steps[number]
    told = may_be_told.told(step, now)
    _page_all(conn, incident, told, channel(step), now)
    # Where it reaches nobody, nobody has to be waited for.
    reached = [person for person in told if not person.opted_out]
    wait = timedelta(minutes=step.minutes) if reached else timedelta(0)
    _went_on(conn, incident, now, step=number + 1, round=rounds, step_due_at=now + wait)
    return True


def _take_test_step(conn: Connection, incident: Any, person: Any, now: datetime) -> bool:
    """Page whom a test is for; an hour later it is over, whether they answered or not."""
    if incident.step:
        over = {"state": IncidentState.RESOLVED, "resolved_at": now, "step_due_at": None}
        conn.execute(_WENT_ON.values(over), {"of": incident.id})
        return True
    _page_all(conn, incident, [person], Channel.SMS, now)
    _went_on(conn, incident, now, step=1, step_due_at=now + TEST_LASTS)
    return True


def _page_all(
    conn: Connection,
    incident: Any,
    told: list[Any],
    by: Channel,
    now: datetime,
    *,
    is_last: bool = False,
) -> None:
    for person in filter(None, told):
        paging.page(conn, incident, person, by, now, is_last=is_last)


def _went_on(conn: Connection, incident: Any, now: datetime, **values: Any) -> None:
    conn.execute(_WENT_ON.values(stepped_at=now, **values), {"of": incident.id})


def channel(page: Page) -> Channel:
    """Return how a page goes: as the policy says where that is set up, else by text."""
    wanted = Channel(page.by)
    return wanted if wanted in channels.configured() else Channel.SMS
