"""Fraudsters ask for codes to numbers that earn them money by the text, and never enter one.

Nobody is refused for what others do. Where the codes to numbers that begin alike are not entered,
whoever asks for one there has a small sum done by their browser first; and a network whose own
codes are not entered waits between them, and has larger sums. What that doesn't stop, the budget
does (code_budget.py).
"""

import logging
from datetime import datetime, timedelta

import phonenumbers
from sqlalchemy import Connection, func, select

from smsapp import backoff, metrics
from smsapp.errors import ProofRequired, RateLimited
from smsapp.extensions import settings
from smsapp.models import Channel, Verification
from smsapp.recipients.asker import Asker

log = logging.getLogger(__name__)

# A code that was not entered weighs as much as two that were: so a few approvals clear no prefix,
# and where two codes in three are entered nobody is asked for anything.
ENTERED_FOR_ONE_NOT = 2
# Codes to numbers that begin alike that a network may leave, before it waits between them.
MAY_LEAVE = 6
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(minutes=15)

# Each bit doubles a sum. With the least, a phone is busy for a second or two (web/pages/proof.py).
LEAST_BITS = 8
MOST_BITS = 14


def ask_for_more(
    conn: Connection,
    prefix: str,
    channel: Channel,
    asker: Asker,
    paid_bits: int,
    now: datetime,
) -> None:
    """Let a code go that is paid for, or to a prefix where that need not be.

    Args:
        conn: The transaction that counts the code.
        prefix: Whose numbers they are (prefix_of).
        channel: Which way it is to go; all count alike.
        asker: Who asks. An API key's codes are neither asked about nor counted here.
        paid_bits: How large a sum the asker's browser has done for this number; 0 for none.
        now: The database's time.

    Raises:
        RateLimited: The network has to wait.
        ProofRequired: With the size of the sum.
    """
    if asker.is_service:
        return
    config = settings()
    here = Verification.network == asker.network
    row = conn.execute(
        select(
            func.count().label("sent"),
            func.count(Verification.approved_at).label("entered"),
            func.count().filter(here).label("sent_here"),
            func.count(Verification.approved_at).filter(here).label("entered_here"),
            func.max(Verification.started_at).filter(here).label("last_here"),
        ).where(
            Verification.prefix == prefix,
            Verification.network.is_not(None),
            Verification.started_at > now - timedelta(minutes=config.pumping_window_minutes),
        )
    ).one()
    left_here = left(row.sent_here, row.entered_here)
    if left_here >= MAY_LEAVE:
        tries = left_here - MAY_LEAVE + 1
        free_at = row.last_here + backoff.exponential(tries, FIRST_WAIT, LONGEST_WAIT)
        if free_at > now:
            _note(prefix, channel)
            wait = int((free_at - now).total_seconds()) + 1
            raise RateLimited("Too many codes that were not entered.", retry_after=wait)
    if left(row.sent, row.entered) >= config.pumping_min_starts:
        bits = min(LEAST_BITS + max(0, left_here), MOST_BITS)
        if paid_bits < bits:
            _note(prefix, channel)
            raise ProofRequired(bits)


def left(sent: int, entered: int) -> int:
    """Return how many more codes were not entered than the entered ones make up for."""
    return sent - entered - entered // ENTERED_FOR_ONE_NOT


def prefix_of(e164: str) -> str:
    """Return a number's country code and the next three digits: whose numbers they are."""
    number = phonenumbers.parse(e164)
    return f"+{number.country_code}{phonenumbers.national_significant_number(number)[:3]}"


def _note(prefix: str, channel: Channel) -> None:
    metrics.count(metrics.VERIFICATIONS, "pumping", channel)
    log.warning("many codes to a prefix are not entered", extra={"prefix": prefix})
