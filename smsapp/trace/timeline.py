"""One delivery with all that happened to it, for whoever asks what became of a text."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from smsapp.delivery import channels, reconcile, restore, retry, sender
from smsapp.delivery.call_results import HELD_BACK, NEVER_TAKEN, RESTORED, UNKNOWN, UNWRITTEN
from smsapp.delivery.channels import CHANNELS
from smsapp.delivery.sender import SenderState
from smsapp.extensions import reading_objects
from smsapp.models import (
    Attempt,
    AttemptState,
    Audit,
    CallOutcome,
    Channel,
    Consent,
    Delivery,
    Inbound,
    Operator,
    OptOut,
    Phone,
    Receipt,
    RejectedReceipt,
)
from smsapp.providers.twilio_errors import ErrorMeaning
from smsapp.trace import words_of_mail
from smsapp.trace.steps import History, Step, steps

_OF_MAIL = {
    CallOutcome.UNKNOWN: words_of_mail.UNKNOWN,
    CallOutcome.UNWRITTEN: words_of_mail.UNWRITTEN,
}

# Later texts from the number that a timeline shows; its own page has all of them.
MAX_TEXTS = 20


@dataclass(frozen=True, slots=True)
class Trace:
    """A delivery, the number it is to, its attempts by number, and its steps by time.

    `sender_state` says whether texts wait for our sender as a whole: held by Twilio, or paused.
    `opt_out` is the number's opt-out that is in force; None without one.
    """

    delivery: Delivery
    phone: Phone
    attempts: Sequence[Attempt]
    steps: list[Step]
    sender_state: SenderState
    opt_out: OptOut | None


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
    if attempt.state is AttemptState.UNKNOWN and attempt.trouble == reconcile.ABSENT:
        return NEVER_TAKEN
    if attempt.error_code:
        return CHANNELS[attempt.channel].meaning(attempt.error_code)
    if attempt.channel is Channel.EMAIL and attempt.outcome in _OF_MAIL:
        return HELD_BACK if attempt.trouble in retry.HELD_BACK else _OF_MAIL[attempt.outcome]
    if attempt.state is AttemptState.UNKNOWN:
        return RESTORED if attempt.trouble == restore.RESTORED else UNKNOWN
    if attempt.outcome is CallOutcome.UNWRITTEN:
        return HELD_BACK if attempt.trouble in retry.HELD_BACK else UNWRITTEN
    if attempt.outcome is CallOutcome.REFUSED and attempt.trouble:
        return CHANNELS[attempt.channel].meaning(None, int(attempt.trouble.removeprefix("http_")))
    if attempt.state in {AttemptState.FAILED, AttemptState.UNDELIVERED}:
        return CHANNELS[attempt.channel].meaning(None)
    return None


def _trace(which: ColumnElement[bool]) -> Trace | None:
    with reading_objects() as rows:
        found = rows.execute(
            select(Delivery, Phone).join(Phone, Phone.phone_key == Delivery.phone_key).where(which)
        ).one_or_none()
        if found is None:
            return None
        delivery, phone = found
        happened = _happened(rows, delivery)
        sender_state = sender.read_state(
            rows.connection(), channels.sender_of(delivery.channel).name
        )
    stop = next((out for out in happened.opt_outs if out.lifted_at is None), None)
    return Trace(delivery, phone, happened.attempts, steps(delivery, happened), sender_state, stop)


def _happened(rows: Session, delivery: Delivery) -> History:
    key, since = delivery.phone_key, delivery.created_at
    attempts = rows.scalars(
        select(Attempt).where(Attempt.delivery_id == delivery.id).order_by(Attempt.number)
    ).all()
    ids = [attempt.id for attempt in attempts]
    return History(
        attempts,
        rows.scalars(
            select(Receipt).where(Receipt.attempt_id.in_(ids)).order_by(Receipt.received_at)
        ).all(),
        rows.scalars(
            select(RejectedReceipt)
            .where(RejectedReceipt.attempt_id.in_(ids))
            .order_by(RejectedReceipt.received_at)
        ).all(),
        rows.execute(
            select(Consent.__table__)
            .where(Consent.phone_key == key, Consent.purpose == delivery.purpose)
            .order_by(Consent.seq)
        ).all(),
        rows.scalars(select(OptOut).where(OptOut.phone_key == key).order_by(OptOut.id)).all(),
        rows.scalars(
            select(Inbound)
            .where(Inbound.phone_key == key, Inbound.received_at >= since)
            .order_by(Inbound.received_at)
            .limit(MAX_TEXTS)
        ).all(),
        rows.execute(
            select(Audit, Operator.name)
            .join(Operator, Operator.id == Audit.operator_id)
            .where(Audit.delivery_id == delivery.id)
            .order_by(Audit.id)
        ).all(),
    )
