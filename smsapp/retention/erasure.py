"""Erasing one person who asks for it, everywhere and at once."""

import logging
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update

from smsapp.delivery.states import ON_ITS_WAY
from smsapp.extensions import database_now, db
from smsapp.models import (
    BatchRow,
    ConsentEvidence,
    ConsentSource,
    Delivery,
    DeliveryState,
    Handover,
    Inbound,
    OnCallPerson,
    Phone,
    Reason,
    RotaOverride,
    RowState,
)
from smsapp.recipients import customers, mail, phones
from smsapp.recipients.customers import Visitor
from smsapp.retention import at_twilio, places

log = logging.getLogger(__name__)


def erase(visitor: Visitor, source: ConsentSource = ConsentSource.PAGE) -> None:
    """Erase a person: the number, the address, the texts, the evidence; end their sessions.

    And what test keys wrote to the number, which stands under a key of its own.

    Withdrawals are appended for every purpose. The ledger, the counts and above all an opt-out
    stay, under a key that only whoever has PHONE_KEY can try numbers against.
    """
    with db.engine.begin() as conn:
        phones.lock(conn, [visitor.phone_key, *_of_tests(conn, visitor.phone_key)])
        erase_within(conn, visitor, source, database_now(conn))
    log.info("erased", extra={"phone_key": visitor.phone_key, "source": source})


def erase_within(conn: Connection, visitor: Visitor, source: ConsentSource, now: datetime) -> None:
    """Do so as a part of a transaction that is alone with the number (phones.lock)."""
    for key in (visitor.phone_key, *_of_tests(conn, visitor.phone_key)):
        customers.withdraw_all(conn, replace(visitor, phone_key=key), source, now)
        _erase(conn, key, now)


def _of_tests(conn: Connection, phone_key: str) -> list[str]:
    """Return the key under which test keys wrote to a person's number, if any did."""
    number = select(Phone.e164).where(Phone.phone_key == phone_key).scalar_subquery()
    theirs = select(Phone.phone_key).where(Phone.e164 == number, Phone.is_test)
    return [key for key in conn.scalars(theirs) if key != phone_key]


def _erase(conn: Connection, key: str, now: datetime) -> None:
    conn.execute(
        update(Phone)
        .where(Phone.phone_key == key)
        .values(
            mail.NONE
            | {
                "e164": None,
                "forgotten_at": None,
                "erased_at": now,
                "sessions_since": now,
                "verified_at": None,
            }
        )
    )
    theirs = Delivery.phone_key == key
    # Everyone who moves several deliveries locks them in this order.
    ids = list(
        conn.execute(
            select(Delivery.id).where(theirs).order_by(Delivery.id).with_for_update()
        ).scalars()
    )
    conn.execute(
        update(Delivery)
        .where(theirs, Delivery.state == DeliveryState.PENDING)
        .values(
            state=DeliveryState.SUPPRESSED,
            state_at=now,
            reason=Reason.CONSENT_WITHDRAWN,
            due_at=None,
        )
    )
    # What is being sent may come back to be sent again. It must not be, for it has no body any
    # more, not even if they have come back and agreed meanwhile.
    conn.execute(update(Delivery).where(theirs, Delivery.expires_at > now).values(expires_at=now))
    conn.execute(update(Delivery).where(theirs).values(body="", metadata=None, variables=None))
    conn.execute(places.forget(ids))
    # What is being sent has no SID yet: bodies.py counts it as blanked, and has it blanked at
    # Twilio too, once it is over.
    done_with = Delivery.state.not_in(ON_ITS_WAY) & Delivery.blanked_at.is_(None)
    conn.execute(update(Delivery).where(theirs, done_with).values(blanked_at=now))
    # Batches that wait have something of them too.
    in_batches = update(BatchRow).where(BatchRow.phone_key == key, BatchRow.fields.is_not(None))
    conn.execute(in_batches.values(fields=None, state=RowState.GONE, due_at=None))
    from_them = Inbound.phone_key == key
    at_twilio.enqueue(conn, at_twilio.of_deliveries(ids), now)
    at_twilio.enqueue(conn, select(Inbound.sid).where(from_them), now)
    at_twilio.forget_media(conn, select(Inbound.sid).where(from_them), now)
    conn.execute(
        update(Inbound)
        .where(from_them, Inbound.blanked_at.is_(None))
        .values(body="", blanked_at=now)
    )
    conn.execute(delete(ConsentEvidence).where(ConsentEvidence.phone_key == key))
    _take_off_call(conn, key, now)


def _take_off_call(conn: Connection, key: str, now: datetime) -> None:
    """Page them no more, and forget what they were called there."""
    theirs = select(OnCallPerson.id).where(OnCallPerson.phone_key == key)
    for table in (Handover, RotaOverride):
        conn.execute(delete(table).where(table.person_id.in_(theirs)))
    person = update(OnCallPerson).where(OnCallPerson.phone_key == key)
    left_at = func.coalesce(OnCallPerson.left_at, bindparam("now"))
    conn.execute(person.values(name="", left_at=left_at, bundle_at=None), {"now": now})
