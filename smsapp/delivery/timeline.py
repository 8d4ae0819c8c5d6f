"""One delivery with all that happened to it, for whoever asks what became of a text."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select

from smsapp.delivery import restore, retry
from smsapp.delivery.settle import HELD_BACK, RESTORED, UNKNOWN, UNWRITTEN
from smsapp.delivery.states import STOPPED
from smsapp.extensions import reading_objects
from smsapp.models import Attempt, AttemptState, CallOutcome, Delivery, Phone, Receipt
from smsapp.providers.twilio_errors import ErrorMeaning, meaning


@dataclass(frozen=True, slots=True)
class Step:
    """One status with its time and who said so.

    `source` is api (the event came in), request or worker (we called Twilio), twilio (its answer
    to the call), receipt (its callback) or smsapp (we decided).
    """

    at: datetime
    status: str
    source: str
    attempt: int | None = None
    error_code: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A delivery, the number it is to, its attempts by number, and its steps by time."""

    delivery: Delivery
    phone: Phone
    attempts: list[Attempt]
    steps: list[Step]


def of_delivery(delivery_id: uuid.UUID) -> Trace | None:
    """Return the trace of a delivery."""
    return _trace(Delivery.id == delivery_id)


def of_event(kind: str, event_id: str) -> Trace | None:
    """Return the trace of the delivery of an event."""
    return _trace((Delivery.kind == kind) & (Delivery.event_id == event_id))


def of_message(sid: str) -> Trace | None:
    """Return the trace of the delivery that a Message SID belongs to."""
    owner = select(Attempt.delivery_id).where(Attempt.sid == sid).scalar_subquery()
    return _trace(Delivery.id == owner)


def trouble_of(attempt: Attempt) -> ErrorMeaning | None:
    """Return what went wrong with an attempt, in plain words; None where nothing did."""
    if attempt.error_code:
        return meaning(attempt.error_code)
    if attempt.state is AttemptState.UNKNOWN:
        return RESTORED if attempt.trouble == restore.RESTORED else UNKNOWN
    if attempt.outcome is CallOutcome.UNWRITTEN:
        return HELD_BACK if attempt.trouble in retry.HELD_BACK else UNWRITTEN
    if attempt.outcome is CallOutcome.REFUSED and attempt.trouble:
        return meaning(None, int(attempt.trouble.removeprefix("http_")))
    if attempt.state in {AttemptState.FAILED, AttemptState.UNDELIVERED}:
        return meaning(None)
    return None


def _trace(which: ColumnElement[bool]) -> Trace | None:
    with reading_objects() as rows:
        found = rows.execute(
            select(Delivery, Phone).join(Phone, Phone.phone_key == Delivery.phone_key).where(which)
        ).one_or_none()
        if found is None:
            return None
        delivery, phone = found
        attempts = list(
            rows.scalars(
                select(Attempt).where(Attempt.delivery_id == delivery.id).order_by(Attempt.number)
            )
        )
        receipts = list(
            rows.scalars(
                select(Receipt)
                .where(Receipt.attempt_id.in_([attempt.id for attempt in attempts]))
                .order_by(Receipt.received_at)
            )
        )
    steps = sorted(_steps(delivery, attempts, receipts), key=lambda step: step.at)
    return Trace(delivery, phone, attempts, steps)


def _steps(delivery: Delivery, attempts: list[Attempt], receipts: list[Receipt]) -> Iterator[Step]:
    yield Step(delivery.created_at, "accepted", "api")
    for attempt in attempts:
        yield Step(attempt.started_at, "sending", attempt.source, attempt.number)
        if attempt.settled_at and attempt.outcome:
            refused = attempt.outcome is CallOutcome.REFUSED
            yield Step(
                attempt.settled_at,
                attempt.outcome,
                "twilio",
                attempt.number,
                error_code=attempt.error_code if refused else None,
                reason=attempt.trouble,
            )
    numbers = {attempt.id: attempt.number for attempt in attempts}
    for receipt in receipts:
        yield Step(
            receipt.received_at,
            receipt.status,
            "receipt",
            numbers[receipt.attempt_id],
            error_code=receipt.error_code or None,
        )
    if delivery.reason or delivery.state in STOPPED:
        yield Step(delivery.state_at, delivery.state, "smsapp", reason=delivery.reason)
