"""How often codes are sent to a number, and how often one is checked.

Counted in the database, so that a restart forgets nothing; and by who asks, so that a stranger
cannot use up what a number's owner needs.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, select, update

from smsapp.errors import RateLimited
from smsapp.extensions import database_now, db
from smsapp.models import Channel, Verification
from smsapp.recipients import phones, verification_errors
from smsapp.recipients.asker import Asker

# Wrong codes that Twilio takes for one verification, from all who enter any.
TWILIO_CHECKS = 5
# Of these, what one session has: whatever it enters, there is one left for another.
MAX_CHECKS = 4
VALID_FOR = timedelta(minutes=10)


class Limit(NamedTuple):
    """How many codes a number may have within a span: of all, and of one session and its network.

    The last `kept` of all are for whoever had none in the span. A code goes to the number's owner,
    whoever asks for it: so who had one needs no other as much as who had none.
    """

    span: timedelta
    of_all: int
    of_one: int
    kept: int


# Twilio allows five codes in ten minutes.
LIMITS = (Limit(timedelta(minutes=10), 5, 3, 1), Limit(timedelta(days=1), 15, 10, 3))
_LONGEST = max(limit.span for limit in LIMITS)


def next_start(conn: Connection, key: str, asker: Asker, now: datetime) -> datetime:
    """Return when the number may have the asker's code after this one.

    Raises:
        RateLimited: It may not have this one yet.
    """
    rows = conn.execute(
        select(Verification.started_at, Verification.session, Verification.network)
        .where(Verification.phone_key == key, Verification.started_at > now - _LONGEST)
        .order_by(Verification.started_at)
    ).all()
    of_all = [row.started_at for row in rows]
    of_one = [row.started_at for row in rows if asker.asked(row)]
    free_at = _free_at(of_all, of_one, now)
    if free_at > now:
        wait = int((free_at - now).total_seconds()) + 1
        raise RateLimited("Too many codes to this number.", retry_after=wait)
    return _free_at([*of_all, now], [*of_one, now], now)


def _free_at(of_all: list[datetime], of_one: list[datetime], now: datetime) -> datetime:
    """Return when there is room for one more, `now` at the earliest; times are in order."""
    free_at = [now]
    for limit in LIMITS:
        had_none = not of_one or of_one[-1] <= now - limit.span
        room = limit.of_all if had_none else limit.of_all - limit.kept
        for starts, most in ((of_all, room), (of_one, limit.of_one)):
            if len(starts) >= most:
                free_at.append(starts[-most] + limit.span)
    return max(free_at)


@dataclass(frozen=True, slots=True)
class CountedCheck:
    """A check that was counted.

    Attributes:
        sid: The verification to check against: the number's newest.
        left: How many more the session has.
        newest: The row that it was counted on for all.
        own: The row that it was counted on for the session.
        channel: Which way the session's newest code went.
    """

    sid: str
    left: int
    newest: uuid.UUID
    own: uuid.UUID
    channel: Channel


def count_check(key: str, asker: Asker, *, by_mail: bool = False) -> CountedCheck | None:
    """Count one check of a number's newest code; None where its session has asked for none.

    With `by_mail` of the newest to its owner's e-mail address.

    Raises:
        RateLimited: The session, or all together, have entered too many wrong ones.
    """
    with db.engine.begin() as conn:
        phones.lock(conn, [key])
        rows = _open(conn, key, database_now(conn), by_mail=by_mail)
        own = _of_session(rows, asker)
        if not own:
            return None
        left = _left(rows, own)
        if left == 0:
            raise RateLimited(
                verification_errors.TOO_MANY_CHECKS, retry_after=int(VALID_FOR.total_seconds())
            )
        newest, last = rows[-1], own[-1]
        counted = CountedCheck(newest.verify_sid, left - 1, newest.id, last.id, last.channel)
        _add(conn, counted, 1)
        return counted


def give_back_check(key: str, counted: CountedCheck) -> None:
    """Take back one check that was counted: an outage is not a wrong code."""
    with db.engine.begin() as conn:
        phones.lock(conn, [key])
        _add(conn, counted, -1)


def note_spent(key: str, counted: CountedCheck) -> None:
    """Write down that Twilio takes no more codes for a verification, whatever we have counted."""
    with db.engine.begin() as conn:
        phones.lock(conn, [key])
        _set(conn, counted.newest, checks=TWILIO_CHECKS)


def checks_left(conn: Connection, key: str, asker: Asker, now: datetime) -> int | None:
    """Return how many checks a session has left; None where no code of its is open."""
    rows = _open(conn, key, now, by_mail=False)
    own = _of_session(rows, asker)
    return _left(rows, own) if own else None


def spent(conn: Connection, key: str, now: datetime, *, by_mail: bool) -> str | None:
    """Return the SID of the number's newest verification where its checks are used up.

    Twilio would send its code again, with what is left of its five checks: it has to be canceled
    before there can be a new one.
    """
    rows = _open(conn, key, now, by_mail=by_mail)
    return rows[-1].verify_sid if rows and _used(rows) >= MAX_CHECKS else None


def _open(conn: Connection, key: str, now: datetime, *, by_mail: bool) -> Sequence[Any]:
    """Return the rows of codes to a number that may still be approved, the newest last.

    Or of those to its owner's e-mail address, for they prove another thing.
    """
    is_mail = Verification.channel == Channel.EMAIL
    return conn.execute(
        select(
            Verification.id,
            Verification.verify_sid,
            Verification.session,
            Verification.checks,
            Verification.session_checks,
            Verification.channel,
        )
        .where(
            is_mail if by_mail else ~is_mail,
            Verification.phone_key == key,
            Verification.verify_sid.is_not(None),
            Verification.approved_at.is_(None),
            Verification.started_at > now - VALID_FOR,
        )
        .order_by(Verification.started_at)
    ).all()


def _of_session(rows: Sequence[Any], asker: Asker) -> Sequence[Any]:
    """Return those of a session; what older code wrote names none and is anybody's."""
    return [row for row in rows if row.session in (asker.session, None)]


def _used(rows: Sequence[Any]) -> int:
    """Return how many checks of the newest verification are used up: all its codes share them."""
    return sum(int(row.checks) for row in rows if row.verify_sid == rows[-1].verify_sid)


def _left(rows: Sequence[Any], own: Sequence[Any]) -> int:
    """Return how many checks a session has left: of its four, and of the five of the newest."""
    used = sum(int(row.session_checks) for row in own if row.verify_sid == own[-1].verify_sid)
    return max(0, min(MAX_CHECKS - used, TWILIO_CHECKS - _used(rows)))


def _add(conn: Connection, counted: CountedCheck, number: int) -> None:
    """Count so many checks for all, and for the session."""
    _set(conn, counted.newest, checks=Verification.checks + number)
    _set(conn, counted.own, session_checks=Verification.session_checks + number)


def _set(conn: Connection, row: uuid.UUID, **values: Any) -> None:
    conn.execute(update(Verification).where(Verification.id == row).values(**values))
