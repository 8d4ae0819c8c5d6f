"""Everything about one number, for support: what it agreed to, and what went to and fro."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from smsapp import clock
from smsapp.delivery import windows
from smsapp.extensions import reading, settings
from smsapp.languages import ENGLISH
from smsapp.models import Consent, OptOut, Phone, Reason
from smsapp.recipients import consent, permission
from smsapp.recipients.purposes import PURPOSES, WAYS, Purpose, purpose
from smsapp.trace import listing
from smsapp.trace.listing import Cursor, Page

# Rows of the ledger that are shown; `flask consent export` writes all of them.
MAX_CONSENTS = 100


@dataclass(frozen=True, slots=True)
class AboutNumber:
    """A number's whole page.

    Attributes:
        phone: Its row; e164 is None for an erased person.
        permissions: (purpose, why it may not be texted about it now, or None).
        ways: Those that its owner chose to be written to.
        free_until: Until when it may be written to on WhatsApp without a template; None if not now.
        consents: Its rows of the ledger with words and evidence, newest first.
        opt_outs: Newest first; the one in force has no lifted_at.
        media: The files that came with what it sent us, by the text's SID.
        voicemails: The recordings of those of its texts that are voicemails, by their SID.
    """

    phone: Row[Any]
    permissions: list[tuple[Purpose, Reason | None]]
    ways: list[Purpose]
    free_until: datetime | None
    consents: Sequence[Any]
    opt_outs: Sequence[Any]
    sent: Page
    got: Page
    media: dict[str, list[Any]]
    codes: Page
    calls: Page
    voicemails: Mapping[str, Any]

    @property
    def opted_out(self) -> bool:
        """Whether an opt-out is in force."""
        return any(out.lifted_at is None for out in self.opt_outs)


def about(
    phone_key: str,
    sent: uuid.UUID | None = None,
    got: Cursor | None = None,
    codes: datetime | None = None,
    kind: str | None = None,
    calls: Cursor | None = None,
) -> AboutNumber | None:
    """Return a number's page, its lists from there on; None where we never met it.

    What it was sent is of one kind, or of all.
    """
    with reading(snapshot=True) as conn:
        phone = conn.execute(
            select(Phone.__table__).where(Phone.phone_key == phone_key)
        ).one_or_none()
        if phone is None:
            return None
        numbers = {phone_key: phone.e164}
        texts = listing.texts_from(conn, phone_key, got)
        known = permission.consent_states(conn, numbers, settings().allowed_recipients)[phone_key]
        return AboutNumber(
            phone,
            [
                (purpose(name, ENGLISH), permission.may_text(known, name).refusal)
                for name in PURPOSES
                if name not in WAYS
            ],
            [purpose(name, ENGLISH) for name in PURPOSES if name in WAYS and known.agreed_to(name)],
            _free_until(phone),
            conn.execute(
                consent.with_words(
                    phone_key, Consent.at, Consent.verify_sid, Consent.wording_version
                )
                .order_by(Consent.seq.desc())
                .limit(MAX_CONSENTS)
            ).all(),
            conn.execute(
                select(OptOut.source, OptOut.created_at, OptOut.lifted_at)
                .where(OptOut.phone_key == phone_key)
                .order_by(OptOut.id.desc())
            ).all(),
            listing.of_phone(conn, phone_key, sent, kind),
            texts,
            listing.media_of(conn, texts),
            listing.verifications(conn, phone_key, codes),
            listing.calls(conn, phone_key, calls),
            listing.voicemails_of(conn, texts),
        )


def _free_until(phone: Row[Any]) -> datetime | None:
    closes_at = windows.closes_at(phone.whatsapp_at) if phone.whatsapp_at else None
    return closes_at if closes_at and closes_at > clock.now() else None
