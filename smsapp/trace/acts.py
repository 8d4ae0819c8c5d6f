"""What an operator may do to a delivery or a number. Each act is one commit with its audit row.

The number is locked before its delivery, as everywhere.
"""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, update

from smsapp import audit
from smsapp.delivery import canceling, stopping
from smsapp.errors import SmsappError, TooLate
from smsapp.extensions import database_now, db, settings
from smsapp.models import Act, Attempt, AttemptState, Delivery, DeliveryState, OptOutSource, Phone
from smsapp.recipients import permission, phones
from smsapp.recipients.refusals import REFUSALS
from smsapp.trace.status_text import TITLES


class NotDone(SmsappError):
    """An act came too late, or may not be done; its text says which, for the operator."""

    code, status = "not_done", 409
    message = "That cannot be done. Nothing was changed."


@dataclass(frozen=True, slots=True)
class Again:
    """Whether a delivery may be sent again: why not, or None; and if it may then arrive twice."""

    refusal: str | None
    may_arrive_twice: bool = False


def again(delivery: Any, phone: Any, attempts: list[AttemptState]) -> Again:
    """Return whether a delivery in this state, with attempts in these, may be sent again."""
    if delivery.state in _WHY_NOT:
        return Again(_WHY_NOT[delivery.state])
    if phone.e164 is None:
        return Again(f"It cannot be sent again: {_gone(phone)}.")
    if not delivery.body:
        return Again("It cannot be sent again: its words are not kept any more.")
    # Any other attempt may have put a text on the customer's phone, whatever we were told.
    return Again(None, any(state is not AttemptState.FAILED for state in attempts))


def _gone(phone: Any) -> str:
    """Return why a number is not here any more."""
    if phone.forgotten_at:
        return "nobody had used its number for so long that it was forgotten"
    return "the customer was erased, and the number with them"


# What is on its way is not sent again, nor what arrived; of what is `sent` Twilio will say more.
_WHY_NOT = {
    DeliveryState.PENDING: "It is waiting to be sent anyway.",
    DeliveryState.SENDING: "It is being sent at this moment.",
    DeliveryState.SENT: (
        "It is not offered to be sent again: Twilio has it, and it would arrive twice."
    ),
    DeliveryState.DELIVERED: "It is not offered to be sent again: it has arrived.",
    DeliveryState.READ: "It is not offered to be sent again: it has been read.",
}


def send_again(
    delivery_id: uuid.UUID, operator_id: int, seen: str, max_age: timedelta, *, twice_accepted: bool
) -> None:
    """Let a delivery wait for a sender again, with a fresh allowance of attempts.

    Permission is asked now, and again when it leaves.

    Args:
        delivery_id: Which delivery.
        operator_id: Who does it.
        seen: The state that the operator decided by.
        max_age: How long it matters from now on.
        twice_accepted: Whether the operator accepts that the text may arrive twice.

    Raises:
        NotDone: It is in another state by now, or may not go.
    """
    with db.engine.begin() as conn:
        delivery, phone = _alone_with(conn, delivery_id)
        if delivery.state != seen:
            raise NotDone(
                "Nothing was done, for it has changed meanwhile: it is "
                f"“{TITLES[delivery.state]}” now. See below, and decide again."
            )
        states = select(Attempt.state).where(Attempt.delivery_id == delivery_id)
        verdict = again(delivery, phone, list(conn.scalars(states)))
        if verdict.refusal:
            raise NotDone(verdict.refusal)
        if verdict.may_arrive_twice and not twice_accepted:
            raise NotDone(
                "Nothing was sent. It may arrive twice, so you have to tick that you accept it."
            )
        known = permission.consent_states(
            conn, {delivery.phone_key: phone.e164}, settings().allowed_recipients
        )[delivery.phone_key]
        reason = permission.may_text(
            known, delivery.purpose, brings_consent=delivery.consent_at is not None
        ).refusal
        if reason:
            refusal = REFUSALS[reason]
            raise NotDone(f"Nothing was sent. {refusal.cause} {refusal.next_step}")
        now = database_now(conn)
        _set(
            conn,
            delivery_id,
            now,
            state=DeliveryState.PENDING,
            due_at=now,
            expires_at=now + max_age,
            reason=None,
            canceled_by=None,
            error_code=None,
            tries=0,
            undelivered=0,
            check_at=None,
            absent_since=None,
        )
        why = f"was {delivery.state}{', may arrive twice' if verdict.may_arrive_twice else ''}"
        audit.write(conn, operator_id, Act.SENT_AGAIN, delivery.phone_key, delivery_id, why)


def cancel(delivery_id: uuid.UUID, operator_id: int) -> None:
    """Cancel a delivery that waits to be sent.

    Raises:
        NotDone: It does not wait any more.
    """
    with db.engine.begin() as conn:
        try:
            phone_key = canceling.cancel_within(conn, delivery_id)
        except TooLate as late:
            raise NotDone(
                "It was too late to cancel it: meanwhile its state is "
                f"“{TITLES[DeliveryState(late.state)]}”. Nothing was changed."
            ) from None
        audit.write(conn, operator_id, Act.CANCELED, phone_key, delivery_id)


def opt_out(phone_key: str, operator_id: int, delivery_id: uuid.UUID | None = None) -> None:
    """Stop all texts to a number."""
    with db.engine.begin() as conn:
        phones.lock(conn, [phone_key])
        stopping.stop_within(conn, phone_key, OptOutSource.OPERATOR, database_now(conn))
        audit.write(conn, operator_id, Act.OPTED_OUT, phone_key, delivery_id)


def show_number(
    phone_key: str, operator_id: int, why: str, delivery_id: uuid.UUID | None = None
) -> str | None:
    """Return a whole number, once it is written down who saw it and why; None for an erased one.

    Raises:
        NotDone: No reason was given.
    """
    if not is_reason(why):
        raise NotDone(
            "Say why you need the number, in a few words: they are written to the audit trail."
        )
    with db.engine.begin() as conn:
        phones.lock(conn, [phone_key])
        e164 = phones.number_of(conn, phone_key)
        if e164:
            audit.write(conn, operator_id, Act.SHOWN, phone_key, delivery_id, why.strip())
    return e164


def is_reason(why: str) -> bool:
    """Whether somebody wrote a reason rather than what lets them past: "asdf", "xx xx xx xx"."""
    words = set(re.findall(r"\w{2,}", why.casefold()))
    return len(why.strip()) >= MIN_REASON and len(words) >= 2 and len(set("".join(words))) >= 6


MIN_REASON = 10  # characters


def _alone_with(conn: Connection, delivery_id: uuid.UUID) -> tuple[Any, Any]:
    """Lock a delivery's number, then the delivery; return both rows.

    Raises:
        NotDone: There is no such delivery.
    """
    key = conn.scalar(select(Delivery.phone_key).where(Delivery.id == delivery_id))
    if key is None:
        raise NotDone("There is no such delivery.")
    phones.lock(conn, [key])
    delivery = conn.execute(
        select(Delivery.__table__).where(Delivery.id == delivery_id).with_for_update()
    ).one()
    return delivery, conn.execute(select(Phone.__table__).where(Phone.phone_key == key)).one()


def _set(conn: Connection, delivery_id: uuid.UUID, now: datetime, **values: Any) -> None:
    conn.execute(update(Delivery).where(Delivery.id == delivery_id).values(state_at=now, **values))
