"""Phone calls, ours and theirs, and what was said after the tone."""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, PhoneKey


class CallDirection(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class TranscriptState(StrEnum):
    """Whether a voicemail has been written down."""

    AWAITED = "awaited"
    WRITTEN = "written"
    MISSING = "missing"  # Twilio could not, or never said


class Call(Base):
    """One phone call: whose, when, how long, how it ended, and which keys they pressed."""

    __tablename__ = "call"
    # A number's calls, newest first, beside its texts.
    __table_args__ = (Index("call_phone", "phone_key", "began_at"),)

    sid: Mapped[str] = mapped_column(String(34), primary_key=True)
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    direction: Mapped[CallDirection]
    # What it was made for, of ours.
    attempt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("attempt.id"), index=True)
    status: Mapped[str] = mapped_column(String(20))  # Twilio's word
    # The number of the status callback that said so: they come in any order. -1 before the first.
    sequence: Mapped[int] = mapped_column(server_default=text("-1"))
    answered_by: Mapped[str | None] = mapped_column(String(30))  # Twilio's word
    keys: Mapped[str] = mapped_column(String(200), server_default="")  # with blanks between
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    seconds: Mapped[int | None]


class Voicemail(Base):
    """The recording of a voicemail; its transcript is the body of its row of `inbound`."""

    __tablename__ = "voicemail"

    sid: Mapped[str] = mapped_column(String(34), ForeignKey("inbound.sid"), primary_key=True)
    call_sid: Mapped[str] = mapped_column(String(34), index=True)
    seconds: Mapped[int]
    transcript: Mapped[TranscriptState]
    transcript_by: Mapped[datetime]  # when nobody waits for it any more
