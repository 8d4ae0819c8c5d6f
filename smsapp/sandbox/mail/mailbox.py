"""The mails that the server took, as one mailbox that gets everybody's."""

import email
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import default

from sqlalchemy import JSON, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from smsapp import clock
from smsapp.sandbox.database import Base
from smsapp.sandbox.desk import Desk
from smsapp.sandbox.message import iso8601


class Mail(Base):
    """A mail. Whatever comes with a Message-ID that is known is the same one once more.

    `text` and `html` are the two forms of its words; `headers` are pairs of name and value, in
    the order in which they came.
    """

    __tablename__ = "mail"

    seq: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[str] = mapped_column(unique=True)
    sender: Mapped[str]
    recipient: Mapped[str]
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    headers: Mapped[list[list[str]]] = mapped_column(JSON)
    copies: Mapped[int]
    created_at: Mapped[float]

    def as_json(self) -> dict[str, object]:
        """Return what `GET /mail.json` promises to tests."""
        return {
            "id": self.message_id,
            "to": self.recipient,
            "from": self.sender,
            "subject": self.subject,
            "text": self.text,
            "headers": dict(self.headers),
            "copies": self.copies,
            "createdAt": iso8601(self.created_at),
        }


def keep(desk: Desk, recipient: str, content: bytes) -> None:
    """Put a mail into the mailbox, or count it where it is there already, as mailboxes do."""
    mail = email.message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)  # noqa: S101  what this policy makes
    message_id = str(mail.get("Message-ID", "")).strip("<> ") or f"none-{clock.now().timestamp()}"
    with desk.database.write() as db:
        known = db.scalar(select(Mail).where(Mail.message_id == message_id))
        if known:
            known.copies += 1
        else:
            db.add(
                Mail(
                    message_id=message_id,
                    sender=str(mail.get("From", "")),
                    recipient=recipient,
                    subject=str(mail.get("Subject", "")),
                    text=_part(mail, "plain"),
                    html=_part(mail, "html"),
                    headers=[[name, str(value)] for name, value in mail.items()],
                    copies=1,
                    created_at=clock.now().timestamp(),
                )
            )
    desk.changed()


def _part(mail: EmailMessage, form: str) -> str:
    part = mail.get_body((form,))
    return str(part.get_content()) if part else ""


def mails(desk: Desk, limit: int = -1) -> Sequence[Mail]:
    """Return the mails, newest first."""
    with desk.database.read() as db:
        return db.scalars(select(Mail).order_by(Mail.seq.desc()).limit(limit)).all()


def mail(desk: Desk, seq: int) -> Mail | None:
    """Return one."""
    with desk.database.read() as db:
        return db.get(Mail, seq)


def count(desk: Desk) -> int:
    """Return how many there are."""
    with desk.database.read() as db:
        return db.scalar(select(func.count()).select_from(Mail)) or 0


def clear(desk: Desk) -> None:
    """Forget them all."""
    with desk.database.write() as db:
        db.execute(delete(Mail))
    desk.changed()
