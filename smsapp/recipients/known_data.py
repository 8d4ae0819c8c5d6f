"""All that is known about one customer, for themselves or as evidence."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from smsapp.extensions import reading
from smsapp.models import (
    Consent,
    ConsentEvidence,
    Delivery,
    Inbound,
    OptOut,
    Phone,
    Verification,
    Wording,
)


def about(phone_key: str) -> dict[str, Any]:
    """Return all that is known about a customer, as JSON, for themselves."""
    with reading() as conn:
        phone = conn.execute(select(Phone.__table__).where(Phone.phone_key == phone_key)).one()
        return {
            "phone": phone.e164,
            "country": phone.country,
            "firstSeenAt": phone.created_at.isoformat(),
            "verifiedAt": phone.verified_at and phone.verified_at.isoformat(),
            "consents": _as_json(
                conn,
                select(
                    Consent.seq,
                    Consent.purpose,
                    Consent.action,
                    Consent.source,
                    Consent.since,
                    Wording.text.label("words"),
                    ConsentEvidence.address,
                    ConsentEvidence.user_agent,
                )
                .join(Wording, Wording.hash == Consent.wording_hash)
                .outerjoin(
                    ConsentEvidence,
                    (ConsentEvidence.phone_key == Consent.phone_key)
                    & (ConsentEvidence.seq == Consent.seq),
                )
                .where(Consent.phone_key == phone_key)
                .order_by(Consent.seq),
            ),
            "optOuts": _as_json(
                conn,
                select(OptOut.source, OptOut.created_at, OptOut.lifted_at)
                .where(OptOut.phone_key == phone_key)
                .order_by(OptOut.created_at),
            ),
            "texts": _as_json(
                conn,
                select(
                    Delivery.kind,
                    Delivery.subject,
                    Delivery.body,
                    Delivery.blanked_at,
                    Delivery.state.label("status"),
                    Delivery.created_at,
                )
                .where(Delivery.phone_key == phone_key)
                .order_by(Delivery.created_at),
            ),
            "textsFromYou": _as_json(
                conn,
                select(Inbound.body, Inbound.blanked_at, Inbound.keyword, Inbound.received_at)
                .where(Inbound.phone_key == phone_key)
                .order_by(Inbound.received_at),
            ),
            "verifications": _as_json(
                conn,
                select(Verification.channel, Verification.started_at, Verification.approved_at)
                .where(Verification.phone_key == phone_key)
                .order_by(Verification.started_at),
            ),
        }


def _as_json(conn: Connection, query: Any) -> list[dict[str, Any]]:
    return [
        {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in row._mapping.items()
        }
        for row in conn.execute(query)
    ]
