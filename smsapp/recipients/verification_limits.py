"""How often codes are sent to a number, and to numbers like it, and how often one is checked.

Counted in the database, so that a restart forgets nothing.
"""

import logging
from datetime import datetime, timedelta

import phonenumbers
from sqlalchemy import ColumnElement, Connection, func, select, update

from smsapp import metrics
from smsapp.errors import RateLimited
from smsapp.extensions import database_now, db, settings
from smsapp.models import Verification
from smsapp.recipients import phones

log = logging.getLogger(__name__)

# Twilio takes five wrong codes; we stop before it does, so that a person meets our sentence and
# not its error.
MAX_CHECKS = 4
VALID_FOR = timedelta(minutes=10)
# Shortest span first. Twilio allows five codes in ten minutes; we stop before it does.
MAX_STARTS = ((timedelta(minutes=10), 3), (timedelta(days=1), 10))


def next_start(conn: Connection, key: str, now: datetime) -> datetime:
    """Return when the number may have the code after this one.

    Raises:
        RateLimited: It may not have this one yet.
    """
    longest = MAX_STARTS[-1][0]
    starts = list(
        conn.execute(
            select(Verification.started_at)
            .where(Verification.phone_key == key, Verification.started_at > now - longest)
            .order_by(Verification.started_at)
        ).scalars()
    )
    free_at = max(_free_at(starts, span, most) or now for span, most in MAX_STARTS)
    if free_at > now:
        wait = int((free_at - now).total_seconds()) + 1
        raise RateLimited("Too many codes to this number.", retry_after=wait)
    after = [*starts, now]
    return max(_free_at(after, span, most) or now for span, most in MAX_STARTS)


def _free_at(starts: list[datetime], span: timedelta, most: int) -> datetime | None:
    """Return when there is room for one more within `span`; None if there is now."""
    return starts[-most] + span if len(starts) >= most else None


def refuse_pumping(conn: Connection, prefix: str, now: datetime) -> None:
    """Refuse codes to a prefix whose starts grow while its approvals don't.

    Fraudsters ask for codes to numbers that earn them money by the text, and never enter one.
    """
    config = settings()
    since = now - timedelta(minutes=config.pumping_window_minutes)
    starts, approvals = conn.execute(
        select(func.count(), func.count(Verification.approved_at)).where(
            Verification.prefix == prefix, Verification.started_at > since
        )
    ).one()
    if starts < config.pumping_min_starts:
        return
    if approvals * 100 >= starts * config.pumping_min_approval_percent:
        return
    metrics.count(metrics.VERIFICATIONS, "pumping")
    log.warning("codes to a prefix refused: many asked for, few entered", extra={"prefix": prefix})
    raise RateLimited(
        "Too many codes to numbers like this one. Try again later.",
        retry_after=config.pumping_window_minutes * 60,
    )


def prefix_of(e164: str) -> str:
    """Return a number's country code and the next three digits: whose numbers they are."""
    number = phonenumbers.parse(e164)
    return f"+{number.country_code}{phonenumbers.national_significant_number(number)[:3]}"


def count_check(verify_sid: str, key: str) -> int | None:
    """Count one check; return how many that makes, or None where there is nothing to check.

    All codes of one verification share the count, as they do at Twilio.
    """
    with db.engine.begin() as conn:
        phones.lock(conn, [key])
        rows = conn.execute(
            select(Verification.id, Verification.checks)
            .where(*open_now(verify_sid, key, database_now(conn)))
            .order_by(Verification.started_at)
        ).all()
        if not rows:
            return None
        newest_row = rows[-1]
        conn.execute(
            update(Verification)
            .where(Verification.id == newest_row.id)
            .values(checks=newest_row.checks + 1)
        )
        return 1 + sum(int(row.checks) for row in rows)


def give_back_check(verify_sid: str, key: str) -> None:
    """Take back one check that was counted: an outage is not a wrong code."""
    with db.engine.begin() as conn:
        phones.lock(conn, [key])
        row_id = conn.execute(
            select(Verification.id)
            .where(*open_now(verify_sid, key, database_now(conn)), Verification.checks > 0)
            .limit(1)
        ).scalar_one_or_none()
        conn.execute(
            update(Verification)
            .where(Verification.id == row_id)
            .values(checks=Verification.checks - 1)
        )


def open_now(verify_sid: str, key: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    """Return what holds for the rows of a verification that may still be approved."""
    return (
        Verification.verify_sid == verify_sid,
        Verification.phone_key == key,
        Verification.approved_at.is_(None),
        Verification.started_at > now - VALID_FOR,
    )
