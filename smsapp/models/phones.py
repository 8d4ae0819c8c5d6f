"""Numbers, in the one table that has them, and the codes that prove whose they are."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, false, text
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, Channel, PhoneKey, partial_index

NUMBER_IS_HERE = text("e164 IS NOT NULL")
# Only as long as it is needed: retention/code_networks.py.
NETWORK_IS_HERE = text("network IS NOT NULL")


class Phone(Base):
    """The only place of a number, and of the e-mail address of whoever has it.

    e164 is null once it was forgotten or its person erased; the address goes with it. What test
    keys write to a number stands under another key than what its person is written (is_test).
    """

    __tablename__ = "phone"
    __table_args__ = (
        # Numbers that may have gone unused for long, the longest first.
        partial_index("phone_idle", "used_at", where=NUMBER_IS_HERE),
        # Unique: under a changed PHONE_KEY a known number would get a second key and lose its
        # opt-out. As it is, no second row is written, and what refers to it is refused.
        partial_index("phone_number", "e164", where="NOT is_test", unique=True),
        partial_index("phone_test_number", "e164", where="is_test", unique=True),
    )

    phone_key: Mapped[str] = mapped_column(PhoneKey, primary_key=True)
    e164: Mapped[str | None] = mapped_column(String(16))
    is_test: Mapped[bool] = mapped_column(server_default=false())
    country: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    # From then on a service's consentAt counts no more: only the customer's own grant does.
    erased_at: Mapped[datetime | None]
    # Customer sessions begun before then have ended.
    sessions_since: Mapped[datetime | None]
    # When it was last used as far as anybody has looked (retention/numbers.py): never too late.
    used_at: Mapped[datetime] = mapped_column(server_default="1970-01-01 00:00:00.000000")
    # When the number was forgotten because nobody had used it; once it is used it is known again.
    forgotten_at: Mapped[datetime | None]
    # When they last wrote to us on WhatsApp: for a day from then on they may be written to freely.
    # Null, too, once WhatsApp has said that this is over.
    whatsapp_at: Mapped[datetime | None]
    # The key of the number's right spelling, under which all of it stands (recipients/merging.py).
    # Of no number: the copy to PostgreSQL may write this row first.
    merged_into: Mapped[str | None] = mapped_column(PhoneKey)
    # Where they are written to if a text cannot reach them, and since when that is known.
    email: Mapped[str | None] = mapped_column(String(254))
    email_at: Mapped[datetime | None]
    # Whether they gave it themselves, and confirmed it; if not, it came with an event.
    email_is_own: Mapped[bool] = mapped_column(server_default=false())
    # What they gave and have not confirmed yet.
    email_to_confirm: Mapped[str | None] = mapped_column(String(254))
    # Rows in the consent ledger, so that a missing last one shows too.
    consents: Mapped[int] = mapped_column(server_default="0")


class Verification(Base):
    """One code that Twilio Verify was asked to send; the code itself is never here."""

    __tablename__ = "verification"
    __table_args__ = (
        # How often a number, and a prefix, asked lately.
        Index("verification_phone", "phone_key", "started_at"),
        Index("verification_prefix", "prefix", "started_at"),
        Index("verification_sid", "verify_sid"),
        # How many were asked for lately, by all.
        Index("verification_started", "started_at"),
        partial_index("verification_network", "started_at", where=NETWORK_IS_HERE),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    prefix: Mapped[str] = mapped_column(String(8))  # "+44770": country code and three digits
    channel: Mapped[Channel]
    # Null until Twilio has answered. A second code has the SID of the first.
    verify_sid: Mapped[str | None] = mapped_column(String(34))
    # Keyed hashes of who asked (recipients/asker.py); null where older code wrote the row.
    session: Mapped[str | None] = mapped_column(String(32))
    network: Mapped[str | None] = mapped_column(String(32))  # null for an API key too
    # Of the codes entered, by anybody, while this row was the newest of its SID.
    checks: Mapped[int]
    # Of the codes that its own session entered after it.
    session_checks: Mapped[int] = mapped_column(server_default="0")
    started_at: Mapped[datetime]
    approved_at: Mapped[datetime | None]
