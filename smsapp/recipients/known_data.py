"""All that is known about one customer, for themselves or as evidence."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from smsapp.extensions import reading
from smsapp.models import (
    AppointmentEvent,
    Batch,
    BatchRow,
    Consent,
    Delivery,
    Inbound,
    OnCallPerson,
    OptOut,
    Phone,
    Verification,
)
from smsapp.recipients import consent


def about(phone_key: str) -> dict[str, Any]:
    """Return all that is known about a customer, as JSON, for themselves."""
    lists = {
        "consents": consent.with_words(phone_key).order_by(Consent.seq),
        "optOuts": select(OptOut.source, OptOut.created_at, OptOut.lifted_at)
        .where(OptOut.phone_key == phone_key)
        .order_by(OptOut.created_at),
        "texts": select(
            Delivery.kind,
            Delivery.subject,
            Delivery.body,
            Delivery.blanked_at,
            Delivery.state.label("status"),
            Delivery.created_at,
        )
        .where(Delivery.phone_key == phone_key)
        .order_by(Delivery.created_at),
        "appointments": select(
            Delivery.subject.label("appointmentId"),
            AppointmentEvent.starts_at,
            AppointmentEvent.place,
            AppointmentEvent.confirmed_at,
        )
        .join(Delivery, Delivery.id == AppointmentEvent.delivery_id)
        .where(Delivery.phone_key == phone_key)
        .order_by(Delivery.created_at),
        "planned": select(Batch.kind, BatchRow.fields, Batch.created_at)
        .join(Batch, Batch.id == BatchRow.batch_id)
        .where(BatchRow.phone_key == phone_key, BatchRow.fields.is_not(None))
        .order_by(Batch.created_at),
        "textsFromYou": select(
            Inbound.body, Inbound.blanked_at, Inbound.keyword, Inbound.received_at
        )
        .where(Inbound.phone_key == phone_key)
        .order_by(Inbound.received_at),
        "onCall": select(
            OnCallPerson.name, OnCallPerson.added_at, OnCallPerson.verified_at, OnCallPerson.left_at
        )
        .where(OnCallPerson.phone_key == phone_key)
        .order_by(OnCallPerson.id),
        "verifications": select(
            Verification.channel, Verification.started_at, Verification.approved_at
        )
        .where(Verification.phone_key == phone_key)
        .order_by(Verification.started_at),
    }
    with reading() as conn:
        phone = conn.execute(select(Phone.__table__).where(Phone.phone_key == phone_key)).one()
        return {
            "phone": phone.e164,
            "country": phone.country,
            "firstSeenAt": phone.created_at.isoformat(),
            "verifiedAt": phone.verified_at and phone.verified_at.isoformat(),
            "email": phone.email,
            "emailSince": phone.email_at and phone.email_at.isoformat(),
            "emailFromYou": phone.email_is_own,
            "emailToConfirm": phone.email_to_confirm,
        } | {name: _as_json(conn, query) for name, query in lists.items()}


def _as_json(conn: Connection, query: Any) -> list[dict[str, Any]]:
    return [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in row._mapping.items()
        }
        for row in conn.execute(query)
    ]
