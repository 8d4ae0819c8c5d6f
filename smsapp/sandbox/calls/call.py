"""One phone call as the carrier keeps it, what was heard in it, and what was recorded."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import JSON, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from smsapp import clock
from smsapp.sandbox.database import Base
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import API_VERSION, iso8601, new_sid, rfc2822

ENDED = ("completed", "busy", "no-answer", "failed", "canceled")
Direction = Literal["inbound", "outbound-api"]
# Who is heard: the shop, who is called or calls, or the line itself.
Voice = Literal["shop", "customer", "line"]


class Call(Base):
    """A call. `customer` is the side that is not the shop's; withheld, it is no number.

    `url` is what says what is said, `wants` what the line waits for, with all that comes after it;
    null while it rings and once it is over. `sequence` counts the events that were posted.
    """

    __tablename__ = "call"
    __table_args__ = (Index("call_to", "to_number", "seq"), {"sqlite_autoincrement": True})

    seq: Mapped[int] = mapped_column(primary_key=True)
    sid: Mapped[str] = mapped_column(unique=True)
    direction: Mapped[Direction] = mapped_column(String)
    customer: Mapped[str]
    to_number: Mapped[str]
    from_number: Mapped[str]
    status: Mapped[str]
    url: Mapped[str]
    fallback_url: Mapped[str | None]
    callback_url: Mapped[str | None]
    events: Mapped[list[str]] = mapped_column(JSON)
    detects_machines: Mapped[bool] = mapped_column(default=False)
    answered_by: Mapped[str | None]
    sip_code: Mapped[int | None]
    sequence: Mapped[int] = mapped_column(default=0)
    wants: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    created_at: Mapped[float]
    rings_until: Mapped[float | None]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]

    @property
    def seconds(self) -> int:
        """For how long it was talked."""
        return round((self.ended_at or 0) - self.started_at) if self.started_at else 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more can happen in it."""
        return self.status in ENDED

    @property
    def rings(self) -> bool:
        """Whether somebody may pick up."""
        return self.status in ("queued", "ringing")

    def as_twilio(self, account_sid: str) -> dict[str, object]:
        """Return Twilio's JSON: durations, prices and milliseconds are strings."""
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Calls/{self.sid}"
        beside = ("notifications", "recordings", "payments", "events", "siprec", "streams")
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "to": self.to_number,
            "to_formatted": self.to_number,
            "from": self.from_number,
            "from_formatted": self.from_number,
            "phone_number_sid": "PN" + "0" * 32,
            "parent_call_sid": None,
            "status": self.status,
            "start_time": rfc2822(self.started_at) if self.started_at else None,
            "end_time": rfc2822(self.ended_at) if self.ended_at else None,
            "duration": str(self.seconds) if self.is_over else None,
            "price": None,
            "price_unit": "USD",
            "direction": self.direction,
            "answered_by": self.answered_by,
            "api_version": API_VERSION,
            "forwarded_from": None,
            "group_sid": None,
            "caller_name": None,
            "queue_time": "0",
            "trunk_sid": None,
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.ended_at or self.started_at or self.created_at),
            "uri": f"{uri}.json",
            "subresource_uris": {
                name: f"{uri}/{name.capitalize()}.json" for name in (*beside, "transcriptions")
            },
        }

    def as_json(self) -> dict[str, object]:
        """Return what `GET /calls.json` promises to tests."""
        return {
            "sid": self.sid,
            "direction": "inbound" if self.direction == "inbound" else "outbound",
            "to": self.to_number,
            "from": self.from_number,
            "status": self.status,
            "answeredBy": self.answered_by,
            "createdAt": iso8601(self.created_at),
        }


class Heard(Base):
    """What was said in a call, or pressed, or happened on the line."""

    __tablename__ = "heard"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_sid: Mapped[str] = mapped_column(index=True)
    who: Mapped[Voice] = mapped_column(String)
    words: Mapped[str]
    language: Mapped[str | None]
    at: Mapped[float]


class Recording(Base):
    """What a caller left after the tone; its words were typed, its sound is a tone."""

    __tablename__ = "recording"

    sid: Mapped[str] = mapped_column(primary_key=True)
    call_sid: Mapped[str] = mapped_column(index=True)
    words: Mapped[str]
    seconds: Mapped[int]
    created_at: Mapped[float]
    deleted_at: Mapped[float | None]
    transcription_sid: Mapped[str | None]

    def as_twilio(self, account_sid: str) -> dict[str, object]:
        """Return Twilio's JSON."""
        uri = f"/{API_VERSION}/Accounts/{account_sid}/Recordings/{self.sid}"
        made = rfc2822(self.created_at)
        return {
            "sid": self.sid,
            "account_sid": account_sid,
            "call_sid": self.call_sid,
            "conference_sid": None,
            "channels": 1,
            "source": "RecordVerb",
            "status": "completed",
            "duration": str(self.seconds),
            "error_code": None,
            "price": "-0.00250",
            "price_unit": "USD",
            "start_time": made,
            "date_created": made,
            "date_updated": made,
            "media_url": f"https://api.twilio.com{uri}",
            "encryption_details": None,
            "api_version": API_VERSION,
            "uri": f"{uri}.json",
            "subresource_uris": {
                "add_on_results": f"{uri}/AddOnResults.json",
                "transcriptions": f"{uri}/Transcriptions.json",
            },
        }

    def transcription(self, account_sid: str) -> dict[str, object]:
        """Return its transcription as Twilio's JSON."""
        made = rfc2822(self.created_at)
        return {
            "sid": self.transcription_sid,
            "account_sid": account_sid,
            "recording_sid": self.sid,
            "status": "completed",
            "transcription_text": self.words,
            "type": "fast",
            "duration": "1",
            "price": "-0.05000",
            "price_unit": "USD",
            "date_created": made,
            "date_updated": made,
            "api_version": API_VERSION,
            "uri": f"/{API_VERSION}/Accounts/{account_sid}/Transcriptions/"
            f"{self.transcription_sid}.json",
        }


def new_call(
    direction: Direction,
    to: str,
    sender: str,
    url: str,
    fallback_url: str | None,
    callback_url: str | None,
    events: Sequence[str],
) -> Call:
    """Return a call that comes into being now."""
    return Call(
        sid=new_sid("CA"),
        direction=direction,
        customer=sender if direction == "inbound" else to,
        to_number=to,
        from_number=sender,
        status="queued" if direction == "outbound-api" else "ringing",
        url=url,
        fallback_url=fallback_url,
        callback_url=callback_url,
        events=list(events),
        sequence=0,
        detects_machines=False,
        created_at=clock.now().timestamp(),
    )


def find(desk: Desk, sid: str) -> Call | None:
    """Return one call."""
    with desk.database.read() as db:
        return db.scalar(select(Call).where(Call.sid == sid))


def at(desk: Desk, seq: int) -> Call | None:
    """Return one call by its place in the order."""
    with desk.database.read() as db:
        return db.get(Call, seq)


def calls(desk: Desk, limit: int = -1, to: str | None = None) -> Sequence[Call]:
    """Return calls, newest first; those to one number or all."""
    query = select(Call).order_by(Call.seq.desc()).limit(limit)
    with desk.database.read() as db:
        return db.scalars(query.where(Call.to_number == to) if to else query).all()


def heard(desk: Desk, call_sid: str) -> Sequence[Heard]:
    """Return what was heard in a call, in its order."""
    with desk.database.read() as db:
        return db.scalars(select(Heard).where(Heard.call_sid == call_sid).order_by(Heard.id)).all()


def hear(db: Session, call: Call, who: Voice, words: str, language: str | None = None) -> None:
    """Write down what is heard in a call."""
    now = clock.now().timestamp()
    db.add(Heard(call_sid=call.sid, who=who, words=words, language=language, at=now))
