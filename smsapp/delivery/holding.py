"""Whose fault a refusal is, and what is held for it: the sender, a country, or nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from smsapp.delivery import circuit_breaker, country_holds
from smsapp.delivery.call_results import CallResult
from smsapp.models import Attempt, CallOutcome, Channel, Delivery, Phone
from smsapp.providers.messages import Sent
from smsapp.providers.outcomes import Refused
from smsapp.providers.twilio_errors import ErrorClass

# So many attempts are searched for one to another number.
MAX_SEARCHED = 1000

_LATEST = (
    select(Attempt)
    .where(Attempt.channel != Channel.TEST)
    .order_by(Attempt.id.desc())
    .limit(MAX_SEARCHED)
    .subquery()
)
# How the last call went that was answered, of those to other numbers.
_TO_ANOTHER = (
    select(_LATEST.c.outcome, _LATEST.c.error_code, _LATEST.c.trouble)
    .join(Delivery, Delivery.id == _LATEST.c.delivery_id)
    .where(
        _LATEST.c.channel == bindparam("channel"),
        _LATEST.c.outcome.in_([CallOutcome.ACCEPTED, CallOutcome.REFUSED]),
        Delivery.phone_key != bindparam("phone_key"),
    )
    .order_by(_LATEST.c.id.desc())
    .limit(1)
)
_TO_ANOTHER_THERE = _TO_ANOTHER.join(Phone, Phone.phone_key == Delivery.phone_key).where(
    Phone.country == bindparam("country")
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a call's outcome did to the circuit breakers.

    Attributes:
        until: When its delivery, which waits unspent, is due again; None where nothing holds it.
        news: The sender, or the country, was not held before for this.
        closed: What was held works again.
        country: Which country this is about; None for the sender as a whole.
    """

    until: datetime | None = None
    news: bool = False
    closed: bool = False
    country: str | None = None


def hold_or_release(conn: Connection, result: CallResult, now: datetime) -> Held:
    """Hold what a refusal is about, or let go on what a call shows to work again."""
    claim, name, meaning = result.claim, result.claim.sender, result.meaning
    if isinstance(result.outcome, Refused) and meaning:
        code = result.code or result.outcome.http_status
        if meaning.holds_sender or (meaning.suspects_sender and _met_by_another(conn, result)):
            return Held(now, news=circuit_breaker.trip(conn, name, code, now))
        if meaning.holds_country and not _works_for_another(conn, result):
            until, news = country_holds.trip(conn, name, claim.country, code, now)
            return Held(until, news=news, country=claim.country)
    passing = {ErrorClass.TRANSIENT, ErrorClass.UNKNOWN}
    if claim.is_half_open and not (meaning and meaning.error_class in passing):
        return Held(closed=circuit_breaker.close(conn, name))
    if claim.tries_country and isinstance(result.outcome, Sent):
        closed = country_holds.close(conn, name, claim.channel, claim.country, now)
        return Held(closed=closed, country=claim.country)
    return Held()


def _met_by_another(conn: Connection, result: CallResult) -> bool:
    """Whether the last text to another number was refused alike: then it is hardly the numbers'."""
    claim = result.claim
    which = {"channel": claim.channel, "phone_key": claim.phone_key}
    last = conn.execute(_TO_ANOTHER, which).first()
    alike = (CallOutcome.REFUSED, result.code, result.trouble)
    return last is not None and (last.outcome, last.error_code, last.trouble) == alike


def _works_for_another(conn: Connection, result: CallResult) -> bool:
    """Whether the last text to another number of the country was taken: then it is this number."""
    claim = result.claim
    which = {"channel": claim.channel, "phone_key": claim.phone_key, "country": claim.country}
    last = conn.execute(_TO_ANOTHER_THERE, which).first()
    return last is not None and last.outcome is CallOutcome.ACCEPTED
