"""How often codes are sent to a number, and to numbers like it.

Counted in the database, so
that a restart forgets nothing.
"""

import logging
from datetime import datetime, timedelta

import phonenumbers
from sqlalchemy import Connection, func, select

from smsapp import metrics
from smsapp.errors import RateLimited
from smsapp.extensions import settings
from smsapp.models import Verification

log = logging.getLogger(__name__)

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
