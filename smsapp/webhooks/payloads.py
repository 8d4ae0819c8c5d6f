"""What callers are told: the shapes of the data, and how they are read when a webhook is sent.

Whom it is about is told by a masked number, and by a key that is the same every time. What was
erased or blanked meanwhile is not told any more.
"""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, NotRequired

from pydantic import Field
from sqlalchemy import Connection, String, cast, select
from typing_extensions import TypedDict

from smsapp.models import (
    AppointmentEvent,
    Channel,
    Consent,
    Delivery,
    DeliveryState,
    Door,
    Inbound,
    Incident,
    OptOut,
    Phone,
    Reason,
    Severity,
)
from smsapp.phone import mask

Time = Annotated[
    str,
    Field(examples=["2026-06-02T09:00:00+00:00"], json_schema_extra={"format": "date-time"}),
]
Masked = Annotated[str | None, Field(description="Masked.", examples=["+*******0123"])]
Key = Annotated[
    str,
    Field(
        description="Stands for the number: the same person has the same one every time.",
        examples=["5f2b" * 16],
    ),
]


# What is read of somebody for it.
_PERSON = (Phone.phone_key, Phone.e164, Phone.is_test)


class OfPerson(TypedDict):
    """Whom it is about."""

    phone: Masked
    phoneKey: Key
    test: Annotated[
        bool,
        Field(
            description="Whether it is of a test key, and nothing left the app.", examples=[False]
        ),
    ]


class OfEvent(OfPerson):
    """The event whose delivery it is about."""

    deliveryId: Annotated[
        str,
        Field(
            examples=["01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e"],
            json_schema_extra={"format": "uuid"},
        ),
    ]
    kind: Annotated[str, Field(description="More may come.", examples=["order_shipped"])]
    eventId: Annotated[str, Field(examples=["event-1001"])]
    subject: Annotated[
        str, Field(description="What it is about, such as an order.", examples=["1001"])
    ]
    metadata: Annotated[
        dict[str, str], Field(description="The event's own.", examples=[{"cart": "77"}])
    ]


class DeliveryData(OfEvent):
    """What became of a delivery."""

    status: Annotated[DeliveryState, Field(examples=["delivered"])]
    channel: Channel
    reason: Annotated[Reason | None, Field(examples=[None])]
    errorCode: Annotated[int | None, Field(description="Twilio's.", examples=[None])]


class AppointmentData(OfEvent):
    """Whoever has the appointment said that they come."""

    startsAt: Time | None
    confirmedAt: Time


class ConsentData(OfPerson):
    """What somebody agreed to, or agrees to no more."""

    purpose: Annotated[str, Field(examples=["order_updates"])]
    source: Annotated[str, Field(examples=["page"])]


class OptOutData(OfPerson):
    """Whether somebody may be written to at all."""

    source: Annotated[
        str | None, Field(description="Where they said so; null: by text.", examples=["text"])
    ]


class MessageData(OfPerson):
    """What somebody wrote to us."""

    messageSid: Annotated[str, Field(examples=["SM00000000000000000000000000000001"])]
    channel: Channel
    keyword: Annotated[str | None, Field(description="stop, start or help.", examples=[None])]
    body: NotRequired[
        Annotated[
            str,
            Field(
                description="Only for an endpoint that asks for it, and as long as it is kept.",
                examples=["When does it come?"],
            ),
        ]
    ]


class IncidentData(TypedDict):
    """Who has taken an incident: a colleague, so their name is told."""

    incidentId: Annotated[
        str,
        Field(
            examples=["01a1fc1e-7c3e-7d5a-9d0b-6f1c2b3a4d5e"],
            json_schema_extra={"format": "uuid"},
        ),
    ]
    incidentKey: Annotated[str, Field(examples=["checkout-down"])]
    title: Annotated[str, Field(examples=["The checkout answers nobody"])]
    severity: Annotated[Severity, Field(examples=["critical"])]
    acknowledgedBy: Annotated[str | None, Field(examples=["Ann"])]
    via: Annotated[Door | None, Field(description="How they said so.", examples=["reply"])]


def of_deliveries(conn: Connection, rows: Sequence[Any]) -> dict[int, DeliveryData]:
    """Return the data of webhooks about deliveries, by their ids."""
    return {
        row.id: {
            **_event(found),
            "status": DeliveryState(row.type.partition(".")[2]),
            "channel": found.channel,
            "reason": Reason(row.reason) if row.reason else None,
            "errorCode": row.error_code,
        }
        for row, found in _found(rows, _deliveries(conn, rows))
    }


def of_appointments(conn: Connection, rows: Sequence[Any]) -> dict[int, AppointmentData]:
    """Return the data of webhooks about appointments, by their ids."""
    return {
        row.id: {
            **_event(found),
            "startsAt": found.starts_at and found.starts_at.isoformat(),
            "confirmedAt": row.occurred_at.isoformat(),
        }
        for row, found in _found(rows, _deliveries(conn, rows))
    }


def of_consents(conn: Connection, rows: Sequence[Any]) -> dict[int, ConsentData]:
    """Return the data of webhooks about the ledger, by their ids."""
    key = Consent.phone_key.concat(":").concat(cast(Consent.seq, String))
    keys = {row.record.partition(":")[0] for row in rows}
    query = (
        select(key.label("record"), Consent.purpose, Consent.source, *_PERSON)
        .join(Phone, Phone.phone_key == Consent.phone_key)
        .where(Consent.phone_key.in_(keys), key.in_([row.record for row in rows]))
    )
    return {
        row.id: {**_person(found), "purpose": found.purpose, "source": found.source}
        for row, found in _found(rows, {each.record: each for each in conn.execute(query)})
    }


def of_opt_outs(conn: Connection, rows: Sequence[Any]) -> dict[int, OptOutData]:
    """Return the data of webhooks about opt-outs, by their ids."""
    query = (
        select(OptOut.id, *_PERSON)
        .join(Phone, Phone.phone_key == OptOut.phone_key)
        .where(OptOut.id.in_([int(row.record) for row in rows]))
    )
    return {
        row.id: {**_person(found), "source": row.reason}
        for row, found in _found(rows, {str(each.id): each for each in conn.execute(query)})
    }


def of_messages(conn: Connection, rows: Sequence[Any]) -> dict[int, MessageData]:
    """Return the data of webhooks about what people write, by their ids; with the words."""
    query = (
        select(*Inbound.__table__.c, Phone.e164)
        .join(Phone, Phone.phone_key == Inbound.phone_key)
        .where(Inbound.sid.in_([row.record for row in rows]))
    )
    told: dict[int, MessageData] = {}
    for row, found in _found(rows, {each.sid: each for each in conn.execute(query)}):
        message: MessageData = {
            "phone": mask(found.e164) if found.e164 else None,
            "phoneKey": found.phone_key,
            "test": False,
            "messageSid": found.sid,
            "channel": Channel(found.channel),
            "keyword": found.keyword,
        }
        if found.blanked_at is None:
            message["body"] = found.body
        told[row.id] = message
    return told


def of_incidents(conn: Connection, rows: Sequence[Any]) -> dict[int, IncidentData]:
    """Return the data of webhooks about incidents, by their ids."""
    ids = [uuid.UUID(hex=row.record) for row in rows]
    query = select(Incident.__table__).where(Incident.id.in_(ids))
    return {
        row.id: {
            "incidentId": str(found.id),
            "incidentKey": found.incident_key,
            "title": found.title,
            "severity": found.severity,
            "acknowledgedBy": found.acknowledged_by,
            "via": found.acknowledged_via,
        }
        for row, found in _found(rows, {each.id.hex: each for each in conn.execute(query)})
    }


def _deliveries(conn: Connection, rows: Sequence[Any]) -> dict[str, Any]:
    query = (
        select(
            Delivery.id,
            Delivery.kind,
            Delivery.event_id,
            Delivery.subject,
            Delivery.channel,
            Delivery.metadata_.label("event_metadata"),
            AppointmentEvent.starts_at,
            *_PERSON,
        )
        .join(Phone, Phone.phone_key == Delivery.phone_key)
        .outerjoin(AppointmentEvent, AppointmentEvent.delivery_id == Delivery.id)
        .where(Delivery.id.in_([uuid.UUID(hex=row.record) for row in rows]))
    )
    return {each.id.hex: each for each in conn.execute(query)}


def _found(rows: Sequence[Any], found: dict[str, Any]) -> list[tuple[Any, Any]]:
    return [(row, found[row.record]) for row in rows if row.record in found]


def _person(found: Any) -> OfPerson:
    return {
        "phone": mask(found.e164) if found.e164 else None,
        "phoneKey": found.phone_key,
        "test": found.is_test,
    }


def _event(found: Any) -> OfEvent:
    return {
        **_person(found),
        "deliveryId": str(found.id),
        "kind": found.kind,
        "eventId": found.event_id,
        "subject": found.subject,
        "metadata": found.event_metadata or {},
    }
