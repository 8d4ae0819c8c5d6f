"""Fraudsters ask for codes to numbers that earn them money by the text, and never enter one."""

import logging
from datetime import datetime, timedelta

import phonenumbers
from sqlalchemy import Connection, func, select

from smsapp import metrics
from smsapp.errors import RateLimited
from smsapp.extensions import settings
from smsapp.models import Verification

log = logging.getLogger(__name__)


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
