"""What people write to us."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from smsapp.models.base import Base, Channel, PhoneKey, partial_index

BODY_IS_HERE = text("blanked_at IS NULL")


class Inbound(Base):
    """A text that somebody sent us, kept for support."""

    __tablename__ = "inbound"
    __table_args__ = (
        Index("inbound_phone", "phone_key", "received_at"),
        # Whose bodies are to be blanked, oldest first.
        partial_index("inbound_body", "received_at", where=BODY_IS_HERE),
        # The inbox, newest first.
        Index("inbound_newest", "received_at", "sid"),
    )

    sid: Mapped[str] = mapped_column(String(34), primary_key=True)
    phone_key: Mapped[str] = mapped_column(PhoneKey, ForeignKey("phone.phone_key"))
    body: Mapped[str] = mapped_column(Text)
    # Of Channel: sms or whatsapp.
    channel: Mapped[str] = mapped_column(String(8), server_default=Channel.SMS.value)
    keyword: Mapped[str | None] = mapped_column(String(10))  # stop, start, help
    received_at: Mapped[datetime]
    blanked_at: Mapped[datetime | None]  # since when `body` is empty


class InboundMedia(Base):
    """A picture, voice note or other file that came with a text; Twilio has it, and we do not.

    It goes when the text's words go, and nobody can fetch it any more.
    """

    __tablename__ = "inbound_media"
    __table_args__ = (
        Index("inbound_media_of", "inbound_sid"),
        # Whose size is to be asked for.
        partial_index("inbound_media_ask", "ask_at", where="ask_at IS NOT NULL"),
    )

    sid: Mapped[str] = mapped_column(String(34), primary_key=True)  # "ME…"
    inbound_sid: Mapped[str] = mapped_column(String(34), ForeignKey("inbound.sid"))
    content_type: Mapped[str] = mapped_column(String(80))
    size: Mapped[int | None]  # in bytes; null while nobody has said
    ask_at: Mapped[datetime | None]  # when to ask for the size; null: never
    tries: Mapped[int] = mapped_column(server_default="0")


class InboundList(Base):
    """How far workers have gone through Twilio's list of the texts to one of our senders."""

    __tablename__ = "inbound_list"

    sender: Mapped[str] = mapped_column(String(40), primary_key=True)
    complete_until: Mapped[datetime]  # we have all that came in before
    look_at: Mapped[datetime]  # when to go through it next
